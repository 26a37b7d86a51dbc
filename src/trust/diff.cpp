#include "trust/diff.hpp"

#include <algorithm>
#include <map>

#include <fmt/format.h>

namespace tserver::trust {
namespace {

/// What makes two records the same for this purpose: role, and certificate (or hash, or host).
std::string key_of(const Record& record) {
    const auto role = static_cast<unsigned>(record.role);
    if (record.certificate) return fmt::format("{} certificate {}", role, hex(record.certificate->der()));
    if (record.hash) return fmt::format("{} hash {}", role, hex(record.hash->value));
    return fmt::format("{} host {} {} {} {}", role, record.dns, record.address, record.subject_text,
                       hex(record.serial));
}

std::string shown(const Record& record) {
    if (auto subject = record.subject(); !subject.empty()) return subject;
    const auto& host = record.dns.empty() ? record.address : record.dns;
    return fmt::format("{} ({})", host.empty() ? "no name" : host,
                       record.hash ? "hash only" : "no certificate");
}

std::string sha256_of(const Record& record) {
    return record.certificate ? record.certificate->sha256() : std::string{};
}

std::optional<Instant> end_of(const Record& record) {
    return record.certificate ? std::optional{record.certificate->not_after()} : std::nullopt;
}

Bytes spki_of(const Record& record) {
    const auto* certificate = record.usable();
    if (certificate == nullptr) return {};
    const auto key = certificate->public_key();
    return key ? key->spki() : Bytes{};
}

/// Records of `list` that `other` has not, each once, in their order.
std::vector<const Record*> only_in(const List& list, const List& other) {
    std::map<std::string, bool> known;
    for (const auto& record : other.records) known.emplace(key_of(record), true);
    std::vector<const Record*> out;
    for (const auto& record : list.records)
        if (known.emplace(key_of(record), true).second) out.push_back(&record);
    return out;
}

/// A removed record of the same role with the same key, taken out of `removed`.
const Record* take_twin(const Record& added, std::vector<const Record*>& removed) {
    const auto spki = spki_of(added);
    if (spki.empty()) return nullptr;
    const auto twin = std::ranges::find_if(
        removed, [&](const Record* old) { return old->role == added.role && spki_of(*old) == spki; });
    if (twin == removed.end()) return nullptr;
    const auto* out = *twin;
    removed.erase(twin);
    return out;
}

}  // namespace

Diff difference(const List& old_list, const List& new_list) {
    using Kind = Change::Kind;
    Diff out;
    out.signer_changed = old_list.header.signer_serial != new_list.header.signer_serial;
    auto removed = only_in(old_list, new_list);
    for (const auto* record : only_in(new_list, old_list)) {
        const auto* twin = take_twin(*record, removed);
        out.changes.push_back({twin != nullptr ? Kind::same_key : Kind::added, record->role, shown(*record),
                               twin != nullptr ? twin->serial_text() : std::string{}, record->serial_text(),
                               twin != nullptr ? sha256_of(*twin) : std::string{}, sha256_of(*record),
                               end_of(*record)});
    }
    for (const auto* record : removed)
        out.changes.push_back({Kind::removed,
                               record->role,
                               shown(*record),
                               record->serial_text(),
                               {},
                               sha256_of(*record),
                               {},
                               end_of(*record)});
    return out;
}

std::string_view name(Change::Kind kind) noexcept {
    switch (kind) {
        case Change::Kind::added: return "added";
        case Change::Kind::removed: return "removed";
        case Change::Kind::same_key: return "same key";
    }
    return "changed";
}

std::string line(const Change& change) {
    const bool removed = change.kind == Change::Kind::removed;
    const auto& serial = removed ? change.old_serial : change.new_serial;
    const auto& sha256 = removed ? change.old_sha256 : change.new_sha256;
    const auto* const mark = removed ? "-" : change.kind == Change::Kind::added ? "+" : "~";
    auto out = fmt::format("{} {} {}", mark, role_name(change.role), change.subject);
    if (change.kind == Change::Kind::same_key)
        out += fmt::format("  same key, new certificate: serial {} -> {}", change.old_serial, serial);
    else if (!serial.empty())
        out += fmt::format("  serial {}", serial);
    if (change.not_after) out += fmt::format("  until {}", rfc3339(*change.not_after));
    if (!sha256.empty()) out += fmt::format("  SHA-256 {}", sha256);
    return out;
}

std::string summary(const Diff& diff) {
    const auto count = [&](Change::Kind kind) {
        return std::ranges::count_if(diff.changes,
                                     [kind](const Change& change) { return change.kind == kind; });
    };
    std::string out;
    const auto add = [&out](const std::string& part) { out += (out.empty() ? "" : ", ") + part; };
    if (const auto n = count(Change::Kind::added); n > 0) add(fmt::format("{} added", n));
    if (const auto n = count(Change::Kind::removed); n > 0) add(fmt::format("{} removed", n));
    if (const auto n = count(Change::Kind::same_key); n > 0)
        add(fmt::format("{} same key with new certificate", n));
    if (diff.signer_changed) add("another signer");
    return out.empty() ? "no change" : out;
}

}  // namespace tserver::trust
