// tserver-console: the status of tserver over HTTP, for browsers and Prometheus; reads only.
// Exit: 0 stopped, 44 no memory left, 1 anything else.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <csignal>
#include <cstdio>

#include "console/port.hpp"
#include "console/server.hpp"
#include "control/blocking.hpp"
#include "crypto/memory.hpp"
#include "net/tcp.hpp"
#include "os/notify.hpp"
#include "os/process.hpp"
#include "os/sandbox.hpp"

namespace {

using namespace tserver;

struct Wanted {
    std::string control = "/run/tserver/control";
    std::string listen = "127.0.0.1:9748";
    std::vector<std::string> hosts;
};

int report(const Error& error) {
    fmt::print(stderr, "tserver-console: {}\n→ {}\n", error.text(), row(error.fault).action);
    return 1;
}

net::Task<void> feed_watchdog(net::Loop& loop, os::Notify notify) {
    if (!notify.watchdog()) co_return;
    const auto period = std::chrono::floor<std::chrono::milliseconds>(*notify.watchdog() / 3);
    for (;;) {
        notify.alive();
        co_await net::sleep(loop, period);
    }
}

Result<void> serve(const Wanted& wanted) {
    CHECK(os::keep_memory_private());
    TRY(endpoint, Endpoint::parse(wanted.listen));
    TRY(address, net::Address::literal(endpoint));
    const auto low = endpoint.port < 1024 ? os::LowPorts::yes : os::LowPorts::no;
    TRY(confined, os::confine({.writable = {}, .low_ports = low}));
    net::Loop loop;
    const auto notify = os::Notify::from_environment();
    const net::Job watchdog{feed_watchdog(loop, notify)};
    TRY(listener,
        control::result_of(loop, console::listen_when_free(loop, {address, wanted.control}, notify)));
    console::Source source{loop, wanted.control};
    const auto at = net::local_address(listener.get()).str();
    const console::Server server{loop, std::move(listener), source, wanted.hosts};
    notify.ready("http://" + at);
    fmt::print("http://{}\n", at);
    fmt::print(stderr, "tserver-console serves http://{}{}{}\n", at,
               confined.files ? "" : "; files are not confined: this kernel has no Landlock",
               confined.calls ? "" : "; system calls are not filtered in this build");
    static_cast<void>(std::fflush(stdout));
    loop.run();
    return {};
}

}  // namespace

int main(int argc, char** argv) {
    os::end_when_memory_is_gone("tserver-console");
    crypto::fail_as_new_does();
    static_cast<void>(std::signal(SIGPIPE, SIG_IGN));
    CLI::App app{"tserver-console: status, events and metrics of tserver over HTTP; reads only."};
    app.footer(
        "Example: tserver-console --listen 127.0.0.1:9748\n"
        "There is no login: whoever can connect can read. A port that is taken is waited for, and tserver's "
        "status says so. "
        "Exit: 1 when it cannot serve.");
    Wanted wanted;
    app.add_option("--control", wanted.control, "control socket of tserver")->capture_default_str();
    app.add_option("--listen", wanted.listen, "address and port")->capture_default_str();
    app.add_option("--host", wanted.hosts,
                   "a name requests may be for, beside addresses and localhost (again for each)");
    app.set_version_flag("--version", TSERVER_VERSION);
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) { return app.exit(error) == 0 ? 0 : 1; }
    const auto ended = serve(wanted);
    return ended ? 0 : report(ended.error());
}
