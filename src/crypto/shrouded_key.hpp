// A private key in PBES2 (RFC 8018) with PBKDF2-HMAC-SHA-256 and AES-256-CBC, under keys that are derived
// already: what OpenSSL's own functions do with a passphrase, and derive again for each.
#pragma once

#include <optional>

#include "base/result.hpp"
#include "base/stretched_keys.hpp"
#include "crypto/openssl.hpp"

namespace tserver::crypto {

using Pkcs8Ptr = std::unique_ptr<PKCS8_PRIV_KEY_INFO, Freed<PKCS8_PRIV_KEY_INFO_free>>;
using Pbe2Ptr = std::unique_ptr<PBE2PARAM, Freed<PBE2PARAM_free>>;
using Pbkdf2Ptr = std::unique_ptr<PBKDF2PARAM, Freed<PBKDF2PARAM_free>>;
using ShroudedPtr = std::unique_ptr<X509_SIG, Freed<X509_SIG_free>>;

int nid_of(const X509_ALGOR* algorithm);
ByteView view(const ASN1_STRING* string);

/// @return INTERNAL
Result<ShroudedPtr> shroud(const PKCS8_PRIV_KEY_INFO* plain, const StretchedKeys& keys);
/// Nothing when it is not of this form with this salt and these rounds, or does not decrypt.
Pkcs8Ptr unshroud(const X509_SIG* shrouded, const StretchedKeys& keys);

}  // namespace tserver::crypto
