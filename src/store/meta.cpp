#include "store/meta.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.hpp"

namespace tserver::store {
namespace {

namespace json = boost::json;

constexpr std::int64_t format = 1;
constexpr std::array<std::string_view, 2> fates{"used", "refused"};
constexpr std::array<std::string_view, 3> trusts{"unverified", "confirmed", "pinned"};
constexpr unsigned most_rounds = 5'000'000;

tl::unexpected<Error> wrong(std::string_view member) {
    return fail(Fault::STORE_DAMAGED, fmt::format("member \"{}\" is missing or wrong", member));
}

Result<json::object> parse(ByteView text) {
    boost::system::error_code error;
    json::parse_options shallow;
    shallow.max_depth = 8;
    auto value = json::parse({reinterpret_cast<const char*>(text.data()), text.size()}, error, {}, shallow);
    if (error) return fail(Fault::STORE_DAMAGED, "not JSON: " + error.message());
    if (!value.is_object()) return fail(Fault::STORE_DAMAGED, "not a JSON object");
    auto& object = value.as_object();
    const auto* version = object.if_contains("format");
    if (version == nullptr || !version->is_int64() || version->as_int64() != format) return wrong("format");
    return std::move(object);
}

Result<std::string> text_of(const json::object& object, std::string_view member) {
    const auto* value = object.if_contains(member);
    if (value == nullptr || !value->is_string()) return wrong(member);
    return std::string{value->as_string()};
}

/// From 1 on: there is no count of nothing.
Result<unsigned long> number_of(const json::object& object, std::string_view member, std::int64_t most) {
    const auto* value = object.if_contains(member);
    if (value == nullptr || !value->is_int64() || value->as_int64() < 1 || value->as_int64() > most)
        return wrong(member);
    return static_cast<unsigned long>(value->as_int64());
}

Result<Instant> instant_of(const json::object& object, std::string_view member) {
    TRY(text, text_of(object, member));
    const auto when = from_rfc3339(text);
    if (!when) return wrong(member);
    return *when;
}

Result<Bytes> octets_of(const json::object& object, std::string_view member) {
    TRY(text, text_of(object, member));
    auto octets = from_hex(text);
    if (!octets || octets->empty()) return wrong(member);
    return *std::move(octets);
}

/// One of the words; gives its place in the list.
template <std::size_t count>
Result<std::size_t> word_of(const json::object& object, std::string_view member,
                            const std::array<std::string_view, count>& words) {
    TRY(text, text_of(object, member));
    const auto found = std::ranges::find(words, text);
    if (found == words.end()) return wrong(member);
    return static_cast<std::size_t>(found - words.begin());
}

Result<const json::array*> array_of(const json::object& object, std::string_view member) {
    const auto* value = object.if_contains(member);
    if (value == nullptr || !value->is_array()) return wrong(member);
    return &value->as_array();
}

json::array codes_array(const std::vector<RememberedCode>& codes) {
    json::array out;
    for (const auto& each : codes)
        out.push_back(json::object{{"fate", fates[static_cast<std::size_t>(each.fate)]},
                                   {"salt", hex(each.salt)},
                                   {"rounds", each.rounds},
                                   {"hash", hex(each.hash)},
                                   {"when", rfc3339(each.when)}});
    return out;
}

Result<std::vector<RememberedCode>> codes_of(const json::object& object) {
    TRY(array, array_of(object, "codes"));
    std::vector<RememberedCode> out;
    for (const auto& each : *array) {
        if (!each.is_object()) return wrong("codes");
        const auto& entry = each.as_object();
        TRY(fate, word_of(entry, "fate", fates));
        TRY(salt, octets_of(entry, "salt"));
        TRY(rounds, number_of(entry, "rounds", most_rounds));
        TRY(hash, octets_of(entry, "hash"));
        TRY(when, instant_of(entry, "when"));
        out.push_back({static_cast<CodeFate>(fate), std::move(salt), static_cast<unsigned>(rounds),
                       std::move(hash), when});
    }
    return out;
}

/// Text of a peer: what is not UTF-8 would make the whole file unreadable as JSON.
std::string valid(const std::string& text) { return invalid_utf8_at(text) ? escape(text, 1000) : text; }

std::string finished(const json::object& object) { return json::serialize(object) + "\n"; }

}  // namespace

std::string_view name(Trusted how) noexcept { return trusts[static_cast<std::size_t>(how)]; }

std::string write_json(const IdentityFile& file) {
    return finished({{"format", format},
                     {"host", file.meta.host},
                     {"lineage", file.meta.lineage},
                     {"counter", file.meta.counter},
                     {"created", rfc3339(file.meta.created)},
                     {"file_sha256", file.file_sha256},
                     {"certificate_sha256", file.certificate_sha256},
                     {"subject", valid(file.subject)},
                     {"not_before", rfc3339(file.not_before)},
                     {"not_after", rfc3339(file.not_after)},
                     {"codes", codes_array(file.codes)}});
}

Result<IdentityFile> read_identity_json(ByteView text) {
    TRY(object, parse(text));
    IdentityFile out;
    TRY(host, text_of(object, "host"));
    TRY(lineage, text_of(object, "lineage"));
    TRY(counter, number_of(object, "counter", std::numeric_limits<std::int64_t>::max()));
    TRY(created, instant_of(object, "created"));
    TRY(file_sha256, text_of(object, "file_sha256"));
    TRY(certificate_sha256, text_of(object, "certificate_sha256"));
    TRY(subject, text_of(object, "subject"));
    TRY(not_before, instant_of(object, "not_before"));
    TRY(not_after, instant_of(object, "not_after"));
    TRY(codes, codes_of(object));
    out.meta = {std::move(host), std::move(lineage), counter, created};
    out.file_sha256 = std::move(file_sha256);
    out.certificate_sha256 = std::move(certificate_sha256);
    out.subject = std::move(subject);
    out.not_before = not_before;
    out.not_after = not_after;
    out.codes = std::move(codes);
    return out;
}

std::string write_json(const ListFile& file) {
    return finished({{"format", format},
                     {"fetched", rfc3339(file.meta.fetched)},
                     {"file", valid(file.meta.file)},
                     {"signer", valid(file.meta.signer)},
                     {"trusted", name(file.meta.trusted)},
                     {"file_sha256", file.file_sha256}});
}

Result<ListFile> read_list_json(ByteView text) {
    TRY(object, parse(text));
    TRY(fetched, instant_of(object, "fetched"));
    TRY(file, text_of(object, "file"));
    TRY(signer, text_of(object, "signer"));
    TRY(trusted, word_of(object, "trusted", trusts));
    TRY(file_sha256, text_of(object, "file_sha256"));
    return ListFile{{fetched, std::move(file), std::move(signer), static_cast<Trusted>(trusted)},
                    std::move(file_sha256)};
}

std::string write_json(const std::vector<RememberedCode>& codes) {
    return finished({{"format", format}, {"codes", codes_array(codes)}});
}

Result<std::vector<RememberedCode>> read_codes_json(ByteView text) {
    TRY(object, parse(text));
    return codes_of(object);
}

std::string write_json(const std::vector<Instant>& attempts) {
    json::array times;
    for (const auto& each : attempts) times.push_back(json::string{rfc3339(each)});
    return finished({{"format", format}, {"attempts", std::move(times)}});
}

Result<std::vector<Instant>> read_attempts_json(ByteView text) {
    TRY(object, parse(text));
    TRY(array, array_of(object, "attempts"));
    std::vector<Instant> out;
    for (const auto& each : *array) {
        const auto when = each.is_string() ? from_rfc3339(std::string_view{each.as_string()}) : std::nullopt;
        if (!when) return wrong("attempts");
        out.push_back(*when);
    }
    return out;
}

}  // namespace tserver::store
