// Enrolment over the network: make the key, connect, check the server, talk.
#pragma once

#include "capf/enrol.hpp"
#include "net/tls_stream.hpp"

namespace tserver::capf {

/// Arguments must live as long as the task. Cancelling it is safe at any moment: `progress` says what the
/// code is worth, and what went out is not taken back.
/// @return CTL_NO_CAPF (no authorities given); NAME_RESOLUTION, CAPF_UNREACHABLE; CAPF_TLS_UNTRUSTED (the
///         server's certificate is not one of the authorities, octet for octet); OUT_OF_RESOURCES; as enrol()
Task<Result<Enrolled>> enrol_over_network(net::Loop& loop, const Endpoint& server, TlsProfile profile,
                                          const Request& request, KeyKeeper& keeper, Progress& progress);

}  // namespace tserver::capf
