// Child programs: started by posix_spawn (never a fork of a process that has run OpenSSL), watched by a
// pidfd.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "os/fd.hpp"

namespace tserver::os {

/// A descriptor that the child finds under a fixed number.
struct Inherited {
    int descriptor;  ///< ours; stays ours
    int as;          ///< the number in the child, 0 or greater
};

struct Program {
    std::string path;                    ///< absolute; no search in PATH
    std::vector<std::string> arguments;  ///< without the program's name; everybody can read them: no secrets
    std::vector<Inherited> descriptors;  ///< 0, 1 and 2 are kept when they are not named here
    /// "NAME=value", the whole environment of the child. See inherited_environment().
    std::vector<std::string> environment;
    bool own_group = true;  ///< a process group of its own: Ctrl-C on the terminal reaches the parent only
};

/// How a process ended.
struct Ended {
    bool by_signal = false;
    int value = 0;  ///< the exit code, or the number of the signal

    [[nodiscard]] std::string text() const;  ///< "exit 3", "signal 11 (Segmentation fault)"
    bool operator==(const Ended&) const = default;
};

/// A child process. The pidfd becomes readable when the child has ended: give it to the event loop.
/// Going out of scope neither kills nor reaps the child: the owner decides what a leftover child means.
class Child {
public:
    Child(pid_t pid, Fd pidfd) : pid_{pid}, pidfd_{std::move(pidfd)} {}

    [[nodiscard]] pid_t pid() const noexcept { return pid_; }
    [[nodiscard]] int pidfd() const noexcept { return pidfd_.get(); }
    /// Sends a signal to exactly this process. A child that has ended already is no error.
    Result<void> signal(int number);
    /// Takes the exit status if the child has ended; never waits. Nothing while it runs.
    std::optional<Ended> reap();

private:
    pid_t pid_;
    Fd pidfd_;
    std::optional<Ended> ended_;
};

/// Starts the program. In the child every signal has its default action and none is blocked, and no
/// descriptor is open but those named and 0, 1, 2.
/// @return UNREADABLE (no such program), PERMISSION, OUT_OF_RESOURCES, INTERNAL
Result<Child> spawn(const Program& program);

/// Our environment without what was meant for us alone (NOTIFY_SOCKET, WATCHDOG_*, LISTEN_*,
/// CREDENTIALS_DIRECTORY).
std::vector<std::string> inherited_environment();

/// For the child to call first: the kernel sends it `number` when its parent (the thread that spawned it)
/// dies.
/// @return STOPPED when the parent, `parent`, is gone already
Result<void> die_with_parent(int number, pid_t parent);

}  // namespace tserver::os
