// What a list allows: exact certificates, by role, never by name (doc/protocols/ctl.md, section 9).
#pragma once

#include "trust/list.hpp"

namespace tserver::trust {

bool is_server(Role role) noexcept;  ///< CCM or CCM+TFTP

/// Usable certificates of the CallManager records, each once.
std::vector<crypto::Certificate> servers(const List& list);
/// Usable certificates of the CAPF records, each once.
std::vector<crypto::Certificate> capf(const List& list);

/// Is the presented leaf, octet for octet, a record with a CallManager role (or does a record without
/// certificate carry its hash)? Dates are not looked at, and neither is any other record of the list.
bool trusts_server(const List& list, const crypto::Certificate& leaf);
bool trusts_capf(const List& list, const crypto::Certificate& leaf);

/// Can a server be trusted by this list at all? Nothing if so; CTL_NO_SERVER_CERTS if no CCM or CCM+TFTP
/// record has a certificate or a hash that can be used: the cluster is not in mixed mode any more.
std::optional<Error> no_servers(const List& list);

}  // namespace tserver::trust
