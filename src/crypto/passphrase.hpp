// A passphrase, with the keys that were derived from it: each derivation costs about 40 ms of CPU, so one
// does for all files that share its salt.
#pragma once

#include <optional>

#include "base/result.hpp"
#include "base/stretched_keys.hpp"

namespace tserver::crypto {

/// The work factor: PBKDF2 rounds of each encrypted part; the MAC gets twice as many. Reasons and figures:
/// doc/protocols/store.md, section 3. Fewer are for tests.
inline constexpr unsigned stretch_rounds = 100'000;
inline constexpr std::size_t salt_octets = 16;

class Passphrase {
public:
    /// @param keys    derived from these very octets before, by tserver for all its links
    /// @param rounds  of keys that have to be made
    Passphrase(Secret octets,  // NOLINT(google-explicit-constructor): it is one, with nothing derived yet
               std::optional<StretchedKeys> keys = {}, unsigned rounds = stretch_rounds)
        : octets_{std::move(octets)}, keys_{std::move(keys)}, rounds_{rounds} {}

    [[nodiscard]] const Secret& octets() const noexcept { return octets_; }

    /// Those that everything is written with: made at the first call, with a random salt.
    /// @return STORE_ALGORITHM when a provider refuses one of the derivations
    Result<const StretchedKeys*> keys() const;
    /// Of a file that has this salt. The first salt of enough rounds that is met becomes ours.
    /// @return STORE_ALGORITHM
    Result<StretchedKeys> keys_of(ByteView salt, unsigned rounds) const;

private:
    Secret octets_;
    mutable std::optional<StretchedKeys> keys_;
    unsigned rounds_;
};

/// HMAC-SHA-256.
Bytes authenticate(const Secret& key, ByteView content);

}  // namespace tserver::crypto
