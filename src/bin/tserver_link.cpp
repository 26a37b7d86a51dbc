// tserver-link: one link, started by tserver and never by hand.
#include <fcntl.h>
#include <fmt/core.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstring>

#include "crypto/memory.hpp"
#include "link/process.hpp"
#include "net/worker.hpp"
#include "os/hand_over.hpp"
#include "os/process.hpp"

namespace {

using namespace tserver;

/// SIGTERM ends the link as its parent's word does. SIGINT goes to the whole terminal group: tserver decides.
os::Fd termination_signal() {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigprocmask(SIG_BLOCK, &set, nullptr);
    static_cast<void>(std::signal(SIGINT, SIG_IGN));
    static_cast<void>(std::signal(SIGHUP, SIG_IGN));
    static_cast<void>(std::signal(SIGPIPE, SIG_IGN));
    return os::Fd{signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK)};
}

/// The log goes where tserver says, from its next line on.
net::Task<void> follow_log(net::Loop& loop, log::Log& log, int socket) {
    for (;;) {
        co_await net::readable(loop, socket);
        const auto file = os::take_over(socket);
        if (!file || !*file) co_return;
        ::dup2((*file)->get(), STDERR_FILENO);
        log.set_journal(os::journal_reads_stderr());
    }
}

net::Task<int> terminated(net::Loop& loop, int signals) {
    co_await net::readable(loop, signals);
    co_return 0;
}

net::Task<void> live(net::Loop& loop, link::Process& process, int signals, int& code) {
    auto race = net::first_of(process.run(), terminated(loop, signals));
    const auto end = co_await std::move(race);
    code = end.index() == 0 ? std::get<0>(end) : std::get<1>(end);
    loop.stop();
}

}  // namespace

int main(int argc, char** argv) {
    os::end_when_memory_is_gone("tserver-link");
    crypto::fail_as_new_does();
    const auto started = Steady::now();
    if (argc > 1 && std::strcmp(argv[1], "--version") == 0) {
        std::printf("tserver-link %s\n", TSERVER_VERSION);
        return 0;
    }
    auto channel = control::inherited_channel();
    const os::Fd log_socket{
        ::fcntl(control::log_descriptor, F_SETFD, FD_CLOEXEC) == 0 ? control::log_descriptor : -1};
    if (!channel) {
        fmt::print(stderr,
                   "tserver-link is started by tserver, one for each link: run tserver --config FILE\n");
        return 2;
    }
    log::Log::Setup setup;
    setup.journal = os::journal_reads_stderr();
    log::Log log{setup};
    if (auto kept = os::keep_memory_private(); !kept) {
        log.write(log::store_warning, {"?"}, {kept.error().text()});
    }
    const auto signals = termination_signal();
    int code = 1;
    {
        net::Loop loop;
        link::Process process{loop, *std::move(channel), log, argc > 1 ? argv[1] : "?", started};
        const net::Job log_file{log_socket ? net::Job{follow_log(loop, log, log_socket.get())} : net::Job{}};
        const net::Job living{live(loop, process, signals.get(), code)};
        loop.run();
    }
    if (net::workers_busy())
        _exit(code);  // a key is still being made: static objects must outlive its thread
    return code;
}
