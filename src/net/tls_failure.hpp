// What can go wrong in a TLS conversation, before it is known whose conversation it was.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/result.hpp"

namespace tserver::net {

struct TlsAgreed {
    std::string version;  ///< "TLSv1.2"
    std::string suite;    ///< "ECDHE-RSA-AES256-GCM-SHA384"
};

struct TlsFailure {
    enum class Kind : std::uint8_t {
        closed,           ///< the peer ended the connection without a word
        reset,            ///< the peer reset it
        silent,           ///< nothing came within the time limit
        not_tls,          ///< what came is no TLS record
        version,          ///< no common version
        suite,            ///< no common suite, group or signature scheme
        alert,            ///< the peer sent a fatal alert
        untrusted,        ///< the peer's certificate was refused by us
        authority_list,   ///< the peer's list of authorities does not fit TLS (F5)
        chain_too_large,  ///< the peer's chain is larger than we read (F4)
        dead,             ///< the system gave the connection up (keep-alive, user time-out)
        renegotiation,    ///< refused (F58)
        other,
    };
    Kind kind;
    std::optional<int> alert;        ///< number of the peer's alert (RFC 8446, section 6)
    std::string detail;              ///< what was seen, escaped
    std::optional<Error> rejection;  ///< with `untrusted`: what the check said
    /// What client and server had agreed on before it failed: the server has shown its certificate by then,
    /// and what fails afterwards is about ours.
    std::optional<TlsAgreed> agreed{};
};

using Kind = TlsFailure::Kind;

/// "unknown_ca (48)"
std::string alert_text(int alert);

/// The failure in the words of the session with a CTIManager, and in those of an enrolment.
Error as_cti_error(const TlsFailure& failure);
Error as_capf_error(const TlsFailure& failure);

}  // namespace tserver::net
