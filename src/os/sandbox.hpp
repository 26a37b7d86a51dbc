// A process gives up, once and for good, what it does not need: a step after its start, before it reads
// anything from the network and before it has threads.
//
//   no_new_privs        nothing it runs could gain rights (and it can run nothing, see the filter)
//   capabilities        none, neither in force nor in any set to come back from; but CAP_NET_BIND_SERVICE
//                       where a port below 1024 is listened to
//   Landlock            files: the system's libraries and settings to read, the store to write (Linux 5.19)
//   seccomp             what is not in the list of system calls is answered with an error: no new program, no
//                       new process, no foreign memory, no writable and executable pages, no socket but IP,
//                       Unix and the resolver's; what the list has never heard of does not exist (ENOSYS)
//
// A self-test from inside ends it: what is to be gone is gone, and what every link lives on works (threads,
// time, random numbers, names). So a library that was updated and calls something new shows here and not in
// the middle of a session.
#pragma once

#include <string>
#include <vector>

#include "base/result.hpp"

namespace tserver::os {

enum class LowPorts : std::uint8_t { no, yes };

struct Confinement {
    std::vector<std::string> writable;  ///< directories that exist, with all below them
    LowPorts low_ports = LowPorts::no;
};

/// What the kernel has taken.
struct Confined {
    bool files = false;  ///< Landlock
    bool calls = false;  ///< seccomp; not in a build with a sanitizer, which needs more calls than we do
};

/// Cannot be undone. Descriptors that are open stay what they are.
/// @return SANDBOX (a step failed, or the self-test found something that should be gone, or that does not
/// work), STORE_MISSING (a directory of `writable`)
Result<Confined> confine(const Confinement& wanted);

}  // namespace tserver::os
