#include "trust/verify.hpp"

#include <algorithm>
#include <array>

#include <fmt/format.h>

namespace tserver::trust {
namespace {

using crypto::Digest;

constexpr unsigned smallest_key = 1024;
// A hostile list must not buy minutes of RSA with one file.
constexpr unsigned largest_key = 8192;
constexpr int most_candidates = 16;

/// DER of DigestInfo up to the hash, parameters NULL (RFC 8017, section 9.2, note 1). A signature is compared
/// with the whole of it, octet for octet: nothing in it is parsed, so nothing can hide in it.
struct DigestShape {
    Digest digest;
    std::uint8_t code;  ///< the digest code of the header that goes with it (doc/protocols/ctl.md, section 4)
    std::size_t hash_octets;
    std::string_view prefix;
};

using namespace std::string_view_literals;
constexpr std::array shapes{
    DigestShape{Digest::sha1, 1, 20, "\x30\x21\x30\x09\x06\x05\x2b\x0e\x03\x02\x1a\x05\x00\x04\x14"sv},
    DigestShape{Digest::sha256, 2, 32,
                "\x30\x31\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01\x05\x00\x04\x20"sv},
    DigestShape{Digest::sha384, 3, 48,
                "\x30\x41\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x02\x05\x00\x04\x30"sv},
    DigestShape{Digest::sha512, 3, 64,
                "\x30\x51\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x03\x05\x00\x04\x40"sv},
};

const DigestShape* shape_of(ByteView digest_info) {
    for (const auto& shape : shapes) {
        if (digest_info.size() == shape.prefix.size() + shape.hash_octets &&
            as_text(digest_info).starts_with(shape.prefix))
            return &shape;
    }
    return nullptr;
}

/// What the digest code in the header says.
std::string code_text(std::uint8_t code) {
    switch (code) {
        case 1: return "1 (SHA-1)";
        case 2: return "2 (SHA-256)";
        case 3: return "3 (SHA-512 or SHA-384)";
        default: return fmt::format("{} (not known)", code);
    }
}

/// Section 7, step 3: what the key opens in the signature against what the header says and the octets give.
Result<Digest> check_digest(const List& list, ByteView digest_info) {
    const auto* shape = shape_of(digest_info);
    if (shape == nullptr)
        return fail(Fault::CTL_SIG_ALGO,
                    fmt::format("the signature holds no known digest: {}",
                                hex(digest_info.first(std::min<std::size_t>(digest_info.size(), 24)))));
    const auto code = list.header.digest_code;
    if (code != shape->code) {
        const bool known = code >= 1 && code <= 3;
        return fail(known ? Fault::CTL_SIG_INVALID : Fault::CTL_SIG_ALGO,
                    fmt::format("the header says digest code {}, the signature is made with {}",
                                code_text(code), crypto::name(shape->digest)));
    }
    const auto hash = crypto::digest_of(shape->digest, list.signed_before(), list.signed_behind());
    if (!std::ranges::equal(digest_info.subspan(shape->prefix.size()), hash))
        return fail(Fault::CTL_SIG_INVALID,
                    fmt::format("the {} of the file is not the signed one", crypto::name(shape->digest)));
    return shape->digest;
}

struct Attempt {
    Result<Verified> result;
    bool opened;  ///< the key opened the signature: this error says more than one of a key that did not
};

/// Section 7, step 2, for one candidate.
Attempt attempt(const List& list, const Record& record, const crypto::Certificate& certificate) {
    const auto key = certificate.public_key();
    if (!key || !key->is_rsa())
        return {
            fail(Fault::CTL_SIG_ALGO, fmt::format("record {}: the signer's key is not RSA", record.index)),
            false};
    const auto who = fmt::format("record {} ({}, {})", record.index, certificate.subject(), key->text());
    if (key->bits() < smallest_key || key->bits() > largest_key)
        return {fail(Fault::CTL_SIG_ALGO,
                     fmt::format("{}: keys from RSA-{} to RSA-{} are taken", who, smallest_key, largest_key)),
                false};
    const auto octets = (key->bits() + 7) / 8;
    if (list.header.signature.size() != octets)
        return {fail(Fault::CTL_SIG_INVALID, fmt::format("{}: the signature has {} octets, the key {}", who,
                                                         list.header.signature.size(), octets)),
                false};
    const auto digest_info = key->recover(list.header.signature);
    if (!digest_info)
        return {fail(Fault::CTL_SIG_INVALID, fmt::format("{}: its key does not open the signature", who)),
                false};
    auto digest = check_digest(list, *digest_info);
    if (!digest) {
        digest.error().detail = fmt::format("{}: {}", who, digest.error().detail);
        return {tl::unexpected<Error>(std::move(digest).error()), true};
    }
    return {Verified{record.index, certificate.subject(), certificate.sha256(), *digest, key->bits(),
                     certificate.not_after()},
            true};
}

std::string no_candidate(const List& list, const List& trusted) {
    constexpr std::size_t most = 4;
    std::string known;
    std::size_t count = 0;
    for (const auto& record : trusted.records) {
        if (record.role != Role::sast || ++count > most) continue;
        known += fmt::format("{}{} serial {}", count > 1 ? "; " : "", record.subject(), record.serial_text());
    }
    if (count > most) known += fmt::format("; and {} more", count - most);
    return fmt::format("signed by {} serial {}; signers we trust: {}", list.header.signer_name,
                       list.header.serial_text(), count == 0 ? "none" : known);
}

}  // namespace

Result<Verified> verify(const List& list, const List& trusted) {
    std::optional<Error> refusal;
    bool opened = false;
    int candidates = 0;
    for (const auto& record : trusted.records) {
        const auto* certificate = record.role == Role::sast ? record.usable() : nullptr;
        if (certificate == nullptr || !spells_serial(list.header.signer_serial, *certificate)) continue;
        if (++candidates > most_candidates) break;
        auto tried = attempt(list, record, *certificate);
        if (tried.result) return std::move(tried.result);
        if (!refusal || (tried.opened && !opened)) refusal = std::move(tried.result).error();
        opened = opened || tried.opened;
    }
    if (!refusal) return fail(Fault::CTL_SIG_UNTRUSTED, no_candidate(list, trusted));
    return tl::unexpected<Error>(*std::move(refusal));
}

}  // namespace tserver::trust
