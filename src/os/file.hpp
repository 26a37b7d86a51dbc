// Whole files: reading with a limit, and replacing so that a reader sees the old or the new one.
#pragma once

#include <string>

#include "base/bytes.hpp"
#include "base/result.hpp"

namespace tserver::os {

/// The whole regular file; symbolic links are followed, devices and pipes refused.
/// @param most  octets; a larger file is UNREADABLE, not cut.
/// @return UNREADABLE (detail: path and reason), PERMISSION
Result<Bytes> read_file(const std::string& path, std::size_t most);

/// Replaces or makes the file: a fresh name beside it, written, synced, renamed, the directory synced.
/// A link at `path` is replaced, never followed.
/// @return DISK_FULL, PERMISSION, STORE_IO
Result<void> replace_file(const std::string& path, ByteView content, unsigned mode);

/// A new file, synced; what is there is never touched.  @return UNREADABLE when `path` exists (also as a
/// link); the same as replace_file()
Result<void> create_file(const std::string& path, ByteView content, unsigned mode);

}  // namespace tserver::os
