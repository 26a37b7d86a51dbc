#include "os/spawn.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <spawn.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <memory>

namespace tserver::os {
namespace {

struct Actions {
    posix_spawn_file_actions_t value;
    Actions() { posix_spawn_file_actions_init(&value); }
    ~Actions() { posix_spawn_file_actions_destroy(&value); }
    Actions(const Actions&) = delete;
    Actions& operator=(const Actions&) = delete;
};
struct Attributes {
    posix_spawnattr_t value;
    Attributes() { posix_spawnattr_init(&value); }
    ~Attributes() { posix_spawnattr_destroy(&value); }
    Attributes(const Attributes&) = delete;
    Attributes& operator=(const Attributes&) = delete;
};

/// Pointers for exec; the strings outlive the call.
std::vector<char*> pointers(std::vector<std::string>& texts) {
    std::vector<char*> out;
    out.reserve(texts.size() + 1);
    for (auto& text : texts) out.push_back(text.data());
    out.push_back(nullptr);
    return out;
}

/// Copies above every wanted number first, so that moving one into place never overwrites another.
Result<std::vector<Fd>> place(const std::vector<Inherited>& wanted, Actions& actions) {
    int first_free = 3;
    for (const auto& each : wanted) first_free = std::max(first_free, each.as + 1);
    std::vector<Fd> copies;
    for (const auto& each : wanted) {
        copies.emplace_back(::fcntl(each.descriptor, F_DUPFD_CLOEXEC, first_free));
        if (!copies.back()) return failed(fmt::format("descriptor {}", each.descriptor), errno);
        posix_spawn_file_actions_adddup2(&actions.value, copies.back().get(), each.as);
    }
    // What is left open below the highest wanted number and has no close-on-exec flag would leak.
    for (int number = 3; number < first_free; ++number) {
        const bool named = std::ranges::any_of(wanted, [&](const Inherited& i) { return i.as == number; });
        if (!named && ::fcntl(number, F_GETFD) >= 0)
            posix_spawn_file_actions_addclose(&actions.value, number);
    }
    posix_spawn_file_actions_addclosefrom_np(&actions.value, first_free);
    return copies;
}

void fresh_signals(Attributes& attributes, bool own_group) {
    sigset_t all;
    sigset_t none;
    sigfillset(&all);
    sigemptyset(&none);
    posix_spawnattr_setsigdefault(&attributes.value, &all);
    posix_spawnattr_setsigmask(&attributes.value, &none);
    auto flags = POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK;
    if (own_group) {
        posix_spawnattr_setpgroup(&attributes.value, 0);
        flags |= POSIX_SPAWN_SETPGROUP;
    }
    posix_spawnattr_setflags(&attributes.value, static_cast<short>(flags));
}

}  // namespace

Result<Child> spawn(const Program& program) {
    Actions actions;
    Attributes attributes;
    TRY(copies, place(program.descriptors, actions));
    fresh_signals(attributes, program.own_group);

    std::vector<std::string> arguments{program.path};
    arguments.insert(arguments.end(), program.arguments.begin(), program.arguments.end());
    auto environment = program.environment;
    const auto argv = pointers(arguments);
    const auto envp = pointers(environment);

    pid_t pid = -1;
    const int error = ::posix_spawn(&pid, program.path.c_str(), &actions.value, &attributes.value,
                                    argv.data(), envp.data());
    if (error != 0) {
        const bool missing = error == ENOENT || error == ENOTDIR;
        return failed(program.path, error, missing ? Fault::UNREADABLE : Fault::INTERNAL);
    }
    // Nobody else reaps our children, so the pid still names this child.
    Fd pidfd{static_cast<int>(::syscall(SYS_pidfd_open, pid, 0))};
    if (!pidfd) {
        const int saved = errno;
        ::kill(pid, SIGKILL);
        ::waitpid(pid, nullptr, 0);
        return failed("pidfd_open", saved);
    }
    return Child{pid, std::move(pidfd)};
}

std::string Ended::text() const {
    if (!by_signal) return fmt::format("exit {}", value);
    const char* name = ::sigdescr_np(value);
    return fmt::format("signal {} ({})", value, name != nullptr ? name : "unknown");
}

Result<void> Child::signal(int number) {
    if (ended_) return {};
    if (::syscall(SYS_pidfd_send_signal, pidfd_.get(), number, nullptr, 0) != 0 && errno != ESRCH)
        return failed(fmt::format("signal {} to process {}", number, pid_), errno);
    return {};
}

std::optional<Ended> Child::reap() {
    if (ended_) return ended_;
    siginfo_t seen{};
    int outcome = 0;
    do {
        outcome = ::waitid(static_cast<idtype_t>(P_PIDFD), static_cast<id_t>(pidfd_.get()), &seen,
                           WEXITED | WNOHANG);
    } while (outcome != 0 && errno == EINTR);
    if (outcome != 0 || seen.si_pid == 0) return std::nullopt;
    ended_ = Ended{seen.si_code != CLD_EXITED, seen.si_status};
    return ended_;
}

std::vector<std::string> inherited_environment() {
    constexpr std::array<std::string_view, 8> ours{
        "NOTIFY_SOCKET=", "WATCHDOG_USEC=",  "WATCHDOG_PID=",          "LISTEN_PID=",
        "LISTEN_FDS=",    "LISTEN_FDNAMES=", "CREDENTIALS_DIRECTORY=", "LISTEN_PIDFDID="};
    std::vector<std::string> out;
    for (char** at = environ; at != nullptr && *at != nullptr; ++at) {
        const std::string_view entry{*at};
        if (std::ranges::none_of(ours, [&](auto name) { return entry.starts_with(name); }))
            out.emplace_back(entry);
    }
    return out;
}

Result<void> die_with_parent(int number, pid_t parent) {
    if (::prctl(PR_SET_PDEATHSIG, number) != 0) return failed("PR_SET_PDEATHSIG", errno);
    if (::getppid() != parent) return fail(Fault::STOPPED, "the parent process is gone");
    return {};
}

}  // namespace tserver::os
