#include "os/notify.hpp"

#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <cstdlib>

#include "base/text.hpp"
#include "os/fd.hpp"

namespace tserver::os {
namespace {

std::string_view variable(const char* name) {
    const char* value = std::getenv(name);
    return value != nullptr ? std::string_view{value} : std::string_view{};
}

/// A status is one line, whatever it was made of.
std::string one_line(std::string_view text) {
    std::string out{text};
    std::ranges::replace_if(
        out, [](char c) { return c == '\n' || c == '\r' || c == '\0'; }, ' ');
    return out;
}

}  // namespace

Notify Notify::from_environment() {
    std::optional<std::chrono::microseconds> watchdog;
    const auto period = decimal(variable("WATCHDOG_USEC"), 1, 86'400'000'000L);
    const auto pid = variable("WATCHDOG_PID");
    if (period && (pid.empty() || pid == std::to_string(::getpid())))
        watchdog = std::chrono::microseconds{*period};
    return Notify{std::string{variable("NOTIFY_SOCKET")}, watchdog};
}

void Notify::ready(std::string_view status) const {
    send(fmt::format("READY=1\nSTATUS={}\nMAINPID={}", one_line(status), ::getpid()));
}
void Notify::stopping(std::string_view status) const {
    send(fmt::format("STOPPING=1\nSTATUS={}", one_line(status)));
}
void Notify::status(std::string_view status) const { send("STATUS=" + one_line(status)); }
void Notify::alive() const { send("WATCHDOG=1"); }

void Notify::reloading() const {
    timespec now{};
    ::clock_gettime(CLOCK_MONOTONIC, &now);
    send(fmt::format("RELOADING=1\nMONOTONIC_USEC={}", now.tv_sec * 1'000'000 + now.tv_nsec / 1000));
}

bool Notify::send(std::string_view lines) const {
    sockaddr_un address{};
    if (socket_.empty() || (socket_[0] != '/' && socket_[0] != '@') ||
        socket_.size() >= sizeof address.sun_path)
        return false;
    address.sun_family = AF_UNIX;
    std::ranges::copy(socket_, address.sun_path);
    if (socket_[0] == '@') address.sun_path[0] = '\0';

    const Fd socket{::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)};
    const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + socket_.size());
    return socket && ::sendto(socket.get(), lines.data(), lines.size(), MSG_NOSIGNAL | MSG_DONTWAIT,
                              reinterpret_cast<const sockaddr*>(&address),
                              length) == static_cast<ssize_t>(lines.size());
}

}  // namespace tserver::os
