// Step 3 of a link's life: an open connection to a CTIManager, over mutual TLS or in clear.
#pragma once

#include "link/board.hpp"
#include "net/tls_stream.hpp"

namespace tserver::link {

/// An open session and what it told before an application came.
struct Session {
    std::unique_ptr<net::FarSide> far;
    std::optional<crypto::Certificate> peer;  ///< with TLS: what the CTIManager showed
    std::string ctimanager;                   ///< "10.1.1.5:2749"
    std::string version, suite;               ///< with TLS
    Bytes early;                              ///< octets that came ahead of the application
    Steady::time_point opened{};
};

/// Resolves, connects to each address in turn, and is done when octets may flow.
/// @return NAME_RESOLUTION, CTI_UNREACHABLE, CTI_REFUSED
net::Task<Result<Session>> open_plain(net::Loop& loop, const config::LinkConfig& config, Host ctimanager);

/// The same with mutual TLS. With TLS 1.3 it is done when the server has said anything after the handshake,
/// or after half a second of quiet: until then it may still refuse our certificate.
/// @return the CTI_ faults
net::Task<Result<Session>> open_secure(net::Loop& loop, const config::LinkConfig& config, Host ctimanager,
                                       const crypto::TlsContext& context, net::PeerCheck check);

/// Finds an application whose host is gone, wherever `listen` lets it come from. One that does not read is
/// not dead.
void watch_application(int socket, const config::LinkConfig& config);

/// Waits for the end of a session that no application uses. The first octets that come are kept for the
/// application, the rest waits in the socket.
net::Task<Error> watch_idle(net::Loop& loop, Session& session);

/// The error of a session whose far side has ended with `got`.
Error end_of(const net::FarSide& far, net::Got got);

}  // namespace tserver::link
