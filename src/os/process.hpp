// What a process does for itself at its start, and what it knows about the machine.
#pragma once

#include <string>

#include "base/result.hpp"

namespace tserver::os {

/// No core dumps and no other process of the same user may read our memory (RLIMIT_CORE 0, PR_SET_DUMPABLE
/// 0): keys and passphrases never reach a disk that way.
Result<void> keep_memory_private();

/// When memory is exhausted the process says so in one line on standard error and ends with the exit code of
/// OUT_OF_RESOURCES, wherever it was: nobody unwinds through what may need memory again. Without this a
/// failed allocation is an abort that names nothing. To be called first in main().
/// @param program  stays as it is until the process ends
void end_when_memory_is_gone(const char* program) noexcept;

/// The id of this installation of the operating system, 32 hex digits (/etc/machine-id, or the D-Bus one);
/// empty where there is none, as in many containers. Confidential: show it hashed only (machine-id(5)).
std::string machine_id();

/// Whether standard error goes to the journal: systemd names its device and inode (systemd.exec(5)).
bool journal_reads_stderr();

/// "alice", or "uid 1005" when the user database has no name.
std::string user_name(unsigned uid);

}  // namespace tserver::os
