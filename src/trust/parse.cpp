#include "trust/parse.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <bitset>

#include <fmt/format.h>

#include "base/text.hpp"

namespace tserver::trust {
namespace {

constexpr std::size_t warning_limit = 32;

/// Header tags, doc/protocols/ctl.md section 2.
enum HeaderTag : std::uint8_t {
    signer_info = 3,
    signer_name = 4,
    signer_serial = 5,
    signer_issuer = 6,
    signature_info = 7,
    digest_algorithm = 8,
    signature_algorithm = 9,
    signature = 12,
    padding = 13,
    filename = 14,
    timestamp = 15,
    signer_version = 28,
};

/// Record tags, doc/protocols/ctl.md section 3.
enum RecordTag : std::uint8_t {
    dns_name = 2,
    subject_name = 3,
    role_number = 4,
    issuer_name = 5,
    serial_number = 6,
    certificate = 9,
    ip_address = 10,
    certificate_hash = 11,
    hash_algorithm = 12,
    record_tags = 13,  ///< the first number without a meaning
};

struct Field {
    std::size_t offset;  ///< of its tag octet in the file
    ByteView value;
};

/// The TLVs of a header or of one record, by tag.
struct Fields {
    std::bitset<256> seen;
    std::array<std::optional<Field>, 32> by_tag;

    [[nodiscard]] ByteView value(std::uint8_t tag) const {
        const auto& field = by_tag.at(tag);
        return field ? field->value : ByteView{};
    }
};

template <class T>
using Walked = tl::expected<T, Damage>;

tl::unexpected<Damage> damaged(Defect defect, std::size_t offset, std::string detail) {
    return tl::unexpected<Damage>(Damage{defect, offset, std::move(detail)});
}

std::size_t u16_at(ByteView file, std::size_t at) { return std::size_t{file[at]} << 8U | file[at + 1]; }

/// What a file that is no list looks like, for the person who has to find out where it came from.
std::string_view looks_like(ByteView file) {
    const auto head = lower_case(trim(as_text(file.first(std::min<std::size_t>(file.size(), 256)))));
    if (head.starts_with("<?xml")) return "an XML document";
    if (head.starts_with("<!doctype") || head.starts_with("<html")) return "a web page";
    if (head.starts_with("-----begin ")) return "a PEM file";
    if (head.starts_with("{") || head.starts_with("[")) return "a JSON text";
    if (file.size() > 4 && file[0] == 0x30 && file[1] == 0x82) return "a DER file (a certificate?)";
    if (file.size() > 2 && file[0] == 0x1F && file[1] == 0x8B) return "a gzip file";
    const bool text =
        std::ranges::all_of(head, [](char c) { return c == '\n' || c == '\r' || c == '\t' || c >= ' '; });
    return text ? "a text" : "unknown octets";
}

/// Walks the TLVs of [at, end) flat, going into the containers of a header.
Walked<void> walk(ByteView file, std::size_t at, std::size_t end, Defect blame, Fields& out,
                  bool inside = false) {
    const bool in_header = blame == Defect::bad_header;
    while (at < end) {
        const auto tag = file[at];
        if (in_header && tag == padding) {
            if (inside) return damaged(blame, at, "padding inside a container");
            ++at;
            continue;
        }
        const auto left = end - at;
        if (left < 3)
            return damaged(blame, at, fmt::format("tag {} without a length: {} octets left", tag, left));
        const auto length = u16_at(file, at + 1);
        if (length > left - 3)
            return damaged(blame, at,
                           fmt::format("tag {} says {} octets, {} are left", tag, length, left - 3));
        if (out.seen.test(tag))
            return damaged(Defect::duplicate_tag, at, fmt::format("tag {} a second time", tag));
        if (in_header && inside && tag == signature)
            return damaged(blame, at, "the signature is inside a container");
        out.seen.set(tag);
        if (tag < out.by_tag.size()) out.by_tag.at(tag) = Field{at, file.subspan(at + 3, length)};
        if (in_header && (tag == signer_info || tag == signature_info || tag == signature_algorithm)) {
            if (auto inner = walk(file, at + 3, at + 3 + length, blame, out, true); !inner) return inner;
        }
        at += 3 + length;
    }
    return {};
}

/// Section 6, steps 1 to 3.
Walked<Fields> walk_header(ByteView file) {
    if (file.empty()) return damaged(Defect::empty, 0, "the file has no octets");
    constexpr std::array<std::uint8_t, 3> first{1, 0, 2};
    constexpr std::array<std::uint8_t, 3> second{2, 0, 2};
    if (!std::ranges::equal(file.first(std::min<std::size_t>(file.size(), 3)),
                            ByteView{first}.first(std::min<std::size_t>(file.size(), 3))))
        return damaged(Defect::not_a_trust_list, 0, fmt::format("received {}", looks_like(file)));
    if (file.size() < 10)
        return damaged(Defect::truncated, file.size(), fmt::format("only {} octets", file.size()));
    if (file[3] != 1)
        return damaged(Defect::unsupported_version, 3,
                       fmt::format("version {}.{}, known is 1.x", file[3], file[4]));
    if (!std::ranges::equal(file.subspan(5, 3), second))
        return damaged(Defect::not_a_trust_list, 5, "the second tag is not the header length");
    const auto length = u16_at(file, 8);
    if (length < 10) return damaged(Defect::bad_header, 8, fmt::format("header length {}", length));
    if (length > file.size())
        return damaged(Defect::truncated, file.size(),
                       fmt::format("the header has {} octets, the file {}", length, file.size()));

    Fields out;
    out.seen.set(1).set(2);
    if (auto inner = walk(file, 10, length, Defect::bad_header, out); !inner)
        return damaged(inner.error().defect, inner.error().offset, inner.error().detail);
    if (out.value(signature).empty())
        return damaged(Defect::no_signature, length, "the header has no signature");
    if (out.value(signer_serial).empty())
        return damaged(Defect::bad_header, length, "the header has no serial number of the signer");
    if (out.value(digest_algorithm).size() != 1)
        return damaged(Defect::bad_header, length, "the header has no digest code of one octet");
    return out;
}

/// One complete SEQUENCE of definite length and nothing behind it. What is inside is not looked at.
bool is_framed_der(ByteView value) {
    if (value.size() < 2 || value[0] != 0x30) return false;
    if (value[1] < 0x80) return value.size() == 2U + value[1];
    const std::size_t count = value[1] & 0x7FU;
    if (count == 0 || count > 3 || value.size() < 2 + count) return false;
    std::size_t length = 0;
    for (std::size_t i = 0; i < count; ++i) length = length << 8U | value[2 + i];
    return value.size() == 2 + count + length;
}

struct Walk {
    std::size_t end;
    Fields fields;
};

/// Section 6, steps 4 and 5, and the framing part of step 6, for the record at `at`.
Walked<Walk> walk_record(ByteView file, std::size_t at) {
    const auto left = file.size() - at;
    if (left < 5)
        return damaged(Defect::trailing_octets, at, fmt::format("{} octets behind the last record", left));
    if (file[at] != 1 || u16_at(file, at + 1) != 2)
        return damaged(Defect::bad_record, at, "a record does not begin with its length");
    const auto length = u16_at(file, at + 3);
    if (length < 5) return damaged(Defect::bad_record, at, fmt::format("record length {}", length));
    if (length > left)
        return damaged(Defect::truncated, at,
                       fmt::format("the record has {} octets, {} are left", length, left));

    Walk out{at + length, {}};
    out.fields.seen.set(1);
    if (auto inner = walk(file, at + 5, out.end, Defect::bad_record, out.fields); !inner)
        return damaged(inner.error().defect, inner.error().offset, inner.error().detail);
    if (out.fields.value(role_number).size() != 2)
        return damaged(Defect::bad_record, at, "the record has no role of two octets");
    if (const auto der = out.fields.value(certificate); !der.empty() && !is_framed_der(der))
        return damaged(Defect::bad_certificate, out.fields.by_tag.at(certificate)->offset,
                       "the certificate is not one complete DER sequence");
    return out;
}

/// Text without its one closing NUL; anything odd in it, a second NUL too, shows as an escape.
std::string text(ByteView value) {
    if (!value.empty() && value.back() == 0) value = value.first(value.size() - 1);
    return escape(as_text(value), 400);
}

/// Without leading zero octets; zero itself is one octet.
Bytes number(ByteView value) {
    while (value.size() > 1 && value.front() == 0) value = value.subspan(1);
    return to_bytes(value);
}

std::string address(ByteView value) {
    std::array<char, INET6_ADDRSTRLEN> out{};
    if (value.size() == 4) return inet_ntop(AF_INET, value.data(), out.data(), out.size());
    if (value.size() == 16) return inet_ntop(AF_INET6, value.data(), out.data(), out.size());
    return hex(value);
}

void warn(List& list, std::string warning) {
    if (list.warnings.size() < warning_limit) list.warnings.push_back(std::move(warning));
}

void warn_of_unknown(List& list, const Fields& fields, std::string_view where, auto known) {
    for (std::size_t tag = 0; tag < fields.seen.size(); ++tag)
        if (fields.seen.test(tag) && !known(tag)) warn(list, fmt::format("{}: unknown tag {}", where, tag));
}

void take_header(List& list, const Fields& fields) {
    const ByteView file{list.octets};
    auto& out = list.header;
    out.major = file[3];
    out.minor = file[4];
    out.length = u16_at(file, 8);
    out.signer_name = text(fields.value(signer_name));
    out.signer_issuer = text(fields.value(signer_issuer));
    out.signer_serial = number(fields.value(signer_serial));
    out.digest_code = fields.value(digest_algorithm)[0];
    out.signature_offset = fields.by_tag.at(signature)->offset;
    out.signature = to_bytes(fields.value(signature));
    out.filename = text(fields.value(filename));
    if (const auto seconds = Reader{fields.value(timestamp)}.u32();
        seconds && fields.value(timestamp).size() == 4)
        out.timestamp = Instant{std::chrono::seconds{*seconds}};
    if (const auto version = fields.value(signer_version); version.size() == 2)
        out.signer_version = fmt::format("{}.{}", version[0], version[1]);

    if (out.minor != 2) warn(list, fmt::format("header: version {}, usual is 1.2", out.version()));
    if (!out.timestamp) warn(list, "header: no timestamp");
    warn_of_unknown(list, fields, "header",
                    [](std::size_t tag) { return (tag >= 1 && tag <= timestamp) || tag == signer_version; });
}

/// The hash in place of a certificate. Its length and its code must agree (section 4).
void take_hash(Record& record, ByteView value, ByteView code) {
    using crypto::Digest;
    struct Pair {
        std::uint8_t code;
        std::size_t octets;
        Digest digest;
    };
    constexpr std::array<Pair, 4> pairs{Pair{1, 20, Digest::sha1}, Pair{2, 32, Digest::sha256},
                                        Pair{3, 64, Digest::sha512}, Pair{3, 48, Digest::sha384}};
    for (const auto& pair : pairs) {
        if (code.size() == 1 && code[0] == pair.code && value.size() == pair.octets)
            record.hash = CertificateHash{pair.digest, to_bytes(value)};
    }
    if (!record.hash)
        record.error = fmt::format("hash of {} octets with algorithm code {}", value.size(),
                                   code.empty() ? "missing" : hex(code));
}

/// Section 6, step 6. A certificate that OpenSSL cannot read spoils its record only.
Walked<void> take_certificate(Record& record, const Fields& fields, const Record* last) {
    const auto der = fields.value(certificate);
    // The publisher's certificate often comes twice in a row, once per role: decode it once.
    auto decoded = last != nullptr && last->certificate && std::ranges::equal(last->certificate->der(), der)
                       ? Result<crypto::Certificate>{*last->certificate}
                       : crypto::Certificate::from_der(der);
    if (!decoded) {
        record.error = "certificate: " + escape(decoded.error().detail);
        return {};
    }
    const auto& serial = fields.by_tag.at(serial_number);
    if (serial && !spells_serial(serial->value, *decoded))
        return damaged(Defect::inconsistent_record, serial->offset,
                       fmt::format("the record's serial {} is not its certificate's {}",
                                   escape(hex(serial->value), 80), escape(decoded->serial(), 80)));
    if (const auto key = decoded->public_key(); !key) record.error = escape(key.error().detail);
    record.certificate = *std::move(decoded);
    return {};
}

Walked<Record> take_record(List& list, const Fields& fields, std::size_t at, std::size_t end) {
    const auto index = list.records.size() + 1;
    const auto where = fmt::format("record {}", index);
    const auto role = fields.value(role_number);
    Record out{index,
               at,
               end - at,
               static_cast<Role>(u16_at(role, 0)),
               text(fields.value(dns_name)),
               address(fields.value(ip_address)),
               text(fields.value(subject_name)),
               text(fields.value(issuer_name)),
               number(fields.value(serial_number)),
               {},
               {},
               {}};
    if (!fields.value(certificate).empty()) {
        const auto* last = list.records.empty() ? nullptr : &list.records.back();
        if (auto taken = take_certificate(out, fields, last); !taken)
            return damaged(taken.error().defect, taken.error().offset, taken.error().detail);
    } else if (!fields.value(certificate_hash).empty()) {
        take_hash(out, fields.value(certificate_hash), fields.value(hash_algorithm));
    }
    if (!out.error.empty()) warn(list, fmt::format("{}: {}", where, out.error));
    warn_of_unknown(list, fields, where, [](std::size_t tag) { return tag >= 1 && tag < record_tags; });
    return out;
}

}  // namespace

std::string_view name(Defect defect) noexcept {
    switch (defect) {
        case Defect::empty: return "empty file";
        case Defect::not_a_trust_list: return "not a trust list";
        case Defect::unsupported_version: return "unsupported version";
        case Defect::truncated: return "truncated";
        case Defect::bad_header: return "bad header";
        case Defect::no_signature: return "no signature";
        case Defect::duplicate_tag: return "duplicate tag";
        case Defect::bad_record: return "bad record";
        case Defect::trailing_octets: return "trailing octets";
        case Defect::bad_certificate: return "bad certificate";
        case Defect::inconsistent_record: return "inconsistent record";
        case Defect::too_large: return "too large";
    }
    return "damaged";
}

Error Damage::error() const {
    const auto fault = defect == Defect::too_large ? Fault::CTL_TOO_LARGE : Fault::CTL_FORMAT;
    return Error{fault, fmt::format("{} at offset {}: {}", name(defect), offset, detail), {}};
}

tl::expected<List, Damage> read(ByteView file) {
    if (file.size() > file_limit)
        return damaged(Defect::too_large, file_limit,
                       fmt::format("{} octets, limit {}", file.size(), file_limit));
    const auto header = walk_header(file);
    if (!header) return tl::unexpected<Damage>(header.error());
    const auto first = u16_at(file, 8);
    std::size_t count = 0;
    for (std::size_t at = first; at < file.size(); ++count) {
        if (count == record_limit)
            return damaged(Defect::too_large, at, fmt::format("more than {} records", record_limit));
        const auto record = walk_record(file, at);
        if (!record) return tl::unexpected<Damage>(record.error());
        at = record->end;
    }

    List out{to_bytes(file), {}, {}, {}};
    take_header(out, *header);
    out.records.reserve(count);
    for (std::size_t at = first; at < file.size();) {
        const auto walked = walk_record(file, at);
        if (!walked) return tl::unexpected<Damage>(walked.error());
        auto record = take_record(out, walked->fields, at, walked->end);
        if (!record) return tl::unexpected<Damage>(record.error());
        out.records.push_back(*std::move(record));
        at = walked->end;
    }
    return out;
}

Result<List> parse(ByteView file) {
    auto list = read(file);
    if (!list) return tl::unexpected<Error>(list.error().error());
    return *std::move(list);
}

}  // namespace tserver::trust
