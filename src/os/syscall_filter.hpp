// Which system calls a process may make (seccomp(2)).
#pragma once

#include "base/result.hpp"

namespace tserver::os {

/// Needs no_new_privs; counts for every thread. A call that is not in the list fails with EPERM; clone3 with
/// ENOSYS, so that the C library makes its threads by clone, whose flags a filter can see.
/// @return false in a build with a sanitizer, and on machines other than x86-64 and AArch64; SANDBOX
Result<bool> restrict_calls();

}  // namespace tserver::os
