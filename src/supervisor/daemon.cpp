#include "supervisor/daemon.hpp"

#include <signal.h>

#include "log/messages.hpp"
#include "os/notify.hpp"
#include "supervisor/file_watch.hpp"
#include "supervisor/requests.hpp"
#include "supervisor/signals.hpp"

namespace tserver::supervisor {

namespace {

constexpr std::chrono::seconds look_at_log_file{1};

class Daemon {
public:
    Daemon(net::Loop& loop, log::Log& log, DaemonSetup setup, Signals signals)
        : loop_{loop},
          log_{log},
          signals_{std::move(signals)},
          supervisor_{loop, log, std::move(setup.config), std::move(setup.link_program)},
          requests_{supervisor_, log, notify_} {}

    void run(control::SocketFile socket) {
        if (!supervisor_.config().daemon.log_file.empty()) supervisor_.open_log_file();
        log_.write(log::tserver_started, {TSERVER_VERSION}, {supervisor_.config().source});
        for (const auto& warning : supervisor_.config().warnings) {
            const auto text = warning.at.str() + ": " + warning.text;
            log_.write(log::config_warning, {text});
        }
        server_.emplace(loop_, std::move(socket), requests_);
        supervisor_.start();
        const net::Job signals{heed_signals()};
        const net::Job watch{follow_file()};
        const net::Job log_file{follow_log_file()};
        const net::Job watchdog{feed_watchdog()};
        notify_.ready(one_line(supervisor_.status()));
        loop_.run();
    }

private:
    net::Task<void> heed_signals() {
        for (;;) {
            const int number = co_await signals_.next();
            if (number == SIGCHLD) {
                supervisor_.reap();
            } else if (number == SIGHUP) {
                reload();
            } else if (number == SIGUSR1) {
                supervisor_.open_log_file();
            } else {
                break;
            }
        }
        notify_.stopping("stopping the links");
        co_await supervisor_.stop();
        loop_.stop();
    }

    net::Task<void> follow_file() {
        auto watch = FileWatch::open(loop_, supervisor_.config().source);
        if (!watch) {
            const auto text = "the configuration file is not watched: " + watch.error().text();
            log_.write(log::config_warning, {text});
            co_return;
        }
        for (;;) {
            co_await watch->changed();
            if (supervisor_.file_says_something_new()) reload();
        }
    }

    net::Task<void> follow_log_file() {
        for (;;) {
            co_await net::sleep(loop_, look_at_log_file);
            supervisor_.look_at_log_file();
        }
    }

    net::Task<void> feed_watchdog() {
        if (!notify_.watchdog()) co_return;
        const auto period = std::chrono::floor<std::chrono::milliseconds>(*notify_.watchdog() / 3);
        for (;;) {
            notify_.alive();
            notify_.status(one_line(supervisor_.status()));
            co_await net::sleep(loop_, period);
        }
    }

    /// Problems are in the log; there is nobody else to tell.
    void reload() { [[maybe_unused]] const auto outcome = requests_.reload(); }

    net::Loop& loop_;
    log::Log& log_;
    Signals signals_;
    os::Notify notify_ = os::Notify::from_environment();
    Supervisor supervisor_;
    Requests requests_;
    std::optional<control::Server> server_;  ///< its clients use all of the above
};

}  // namespace

Result<void> run(DaemonSetup setup, log::Log& log) {
    net::Loop loop;
    TRY(signals, Signals::take(loop, {SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGCHLD}));
    TRY(socket, control::SocketFile::open(setup.control_socket));
    Daemon daemon{loop, log, std::move(setup), std::move(signals)};
    daemon.run(std::move(socket));
    log.write(log::tserver_stopped);
    return {};
}

}  // namespace tserver::supervisor
