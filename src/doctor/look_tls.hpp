// A TLS handshake without a certificate of ours: what the server shows, and nothing that an identity could
// suffer from. CTIManager counts connections by certificate, so this one is none to it.
#pragma once

#include "net/tls_stream.hpp"

namespace tserver::doctor {

struct Shown {
    std::string address;  ///< "10.1.1.5:2749"
    std::string version, suite;
    crypto::Certificate leaf;
};

struct Look {
    std::optional<Shown> shown;  ///< the handshake came as far as the server's certificate
    /// Why there is nothing shown; `refused` errors come from connecting.
    std::optional<net::TlsFailure> failure;
    std::optional<Error> unconnected;
};

/// @param limit  of connecting and handshake together
net::Task<Look> look_tls(net::Loop& loop, Endpoint server, const crypto::TlsContext& context,
                         std::chrono::milliseconds limit);

/// Whether a TLS server answers there, of whatever kind: by its certificate or by an alert.
net::Task<bool> answers_tls(net::Loop& loop, Endpoint server, std::chrono::milliseconds limit);

}  // namespace tserver::doctor
