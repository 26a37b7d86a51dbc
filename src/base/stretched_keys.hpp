// The keys that a passphrase, a salt and many rounds give: what is costly about opening and writing a store.
#pragma once

#include "base/bytes.hpp"
#include "base/secret.hpp"

namespace tserver {

inline constexpr std::size_t stretched_octets = 32;  ///< of each key

struct StretchedKeys {
    Bytes salt;           ///< 16 octets, no secret; the same for both
    unsigned rounds = 0;  ///< of the cipher's key; the MAC's has twice as many
    Secret cipher;        ///< PBKDF2-HMAC-SHA-256 (RFC 8018), for PBES2 with AES-256-CBC
    Secret mac;           ///< RFC 7292, appendix B, with ID 3 and SHA-256

    bool operator==(const StretchedKeys&) const = default;
};

}  // namespace tserver
