// Remembers authentication codes without keeping them.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/bytes.hpp"
#include "base/time.hpp"
#include "base/types.hpp"
#include "crypto/passphrase.hpp"

namespace tserver::store {

enum class CodeFate : std::uint8_t { used, refused };

/// A code has 4 to 10 digits: no number of rounds alone keeps it from being guessed (10^4 codes take
/// seconds). The hash is therefore keyed with what the passphrase gives: the file tells nothing to whoever
/// lacks it, and a guess of the passphrase costs as much as one at the PKCS#12 beside it.
struct RememberedCode {
    CodeFate fate;
    Bytes salt;  ///< with `rounds` that of the store's keys as a rule: they answer for all entries
    unsigned rounds;
    Bytes hash;  ///< HMAC-SHA-256 under the cipher's key (base/stretched_keys.hpp) of a constant and the code
    Instant when;

    bool operator==(const RememberedCode&) const = default;
};

/// The newest that are kept.
inline constexpr std::size_t most_codes = 64;

/// @return STORE_ALGORITHM
Result<RememberedCode> hash_code(const AuthCode& code, CodeFate fate, const crypto::Passphrase& passphrase,
                                 Instant when);
/// Whether this code ever had this fate.  @return STORE_ALGORITHM
Result<bool> has_fate(const AuthCode& code, CodeFate fate, const crypto::Passphrase& passphrase,
                      const std::vector<RememberedCode>& codes);
/// Both lists, each entry once, the oldest first, no more than `most_codes`.
std::vector<RememberedCode> join(std::vector<RememberedCode> a, const std::vector<RememberedCode>& b);

}  // namespace tserver::store
