// PKCS#12 files that openssl and Java's keytool open: PBES2 (PBKDF2-HMAC-SHA-256, AES-256-CBC) and a SHA-256
// MAC, all of it allowed in FIPS mode but the MAC's key derivation (RFC 7292, appendix B), for which PKCS#12
// has no other. The passphrase is used as the octets it is given in (UTF-8), whatever the locale.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "crypto/certificate.hpp"
#include "crypto/passphrase.hpp"

namespace tserver::crypto {

struct NamedCertificate {
    std::string name;  ///< the alias in keytool; made unique by the caller
    Certificate certificate;
};

/// Key and certificate.  @return STORE_EMPTY_PASSPHRASE, INTERNAL
Result<Bytes> seal(const Identity& identity, const Passphrase& passphrase, std::string_view name);
/// A key that has no certificate yet.
Result<Bytes> seal_key(const PrivateKey& key, const Passphrase& passphrase);
/// Certificates only, marked as trusted for Java (keytool lists them as trustedCertEntry).
Result<Bytes> seal_certificates(const std::vector<NamedCertificate>& certificates,
                                const Passphrase& passphrase);

/// @return STORE_DAMAGED (not a PKCS#12, or damaged), STORE_PASSPHRASE (well-formed and the MAC does not fit:
/// a
///         wrong passphrase, or damage that only a digest kept elsewhere can tell), STORE_NO_MAC,
///         STORE_ALGORITHM (detail names it: "RC2-40-CBC"), STORE_EMPTY_PASSPHRASE, STORE_MISSING (no key or
///         no certificate in it)
Result<Identity> open(ByteView der, const Passphrase& passphrase);
/// What an import may overlook in a file of another program.
enum class Mac : std::uint8_t { required, may_be_missing };
struct OldPair {
    Identity identity;
    std::vector<std::string> old;  ///< algorithms that open() refuses, by name; "no MAC"
};
/// The same for an import, once: takes RC2, RC4, 3DES and a SHA-1 or MD5 MAC as well, for which OpenSSL's
/// module for old algorithms is loaded while this runs (F7).
/// @return as open(); STORE_ALGORITHM also when that module is not installed (detail names algorithm and
/// module);
///         STORE_PASSPHRASE when a file without MAC does not decrypt
Result<OldPair> open_old(ByteView der, const Passphrase& passphrase, Mac mac);
Result<PrivateKey> open_key(ByteView der, const Passphrase& passphrase);
Result<std::vector<NamedCertificate>> open_certificates(ByteView der, const Passphrase& passphrase);

/// What a file of ours says of its derivations, without a passphrase.
struct Salt {
    Bytes octets;
    unsigned rounds;
};
/// Nothing for a file of another program.
std::optional<Salt> salt_of(ByteView der);

}  // namespace tserver::crypto
