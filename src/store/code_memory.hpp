// Remembers authentication codes without keeping them.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/bytes.hpp"
#include "base/time.hpp"
#include "base/types.hpp"

namespace tserver::store {

enum class CodeFate : std::uint8_t { used, refused };

/// A code has 4 to 10 digits: no number of rounds alone keeps it from being guessed (10^4 codes take
/// seconds). The hash is therefore over passphrase and code, so that the file tells nothing to whoever lacks
/// the passphrase, and a guess of both costs as much as one at the PKCS#12 beside it.
struct RememberedCode {
    CodeFate fate;
    Bytes salt;  ///< 16 octets, the same in all entries of one store: one derivation answers for all of them
    unsigned rounds;
    Bytes hash;  ///< PBKDF2-HMAC-SHA-256 of: length of the passphrase (4 octets), passphrase, code
    Instant when;

    bool operator==(const RememberedCode&) const = default;
};

/// The newest that are kept.
inline constexpr std::size_t most_codes = 64;

/// @param others  what is remembered already: gives the salt
/// @param rounds  as many as the PKCS#12 beside it has
RememberedCode hash_code(const AuthCode& code, CodeFate fate, const Secret& passphrase,
                         const std::vector<RememberedCode>& others, unsigned rounds, Instant when);
/// Whether this code ever had this fate.
bool has_fate(const AuthCode& code, CodeFate fate, const Secret& passphrase,
              const std::vector<RememberedCode>& codes);
/// Both lists, each entry once, the oldest first, no more than `most_codes`.
std::vector<RememberedCode> join(std::vector<RememberedCode> a, const std::vector<RememberedCode>& b);

}  // namespace tserver::store
