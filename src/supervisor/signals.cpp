#include "supervisor/signals.hpp"

#include <signal.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

namespace tserver::supervisor {

Result<Signals> Signals::take(net::Loop& loop, std::initializer_list<int> numbers) {
    sigset_t set;
    sigemptyset(&set);
    for (const int number : numbers) sigaddset(&set, number);
    if (::sigprocmask(SIG_BLOCK, &set, nullptr) != 0) return os::failed("sigprocmask", errno);
    os::Fd file{::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK)};
    if (!file) return os::failed("signalfd", errno);
    return Signals{loop, std::move(file)};
}

net::Task<int> Signals::next() {
    for (;;) {
        signalfd_siginfo info{};
        if (::read(file_.get(), &info, sizeof info) == sizeof info)
            co_return static_cast<int>(info.ssi_signo);
        co_await net::readable(*loop_, file_.get());
    }
}

void reap_orphans(bool (*is_ours)(pid_t, void*), void* context) {
    for (;;) {
        siginfo_t seen{};
        if (::waitid(P_ALL, 0, &seen, WEXITED | WNOHANG | WNOWAIT) != 0 || seen.si_pid == 0) return;
        if (is_ours(seen.si_pid, context)) return;  // its pidfd takes it; what is behind it comes next time
        ::waitpid(seen.si_pid, nullptr, 0);
    }
}

}  // namespace tserver::supervisor
