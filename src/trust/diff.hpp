// What changed between two trust lists.
#pragma once

#include "trust/list.hpp"

namespace tserver::trust {

struct Change {
    enum class Kind : std::uint8_t {
        added,
        removed,
        same_key
    };  ///< same_key: new certificate, key as before

    Kind kind;
    Role role;
    std::string subject;     ///< of the certificate (the new one); a record without one: host name or address
    std::string old_serial;  ///< removed and same_key
    std::string new_serial;  ///< added and same_key
    std::string old_sha256;
    std::string new_sha256;
    std::optional<Instant> not_after;  ///< of the certificate named by `subject`
};

struct Diff {
    std::vector<Change> changes;  ///< in the order of the new list, removed ones last
    bool signer_changed = false;  ///< the header names another signer serial

    [[nodiscard]] bool empty() const noexcept { return changes.empty() && !signer_changed; }
};

Diff difference(const List& old_list, const List& new_list);

std::string_view name(Change::Kind kind) noexcept;  ///< "added", "removed", "same key"
std::string line(const Change& change);             ///< one line for people: "+ CCM+TFTP CN=…"
std::string summary(
    const Diff& diff);  ///< "1 added, 2 removed, 1 same key with new certificate", "no change"

}  // namespace tserver::trust
