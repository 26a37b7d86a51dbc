// Reading and writing whole contents through an open descriptor.
#pragma once

#include "base/bytes.hpp"
#include "os/fd.hpp"

namespace tserver::os {

/// The whole content of a regular file.  @return `otherwise` for anything else and for more than `most`
/// octets
Result<Bytes> read_all(const Fd& file, const std::string& path, std::size_t most, Fault otherwise);
/// @return DISK_FULL, STORE_IO
Result<void> write_all(const Fd& file, const std::string& path, ByteView content);

}  // namespace tserver::os
