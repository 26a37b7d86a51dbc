// Reading the files of one identity, for its owner and for commands alike. Nothing here writes.
#pragma once

#include <string>

#include "store/meta.hpp"

namespace tserver::store {

inline constexpr std::string_view identity_name = "identity.p12";
inline constexpr std::string_view meta_name = "meta.json";
inline constexpr std::size_t most_octets = 1U << 20U;  ///< no file of a store is larger

std::string identity_folder(const InstanceId& id);  ///< "identities/cti01"

/// meta.json and identity.p12 of one generation, the one fitting the other.
struct IdentityGeneration {
    IdentityFile file;
    Bytes sealed;
};
/// @return STORE_DAMAGED (also for a file that is missing or cannot be read), PERMISSION
Result<IdentityGeneration> read_generation(os::Tree& tree, const std::string& folder, unsigned long number);

/// The newest identity that is whole; nothing when there is no generation.
/// @param host  where we are; empty: do not look at the host
/// @return as IdentityStore::load()
Result<std::optional<StoredIdentity>> load_identity(os::Tree& tree, const std::string& folder,
                                                    const crypto::Passphrase& passphrase,
                                                    const std::string& host);

/// Both are known and differ.
bool foreign(const std::string& host, const IdentityMeta& meta);

}  // namespace tserver::store
