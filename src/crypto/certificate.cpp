#include "crypto/certificate.hpp"

#include <openssl/pem.h>
#include <openssl/provider.h>
#include <openssl/x509v3.h>

#include <cstdlib>
#include <mutex>

#include "base/text.hpp"
#include "crypto/openssl.hpp"

namespace tserver::crypto {
namespace {

std::string name_text(const X509_NAME* name) {
    const BioPtr bio{BIO_new(BIO_s_mem())};
    // RFC 2253 order and escapes; UTF-8 stays readable, control characters are escaped.
    X509_NAME_print_ex(bio.get(), name, 0,
                       (XN_FLAG_RFC2253 & ~static_cast<unsigned long>(ASN1_STRFLGS_ESC_MSB)));
    char* data = nullptr;
    const long length = BIO_get_mem_data(bio.get(), &data);
    return length > 0 ? escape({data, static_cast<std::size_t>(length)}, 400) : std::string{};
}

Instant instant(const ASN1_TIME* time) {
    std::tm broken{};
    if (time == nullptr || ASN1_TIME_to_tm(time, &broken) != 1) {
        drain_errors();
        return Instant{};
    }
    const std::chrono::year_month_day date{std::chrono::year{broken.tm_year + 1900},
                                           std::chrono::month{static_cast<unsigned>(broken.tm_mon + 1)},
                                           std::chrono::day{static_cast<unsigned>(broken.tm_mday)}};
    return std::chrono::sys_days{date} + std::chrono::hours{broken.tm_hour} +
           std::chrono::minutes{broken.tm_min} + std::chrono::seconds{broken.tm_sec};
}

Bytes encoded(const X509* certificate) {
    unsigned char* der = nullptr;
    const int length = i2d_X509(certificate, &der);
    Bytes out{der, der + std::max(length, 0)};
    OPENSSL_free(der);
    return out;
}

/// A library context without algorithms: a certificate decoded in it is complete but for its public key.
OSSL_LIB_CTX* without_algorithms() {
    static OSSL_LIB_CTX* const context = [] {
        auto* made = OSSL_LIB_CTX_new();
        if (made == nullptr || OSSL_PROVIDER_load(made, "null") == nullptr) std::abort();
        return made;
    }();
    return context;
}

/// Decodes one certificate from the front of `der`; `used` = the octets it took.
CertPtr decode(ByteView der, OSSL_LIB_CTX* context, std::size_t& used) {
    const unsigned char* at = der.data();
    X509* out = X509_new_ex(context, nullptr);
    if (d2i_X509(&out, &at, static_cast<long>(der.size())) == nullptr) return nullptr;  // it freed `out`
    used = static_cast<std::size_t>(at - der.data());
    return CertPtr{out};
}

}  // namespace

struct Certificate::Decoded {
    Decoded(CertPtr as_read, bool with_key) : shape{std::move(as_read)}, der{encoded(shape.get())} {
        if (with_key) std::call_once(once, [this] { full = shape.get(); });
    }

    /// The certificate with its key, decoded when first asked for.
    X509* complete() const {
        std::call_once(once, [this] {
            std::size_t used = 0;
            decoded_later = decode(der, nullptr, used);
            if (!decoded_later) std::abort();  // these octets were decoded before: only memory can be missing
            full = decoded_later.get();
        });
        return full;
    }

    CertPtr shape;
    Bytes der;
    mutable std::once_flag once;
    mutable CertPtr decoded_later;
    mutable X509* full = nullptr;
};

Certificate::Certificate(x509_st* certificate)
    : decoded_{std::make_shared<const Decoded>(CertPtr{certificate}, true)} {}

const Bytes& Certificate::der() const noexcept { return decoded_->der; }
x509_st* Certificate::raw() const { return decoded_->complete(); }

Result<Certificate> Certificate::from_der(ByteView der) {
    std::size_t used = 0;
    auto parsed = decode(der, without_algorithms(), used);
    if (!parsed) return fail(Fault::DECODE, "not an X.509 certificate: " + drain_errors());
    if (used != der.size()) return fail(Fault::DECODE, "octets behind the certificate");
    return Certificate{std::make_shared<const Decoded>(std::move(parsed), false)};
}

Result<Certificate> Certificate::from_pem(std::string_view pem) {
    const BioPtr bio{BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size()))};
    auto* parsed = PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr);
    if (parsed == nullptr) return fail(Fault::DECODE, "not a PEM certificate: " + drain_errors());
    return Certificate{parsed};
}

std::string Certificate::pem() const {
    const BioPtr bio{BIO_new(BIO_s_mem())};
    PEM_write_bio_X509(bio.get(), raw());
    char* data = nullptr;
    const long length = BIO_get_mem_data(bio.get(), &data);
    return {data, static_cast<std::size_t>(std::max(length, 0L))};
}

std::string Certificate::subject() const { return name_text(X509_get_subject_name(decoded_->shape.get())); }
std::string Certificate::issuer() const { return name_text(X509_get_issuer_name(decoded_->shape.get())); }

std::string Certificate::serial() const {
    const auto octets = serial_octets();
    const bool negative = (ASN1_STRING_type(X509_get0_serialNumber(decoded_->shape.get())) & V_ASN1_NEG) != 0;
    return (negative ? "-" : "") + (octets.empty() ? std::string{"00"} : hex(octets));
}

Bytes Certificate::serial_octets() const {
    const auto* number = X509_get0_serialNumber(decoded_->shape.get());
    ByteView octets{ASN1_STRING_get0_data(number), static_cast<std::size_t>(ASN1_STRING_length(number))};
    while (!octets.empty() && octets.front() == 0) octets = octets.subspan(1);
    return to_bytes(octets);
}

Bytes Certificate::issuer_der() const {
    const unsigned char* der = nullptr;
    std::size_t length = 0;
    if (X509_NAME_get0_der(X509_get_issuer_name(decoded_->shape.get()), &der, &length) != 1) {
        drain_errors();
        return {};
    }
    return {der, der + length};
}

Instant Certificate::not_before() const { return instant(X509_get0_notBefore(decoded_->shape.get())); }
Instant Certificate::not_after() const { return instant(X509_get0_notAfter(decoded_->shape.get())); }
std::string Certificate::sha256() const { return hex(digest_of(Digest::sha256, der())); }
std::string Certificate::sha1() const { return hex(digest_of(Digest::sha1, der())); }

std::string Certificate::signature_algorithm() const {
    const char* name = OBJ_nid2ln(X509_get_signature_nid(decoded_->shape.get()));
    return name != nullptr ? name : "unknown";
}

Result<PublicKey> Certificate::public_key() const {
    ASN1_OBJECT* algorithm = nullptr;
    const unsigned char* octets = nullptr;
    int length = 0;
    const auto* info = X509_get_X509_PUBKEY(decoded_->shape.get());
    X509_PUBKEY_get0_param(&algorithm, &octets, &length, nullptr, info);
    // RSA without the search through all decoders; anything else takes that way.
    const bool rsa = OBJ_obj2nid(algorithm) == NID_rsaEncryption;
    const unsigned char* const end = octets + length;
    PkeyPtr key{rsa ? d2i_PublicKey(EVP_PKEY_RSA, nullptr, &octets, length) : X509_get_pubkey(raw())};
    if (!key) return fail(Fault::DECODE, "public key: " + drain_errors());
    if (rsa && octets != end) return fail(Fault::DECODE, "public key: octets behind it");
    return PublicKey{key.release()};
}

bool Certificate::issued_by(const Certificate& issuer) const {
    auto* key = X509_get0_pubkey(issuer.raw());
    const bool names =
        X509_NAME_cmp(X509_get_issuer_name(decoded_->shape.get()), X509_get_subject_name(issuer.raw())) == 0;
    const bool good = names && key != nullptr && X509_verify(raw(), key) == 1;
    if (!good) drain_errors();
    return good;
}

bool Certificate::allows_client_auth() const {
    const auto flags = X509_get_extension_flags(raw());
    // All bits are set where there is no key usage.
    const bool signs = (X509_get_key_usage(raw()) & KU_DIGITAL_SIGNATURE) != 0;
    return signs &&
           ((flags & EXFLAG_XKUSAGE) == 0 || (X509_get_extended_key_usage(raw()) & XKU_SSL_CLIENT) != 0);
}

}  // namespace tserver::crypto
