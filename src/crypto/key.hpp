// Private and public keys.
#pragma once

#include <memory>
#include <string>

#include "base/result.hpp"
#include "base/secret.hpp"
#include "crypto/digest.hpp"

struct evp_pkey_st;

namespace tserver::crypto {

struct KeyFree {
    void operator()(evp_pkey_st* key) const noexcept;
};

enum class Curve : std::uint8_t { p256, p384, p521 };

/// A public key, or the public half of a private one.
class PublicKey {
public:
    explicit PublicKey(evp_pkey_st* key) : key_{key} {}

    [[nodiscard]] bool is_rsa() const;
    [[nodiscard]] bool is_ec() const;
    [[nodiscard]] unsigned bits() const;
    [[nodiscard]] std::string text() const;  ///< "RSA-2048", "EC-384"
    [[nodiscard]] Bytes spki() const;        ///< DER SubjectPublicKeyInfo
    /// The octets inside an RSA PKCS#1 v1.5 signature (a DigestInfo as a rule), nothing if the padding is
    /// wrong.
    [[nodiscard]] std::optional<Bytes> recover(ByteView signature) const;

    [[nodiscard]] evp_pkey_st* raw() const noexcept { return key_.get(); }

private:
    std::unique_ptr<evp_pkey_st, KeyFree> key_;
};

/// A private key. It has no way to become text but the encrypted one.
class PrivateKey {
public:
    /// Seconds for large RSA keys: call on a worker thread.  @return INTERNAL
    static Result<PrivateKey> make_rsa(unsigned bits);
    static Result<PrivateKey> make_ec(Curve curve);
    /// PKCS#8 PEM without encryption: tests and the bench only.
    static Result<PrivateKey> from_pem(std::string_view pem);
    explicit PrivateKey(evp_pkey_st* key) : key_{key} {}

    [[nodiscard]] PublicKey public_half() const;
    [[nodiscard]] bool pairs_with(const PublicKey& key) const;

    [[nodiscard]] evp_pkey_st* raw() const noexcept { return key_.get(); }

private:
    std::unique_ptr<evp_pkey_st, KeyFree> key_;
};

}  // namespace tserver::crypto
