#include "trust/roles.hpp"

#include <algorithm>

namespace tserver::trust {
namespace {

template <class Wanted>
std::vector<crypto::Certificate> collect(const List& list, Wanted wanted) {
    std::vector<crypto::Certificate> out;
    for (const auto& record : list.records) {
        const auto* certificate = wanted(record.role) ? record.usable() : nullptr;
        if (certificate != nullptr && std::ranges::find(out, *certificate) == out.end())
            out.push_back(*certificate);
    }
    return out;
}

/// The record's certificate is this one; or, in a record without certificate, its hash.
bool names(const Record& record, const crypto::Certificate& leaf) {
    if (record.certificate) return record.usable() != nullptr && *record.certificate == leaf;
    return record.hash && crypto::digest_of(record.hash->digest, leaf.der()) == record.hash->value;
}

template <class Wanted>
bool trusts(const List& list, const crypto::Certificate& leaf, Wanted wanted) {
    return std::ranges::any_of(
        list.records, [&](const Record& record) { return wanted(record.role) && names(record, leaf); });
}

bool is_capf(Role role) noexcept { return role == Role::capf; }

}  // namespace

bool is_server(Role role) noexcept { return role == Role::ccm || role == Role::ccm_tftp; }

std::vector<crypto::Certificate> servers(const List& list) { return collect(list, is_server); }
std::vector<crypto::Certificate> capf(const List& list) { return collect(list, is_capf); }

bool trusts_server(const List& list, const crypto::Certificate& leaf) {
    return trusts(list, leaf, is_server);
}
bool trusts_capf(const List& list, const crypto::Certificate& leaf) { return trusts(list, leaf, is_capf); }

std::optional<Error> no_servers(const List& list) {
    const auto count =
        std::ranges::count_if(list.records, [](const Record& record) { return is_server(record.role); });
    const bool any = std::ranges::any_of(list.records, [](const Record& record) {
        return is_server(record.role) && (record.usable() != nullptr || record.hash);
    });
    if (any) return std::nullopt;
    return Error{Fault::CTL_NO_SERVER_CERTS,
                 count == 0 ? "no record with the role CCM or CCM+TFTP"
                            : std::to_string(count) +
                                  " CCM+TFTP or CCM records, none with a certificate that can be used",
                 {}};
}

}  // namespace tserver::trust
