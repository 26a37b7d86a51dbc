#include "sim/list.hpp"

#include "crypto/openssl.hpp"
#include "sim/pki.hpp"

namespace tserver::sim {
namespace {

using crypto::Digest;

Writer& tlv(Writer& out, std::uint8_t tag, ByteView value) {
    return out.u8(tag).u16(static_cast<std::uint16_t>(value.size())).bytes(value);
}
Writer& text_tlv(Writer& out, std::uint8_t tag, std::string text) {
    text.push_back('\0');
    return tlv(out, tag, as_bytes(text));
}
Writer& octet_tlv(Writer& out, std::uint8_t tag, std::uint8_t value) { return tlv(out, tag, {&value, 1}); }

/// "CN=cucm-pub;OU=Lab;O=Example": most specific part first.
std::string name_text(const X509_NAME* name) {
    std::string out;
    for (int i = X509_NAME_entry_count(name) - 1; i >= 0; --i) {
        const auto* entry = X509_NAME_get_entry(name, i);
        const auto* value = X509_NAME_ENTRY_get_data(entry);
        if (!out.empty()) out += ';';
        out += OBJ_nid2sn(OBJ_obj2nid(X509_NAME_ENTRY_get_object(entry)));
        out += '=';
        out += as_text({ASN1_STRING_get0_data(value), static_cast<std::size_t>(ASN1_STRING_length(value))});
    }
    return out;
}
std::string subject_text(const crypto::Certificate& c) { return name_text(X509_get_subject_name(c.raw())); }
std::string issuer_text(const crypto::Certificate& c) { return name_text(X509_get_issuer_name(c.raw())); }

/// RSA: PKCS#1 RSAPublicKey; EC: the uncompressed point.
Bytes bare_public_key(const crypto::Certificate& certificate) {
    unsigned char* der = nullptr;
    const int length = i2d_PublicKey(X509_get0_pubkey(certificate.raw()), &der);
    Bytes out{der, der + std::max(length, 0)};
    OPENSSL_free(der);
    return out;
}

Bytes own_signature(const crypto::Certificate& certificate) {
    const ASN1_BIT_STRING* bits = nullptr;
    X509_get0_signature(&bits, nullptr, certificate.raw());
    return {bits->data, bits->data + bits->length};
}

Bytes record(const ListEntry& entry, bool unknown_tag) {
    Writer body;
    text_tlv(body, 2, entry.dns);
    const auto role = Writer{}.u16(static_cast<std::uint16_t>(entry.role)).take();
    if (entry.certificate) {
        const auto& certificate = *entry.certificate;
        text_tlv(body, 3, subject_text(certificate));
        tlv(body, 4, role);
        text_tlv(body, 5, issuer_text(certificate));
        tlv(body, 6, certificate.serial_octets());
        tlv(body, 7, bare_public_key(certificate));
        tlv(body, 8, own_signature(certificate));
        auto der = certificate.der();
        if (entry.garbled) std::ranges::fill(der, std::uint8_t{0x5a});
        tlv(body, 9, der);
    } else {
        tlv(body, 4, role);
    }
    if (unknown_tag) octet_tlv(body, 99, 1);
    tlv(body, 10, entry.address);
    Writer whole;
    tlv(whole, 1, Writer{}.u16(static_cast<std::uint16_t>(5 + body.size())).take());
    return whole.bytes(body.view()).take();
}

/// Code of the digest in header tag 8. SHA-512 is 3 as in lists of the CUCM shape; the JTAPI client reads 4.
std::uint8_t digest_code(Digest digest) {
    switch (digest) {
        case Digest::sha1: return 1;
        case Digest::sha256: return 2;
        default: return 3;
    }
}

/// Code of the key size in header tag 11; there is none known for 3072.
std::uint8_t modulus_code(unsigned bits) { return bits <= 512 ? 0 : bits <= 1024 ? 1 : bits <= 3072 ? 2 : 3; }

Bytes signer_info(const crypto::Certificate& signer) {
    Writer out;
    text_tlv(out, 4, subject_text(signer));
    tlv(out, 5, signer.serial_octets());
    text_tlv(out, 6, issuer_text(signer));
    return out.take();
}

Bytes signature_info(const ListPlan& plan, unsigned bits) {
    Writer algorithm;
    octet_tlv(algorithm, 10, 0);
    octet_tlv(algorithm, 11, modulus_code(bits));
    Writer out;
    octet_tlv(out, 8, plan.digest_tag.value_or(digest_code(plan.digest)));
    tlv(out, 9, algorithm.view());
    return out.take();
}

Result<Bytes> sign(const crypto::PrivateKey& key, Digest digest, ByteView octets) {
    const crypto::MdCtxPtr context{EVP_MD_CTX_new()};
    std::size_t length = static_cast<std::size_t>(EVP_PKEY_get_size(key.raw()));
    Bytes out(length);
    if (EVP_DigestSignInit(context.get(), nullptr, digest_method(digest), nullptr, key.raw()) != 1 ||
        EVP_DigestSign(context.get(), out.data(), &length, octets.data(), octets.size()) != 1)
        return fail(Fault::INTERNAL, "list signature: " + crypto::drain_errors());
    out.resize(length);
    return out;
}

}  // namespace

Result<Bytes> encode(const ListPlan& plan) {
    const auto bits = static_cast<unsigned>(EVP_PKEY_get_bits(plan.signer->key.raw()));
    const auto key_octets = static_cast<std::size_t>(EVP_PKEY_get_size(plan.signer->key.raw()));

    Writer before;  // of the signature, behind VERSION and HEADER_LENGTH
    if (plan.signer_version) tlv(before, 28, Writer{}.u8(1).u8(1).take());
    tlv(before, 3, signer_info(plan.signer->certificate));
    tlv(before, 7, signature_info(plan, bits));
    Writer behind;
    text_tlv(behind, 14, plan.file_name);
    tlv(behind, 15,
        Writer{}.u32(static_cast<std::uint32_t>(plan.timestamp.time_since_epoch().count())).take());
    if (plan.unknown_tags) octet_tlv(behind, 64, 1);
    const auto bare = 10 + before.size() + 3 + key_octets + behind.size();
    const auto padding = (4 - bare % 4) % 4;
    for (std::size_t i = 0; i < padding; ++i) behind.u8(13);

    Writer front;
    tlv(front, 1, Writer{}.u8(1).u8(2).take());
    tlv(front, 2, Writer{}.u16(static_cast<std::uint16_t>(bare + padding)).take());
    front.bytes(before.view());
    Writer rest;
    rest.bytes(behind.view());
    for (const auto& entry : plan.entries) rest.bytes(record(entry, plan.unknown_tags));

    const auto signed_octets = Writer{}.bytes(front.view()).bytes(rest.view()).take();
    TRY(signature, sign(plan.signer->key, plan.digest, signed_octets));
    tlv(front, 12, signature);
    return front.bytes(rest.view()).take();
}

SignaturePlace signature_in(ByteView list) {
    Reader reader{list};
    while (const auto tag = reader.u8()) {
        const auto length = reader.u16();
        if (!length) break;
        if (*tag == 12) return {reader.offset(), *length};
        if (*tag != 3 && *tag != 7 && *tag != 9) reader.take(*length);
    }
    return {0, 0};
}

std::optional<Digest> digest_named(std::string_view name) {
    constexpr std::array<std::pair<std::string_view, Digest>, 4> names{{{"sha1", Digest::sha1},
                                                                        {"sha256", Digest::sha256},
                                                                        {"sha384", Digest::sha384},
                                                                        {"sha512", Digest::sha512}}};
    const auto found = std::ranges::find(names, name, &std::pair<std::string_view, Digest>::first);
    return found == names.end() ? std::nullopt : std::optional{found->second};
}

}  // namespace tserver::sim
