// The service manager's notification protocol (sd_notify(3)), without libsystemd.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace tserver::os {

/// Silent when the program was not started by a service manager. Nothing here fails: the service works
/// without.
class Notify {
public:
    /// Reads NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID.
    static Notify from_environment();
    /// @param socket    a path, or "@name" for an abstract socket; empty = say nothing
    /// @param watchdog  the service is killed when it is silent for longer
    explicit Notify(std::string socket, std::optional<std::chrono::microseconds> watchdog = {})
        : socket_{std::move(socket)}, watchdog_{watchdog} {}

    void ready(std::string_view status) const;     ///< READY=1
    void reloading() const;                        ///< RELOADING=1 with the monotonic time; ready() ends it
    void stopping(std::string_view status) const;  ///< STOPPING=1
    void status(std::string_view status) const;    ///< one line for `systemctl status`
    void alive() const;                            ///< WATCHDOG=1
    /// Send alive() at least twice in this time; nothing = no watchdog is set.
    [[nodiscard]] std::optional<std::chrono::microseconds> watchdog() const noexcept { return watchdog_; }
    [[nodiscard]] bool active() const noexcept { return !socket_.empty(); }

    /// One datagram of "NAME=value" lines.  @return whether it went out
    bool send(std::string_view lines) const;

private:
    std::string socket_;
    std::optional<std::chrono::microseconds> watchdog_;
};

}  // namespace tserver::os
