// X.509 certificates as they come in a trust list, from CAPF, and in a TLS handshake.
#pragma once

#include <memory>
#include <string>

#include "base/time.hpp"
#include "crypto/key.hpp"

struct x509_st;

namespace tserver::crypto {

/// Equality is equality of the whole DER octets: the only way certificates are matched in this program.
/// from_der leaves the public key undecoded until it is asked for: that is nine tenths of OpenSSL's work on a
/// certificate, and most certificates of a trust list are only compared.
class Certificate {
public:
    /// @param der  exactly one certificate, nothing behind it.  @return DECODE
    static Result<Certificate> from_der(ByteView der);
    static Result<Certificate> from_pem(std::string_view pem);
    explicit Certificate(x509_st* certificate);  ///< takes it

    [[nodiscard]] const Bytes& der() const noexcept;
    [[nodiscard]] std::string pem() const;
    [[nodiscard]] std::string subject()
        const;  ///< most specific first: "CN=cucm-pub,OU=Lab,O=Example"; escaped
    [[nodiscard]] std::string issuer() const;
    [[nodiscard]] std::string serial() const;   ///< lower-case hex, "-" before a negative one, "00" for zero
    [[nodiscard]] Bytes serial_octets() const;  ///< magnitude without leading zero octets
    [[nodiscard]] Bytes issuer_der() const;
    [[nodiscard]] Instant not_before() const;
    [[nodiscard]] Instant not_after() const;
    [[nodiscard]] std::string sha256() const;  ///< lower-case hex of the DER
    [[nodiscard]] std::string sha1() const;
    [[nodiscard]] std::string signature_algorithm() const;
    /// @return DECODE for a key that OpenSSL cannot read
    [[nodiscard]] Result<PublicKey> public_key() const;
    /// Name and signature both fit `issuer`. Dates and usage are not looked at.
    [[nodiscard]] bool issued_by(const Certificate& issuer) const;
    /// True unless a key usage is there and leaves out digital signatures, or an extended key usage is there
    /// and leaves out TLS client authentication.
    [[nodiscard]] bool allows_client_auth() const;

    [[nodiscard]] x509_st* raw() const;
    friend bool operator==(const Certificate& a, const Certificate& b) { return a.der() == b.der(); }

private:
    struct Decoded;
    explicit Certificate(std::shared_ptr<const Decoded> decoded) : decoded_{std::move(decoded)} {}
    std::shared_ptr<const Decoded> decoded_;  ///< never changes: copies share it
};

/// Key and client certificate (LSC) that belong together.
struct Identity {
    PrivateKey key;
    Certificate certificate;
};

}  // namespace tserver::crypto
