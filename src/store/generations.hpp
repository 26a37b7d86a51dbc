// Numbered, complete versions of a set of files in one folder. A version is made under the name "new",
// synced, and becomes current by the rename to the next number: a reader finds whole generations or none,
// whenever the power goes.
#pragma once

#include <string>
#include <vector>

#include "os/tree.hpp"

namespace tserver::store {

struct NamedContent {
    std::string name;
    ByteView content;
};

/// "<folder>/000007"
std::string generation_path(const std::string& folder, unsigned long number);

/// The numbers that are there, the newest first.  @return STORE_IO, PERMISSION
Result<std::vector<unsigned long>> generations(os::Tree& tree, const std::string& folder);

/// Writes a new generation and makes it current; the last two stay. The caller holds the folder's lock.
/// On failure the generations that were there are untouched; whether the new one is there too is then open.
/// @return its number; DISK_FULL, PERMISSION, STORE_IO
Result<unsigned long> add_generation(os::Tree& tree, const std::string& folder,
                                     const std::vector<NamedContent>& files);

}  // namespace tserver::store
