#include "crypto/key.hpp"

#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include "crypto/openssl.hpp"

namespace tserver::crypto {

void KeyFree::operator()(evp_pkey_st* key) const noexcept { EVP_PKEY_free(key); }

bool PublicKey::is_rsa() const { return EVP_PKEY_is_a(raw(), "RSA") == 1; }
bool PublicKey::is_ec() const { return EVP_PKEY_is_a(raw(), "EC") == 1; }
unsigned PublicKey::bits() const { return static_cast<unsigned>(EVP_PKEY_get_bits(raw())); }

std::string PublicKey::text() const {
    const char* type = EVP_PKEY_get0_type_name(raw());
    return std::string{type != nullptr ? type : "unknown"} + "-" + std::to_string(bits());
}

Bytes PublicKey::spki() const {
    unsigned char* der = nullptr;
    const int length = i2d_PUBKEY(raw(), &der);
    if (length <= 0) {
        drain_errors();
        return {};
    }
    Bytes out{der, der + length};
    OPENSSL_free(der);
    return out;
}

std::optional<Bytes> PublicKey::recover(ByteView signature) const {
    const PkeyCtxPtr context{EVP_PKEY_CTX_new(raw(), nullptr)};
    std::size_t length = 0;
    if (!context || EVP_PKEY_verify_recover_init(context.get()) != 1 ||
        EVP_PKEY_CTX_set_rsa_padding(context.get(), RSA_PKCS1_PADDING) != 1 ||
        EVP_PKEY_verify_recover(context.get(), nullptr, &length, signature.data(), signature.size()) != 1) {
        drain_errors();
        return std::nullopt;
    }
    Bytes out(length);
    if (EVP_PKEY_verify_recover(context.get(), out.data(), &length, signature.data(), signature.size()) !=
        1) {
        drain_errors();
        return std::nullopt;
    }
    out.resize(length);
    return out;
}

Result<PrivateKey> PrivateKey::make_rsa(unsigned bits) {
    auto* key = EVP_RSA_gen(bits);
    if (key == nullptr) return fail(Fault::INTERNAL, "RSA key: " + drain_errors());
    return PrivateKey{key};
}

Result<PrivateKey> PrivateKey::make_ec(Curve curve) {
    constexpr std::array names{"P-256", "P-384", "P-521"};
    auto* key = EVP_EC_gen(names[static_cast<std::size_t>(curve)]);
    if (key == nullptr) return fail(Fault::INTERNAL, "EC key: " + drain_errors());
    return PrivateKey{key};
}

Result<PrivateKey> PrivateKey::from_pem(std::string_view pem) {
    const BioPtr bio{BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size()))};
    // A password callback that gives none: without it OpenSSL would ask on the terminal.
    auto* key = PEM_read_bio_PrivateKey(
        bio.get(), nullptr, [](char*, int, int, void*) { return -1; }, nullptr);
    if (key == nullptr) return fail(Fault::DECODE, "private key: " + drain_errors());
    return PrivateKey{key};
}

PublicKey PrivateKey::public_half() const {
    const auto spki = [this] {
        unsigned char* der = nullptr;
        const int length = i2d_PUBKEY(raw(), &der);
        Bytes out{der, der + std::max(length, 0)};
        OPENSSL_free(der);
        return out;
    }();
    const unsigned char* at = spki.data();
    return PublicKey{d2i_PUBKEY(nullptr, &at, static_cast<long>(spki.size()))};
}

bool PrivateKey::pairs_with(const PublicKey& key) const {
    const bool same = EVP_PKEY_eq(raw(), key.raw()) == 1;
    if (!same) drain_errors();
    return same;
}

}  // namespace tserver::crypto
