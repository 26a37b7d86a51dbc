// Makes certificates and signed trust lists for tests and benchmarks. It writes the layout of
// doc/protocols/ctl.md by itself and shares no code with the reader.
#pragma once

#include <openssl/evp.h>
#include <openssl/x509.h>

#include <fmt/format.h>

#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "base/bytes.hpp"
#include "base/time.hpp"
#include "crypto/certificate.hpp"
#include "crypto/openssl.hpp"

namespace tserver::test {

inline Bytes file(const std::string& path) {
    std::ifstream in{path, std::ios::binary};
    if (!in) throw std::runtime_error{"cannot read " + path};
    return {std::istreambuf_iterator<char>{in}, {}};
}

inline Bytes vector(const std::string& name) {
    return file(fmt::format("{}/ctl/{}", TSERVER_TEST_DATA, name));
}

/// A signer of the vectors: certificate and private key of one PEM file.
inline crypto::Identity signer(const std::string& name) {
    const auto pem = file(fmt::format("{}/ctl/keys/{}.pem", TSERVER_TEST_DATA, name));
    return {crypto::PrivateKey::from_pem(as_text(pem)).value(),
            crypto::Certificate::from_pem(as_text(pem)).value()};
}
inline const crypto::Identity& recovery() {
    static const auto identity = signer("itlrec");
    return identity;
}
inline const crypto::Identity& publisher() {
    static const auto identity = signer("pub");
    return identity;
}

struct CertificateSpec {
    std::string name = "test";
    Bytes serial{1};  ///< magnitude; empty = zero
    bool negative = false;
    Instant not_before = Instant{std::chrono::seconds{1700000000}};
    Instant not_after = Instant{std::chrono::seconds{2400000000}};
};

/// Signed with its own key.
inline crypto::Certificate make_certificate(const CertificateSpec& spec, const crypto::PrivateKey& key) {
    const crypto::CertPtr out{X509_new()};
    const crypto::BnPtr serial{BN_bin2bn(spec.serial.data(), static_cast<int>(spec.serial.size()), nullptr)};
    BN_set_negative(serial.get(), spec.negative ? 1 : 0);
    auto* name = X509_get_subject_name(out.get());
    const bool good =
        X509_set_version(out.get(), X509_VERSION_3) == 1 &&
        BN_to_ASN1_INTEGER(serial.get(), X509_get_serialNumber(out.get())) != nullptr &&
        X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8,
                                   reinterpret_cast<const unsigned char*>(spec.name.c_str()), -1, -1,
                                   0) == 1 &&
        X509_set_issuer_name(out.get(), name) == 1 &&
        ASN1_TIME_set(X509_getm_notBefore(out.get()), spec.not_before.time_since_epoch().count()) !=
            nullptr &&
        ASN1_TIME_set(X509_getm_notAfter(out.get()), spec.not_after.time_since_epoch().count()) != nullptr &&
        X509_set_pubkey(out.get(), key.raw()) == 1 && X509_sign(out.get(), key.raw(), EVP_sha256()) > 0;
    if (!good) throw std::runtime_error{"certificate: " + crypto::drain_errors()};
    unsigned char* der = nullptr;
    const int length = i2d_X509(out.get(), &der);
    const Bytes octets{der, der + length};
    OPENSSL_free(der);
    return crypto::Certificate::from_der(octets).value();
}

using Tlv = std::pair<std::uint8_t, Bytes>;

inline void put(Writer& out, std::uint8_t tag, ByteView value) {
    out.u8(tag).u16(static_cast<std::uint16_t>(value.size())).bytes(value);
}

inline Bytes with_nul(std::string_view text) {
    auto out = to_bytes(as_bytes(text));
    out.push_back(0);
    return out;
}

/// One record from its TLVs, the record length in front.
inline Bytes record(const std::vector<Tlv>& tlvs) {
    Writer inner;
    for (const auto& [tag, value] : tlvs) put(inner, tag, value);
    Writer out;
    out.u8(1).u16(2).u16(static_cast<std::uint16_t>(inner.size() + 5)).bytes(inner.view());
    return out.take();
}

inline Bytes u16(unsigned value) {
    return {static_cast<std::uint8_t>(value >> 8U), static_cast<std::uint8_t>(value & 0xFFU)};
}

/// A record in the shape of CUCM.
inline Bytes record(unsigned role, const crypto::Certificate& certificate,
                    const std::string& dns = "cucm-pub") {
    return record({{2, with_nul(dns)},
                   {3, with_nul(certificate.subject())},
                   {4, u16(role)},
                   {5, with_nul(certificate.issuer())},
                   {6, certificate.serial_octets()},
                   {9, certificate.der()},
                   {10, {192, 0, 2, 10}}});
}

struct ListSpec {
    std::vector<Bytes> records;
    crypto::Digest digest = crypto::Digest::sha512;
    std::uint8_t code = 3;
    std::uint32_t timestamp = 1795600424;
    std::string filename = "CTLFile.tlv";
    std::optional<Bytes> signer_serial{};  ///< instead of the signer's own
};

/// A signed list: header 1 2 3{4 5 6} 7{8 9{10 11}} 12 14 15, then the records.
inline Bytes build(const ListSpec& spec, const crypto::Identity& signer) {
    Writer who;
    put(who, 4, with_nul(signer.certificate.subject()));
    put(who, 5, spec.signer_serial.value_or(signer.certificate.serial_octets()));
    put(who, 6, with_nul(signer.certificate.issuer()));
    Writer before;
    put(before, 3, who.view());
    before.u8(7).u16(15).u8(8).u16(1).u8(spec.code).u8(9).u16(8).u8(10).u16(1).u8(0).u8(11).u16(1).u8(2);
    Writer behind;
    put(behind, 14, with_nul(spec.filename));
    behind.u8(15).u16(4).u32(spec.timestamp);

    const auto octets = (signer.key.public_half().bits() + 7) / 8;
    const auto length = 10 + before.size() + 3 + octets + behind.size();
    Writer signed_octets;
    signed_octets.u8(1).u16(2).u8(1).u8(2).u8(2).u16(2).u16(static_cast<std::uint16_t>(length));
    signed_octets.bytes(before.view());
    const auto at = static_cast<std::ptrdiff_t>(signed_octets.size());
    signed_octets.bytes(behind.view());
    for (const auto& each : spec.records) signed_octets.bytes(each);

    const EVP_MD* method = spec.digest == crypto::Digest::sha1     ? EVP_sha1()
                           : spec.digest == crypto::Digest::sha256 ? EVP_sha256()
                           : spec.digest == crypto::Digest::sha384 ? EVP_sha384()
                           : spec.digest == crypto::Digest::md5    ? EVP_md5()
                                                                   : EVP_sha512();
    Bytes signature(octets);
    std::size_t size = octets;
    const crypto::MdCtxPtr context{EVP_MD_CTX_new()};
    if (EVP_DigestSignInit(context.get(), nullptr, method, nullptr, signer.key.raw()) != 1 ||
        EVP_DigestSign(context.get(), signature.data(), &size, signed_octets.view().data(),
                       signed_octets.size()) != 1)
        throw std::runtime_error{"signature: " + crypto::drain_errors()};

    Writer tlv;
    put(tlv, 12, signature);
    auto out = signed_octets.take();
    out.insert(out.begin() + at, tlv.view().begin(), tlv.view().end());
    return out;
}

}  // namespace tserver::test
