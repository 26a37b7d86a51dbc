// Which files a process may touch (landlock(7)).
#pragma once

#include <string>
#include <vector>

#include "base/result.hpp"

namespace tserver::os {

/// Files of the system may be read; `writable` directories may be used in full but for devices, sockets and
/// links. Needs no_new_privs.
/// @return false where the kernel has no Landlock, or one that cannot rename between directories
/// (before 5.19)
Result<bool> restrict_files(const std::vector<std::string>& writable);

}  // namespace tserver::os
