// tserver: reads the options, starts one tserver-link per link, watches them, and answers tserverctl.
// Exit: 0 stopped, 2 configuration refused, 44 no memory left, 1 anything else.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <filesystem>
#include <iostream>

#include "config/config.hpp"
#include "crypto/memory.hpp"
#include "os/process.hpp"
#include "supervisor/daemon.hpp"
#include "supervisor/supervisor.hpp"

namespace {

using namespace tserver;

constexpr int refused = 2;
constexpr int failed = 1;

int report(const config::Problems& problems, const std::string& file) {
    for (const auto& problem : problems) std::cerr << problem.str() << '\n';
    std::cerr << fmt::format("tserver: {}: refused, {} problem{}\n", file, problems.size(),
                             problems.size() == 1 ? "" : "s");
    return refused;
}

int report(const Error& error) {
    std::cerr << "tserver: " << error.text() << "\n→ " << row(error.fault).action << '\n';
    return failed;
}

/// tserver-link stands beside this program.
Result<std::string> link_program() {
    std::error_code error;
    const auto self = std::filesystem::read_symlink("/proc/self/exe", error);
    if (error) return fail(Fault::INTERNAL, "/proc/self/exe: " + error.message());
    const auto beside = self.parent_path() / "tserver-link";
    if (!std::filesystem::exists(beside, error))
        return fail(Fault::UNREADABLE, beside.string() + " is missing: it belongs beside tserver");
    return beside.string();
}

int serve(const std::string& file, const std::string& control) {
    if (const auto kept = os::keep_memory_private(); !kept) return report(kept.error());
    auto loaded = config::load(file);
    if (!loaded) return report(loaded.error(), file);
    auto program = link_program();
    if (!program) return report(program.error());
    log::Log log{{.most = supervisor::log_level(loaded->daemon), .journal = os::journal_reads_stderr()}};
    auto socket = control.empty() ? loaded->daemon.control_socket.string() : control;
    supervisor::DaemonSetup setup{*std::move(loaded), std::move(socket), *std::move(program)};
    const auto ended = supervisor::run(std::move(setup), log);
    return ended ? 0 : report(ended.error());
}

}  // namespace

int main(int argc, char** argv) {
    os::end_when_memory_is_gone("tserver");
    crypto::fail_as_new_does();
    CLI::App app{
        "tserver: CTI links to Cisco UCM over mutual TLS. Runs in the foreground, logs to standard error or "
        "to log-file."};
    app.footer(
        "Example: tserver --config /etc/tserver/tserver.conf\n"
        "SIGHUP reads the file again, SIGUSR1 opens the log file anew, SIGTERM stops. Exit: 0 stopped, 2 "
        "configuration refused, 44 no memory "
        "left, 1 anything "
        "else.");
    std::string file;
    std::string control;
    app.add_option("--config", file, "configuration file (INI)")->required();
    app.add_option("--control", control, "path of the control socket (default: the option control-socket)");
    app.set_version_flag("--version", TSERVER_VERSION);
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) { return app.exit(error) == 0 ? 0 : failed; }
    return serve(file, control);
}
