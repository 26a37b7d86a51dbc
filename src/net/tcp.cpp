#include "net/tcp.hpp"

#include <netinet/tcp.h>

#include <cerrno>

namespace tserver::net {
namespace {

template <class T>
void set(int socket, int level, int option, T value) noexcept {
    [[maybe_unused]] const int ignored = setsockopt(socket, level, option, &value, sizeof value);
}

tl::unexpected<Error> refused(const Address& to, int error) {
    const auto detail = fmt::format("{}: {}", to.str(), os::reason(error));
    if (error == ECONNREFUSED) return fail(Fault::CTI_REFUSED, detail);
    if (error == ECONNRESET) return fail(Fault::CTI_CLOSED, detail);  // taken, and ended before we looked
    if (error == EMFILE || error == ENFILE || error == ENOBUFS || error == EADDRNOTAVAIL) {
        return fail(Fault::OUT_OF_RESOURCES, detail);
    }
    if (error == EACCES || error == EPERM) return fail(Fault::PERMISSION, detail);
    return fail(Fault::CTI_UNREACHABLE, detail);
}

Task<Result<os::Fd>> connect_now(Loop& loop, Address to) {
    os::Fd socket{::socket(to.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)};
    if (!socket) co_return refused(to, errno);
    set(socket.get(), IPPROTO_TCP, TCP_NODELAY, 1);
    if (::connect(socket.get(), to.raw(), to.length()) != 0) {
        if (errno != EINPROGRESS) co_return refused(to, errno);
        co_await writable(loop, socket.get());
        if (const int error = pending_error(socket.get()); error != 0) co_return refused(to, error);
    }
    co_return socket;
}

}  // namespace

int pending_error(int socket) noexcept {
    int error = 0;
    socklen_t length = sizeof error;
    return getsockopt(socket, SOL_SOCKET, SO_ERROR, &error, &length) == 0 ? error : errno;
}

Error of_other_server(Error error, Fault unreachable) {
    const bool far_end = error.fault == Fault::CTI_REFUSED || error.fault == Fault::CTI_UNREACHABLE ||
                         error.fault == Fault::CTI_CLOSED;
    if (far_end) error.fault = unreachable;
    return error;
}

Task<Result<os::Fd>> connect(Loop& loop, Address to, std::chrono::milliseconds limit) {
    auto trying = connect_now(loop, to);
    auto limited = within(loop, limit, std::move(trying));
    auto socket = co_await std::move(limited);
    if (!socket && socket.error().fault == Fault::TIMED_OUT) {
        co_return fail(Fault::CTI_UNREACHABLE,
                       fmt::format("{}: no answer within {} ms", to.str(), limit.count()));
    }
    co_return socket;
}

Task<Result<os::Fd>> connect(Loop& loop, Host host, Port port, std::chrono::milliseconds limit) {
    auto resolving = resolve(loop, std::move(host), port);
    auto addresses = co_await std::move(resolving);
    if (!addresses) co_return tl::unexpected(std::move(addresses).error());
    Result<os::Fd> socket = fail(Fault::CTI_UNREACHABLE, "no address");
    for (const auto& address : *addresses) {
        auto trying = connect(loop, address, limit);
        socket = co_await std::move(trying);
        if (socket) break;
    }
    co_return socket;
}

void watch_for_death(int socket, const DeadPeer& limits) {
    set(socket, SOL_SOCKET, SO_KEEPALIVE, 1);
    set(socket, IPPROTO_TCP, TCP_KEEPIDLE, static_cast<int>(limits.idle.count()));
    set(socket, IPPROTO_TCP, TCP_KEEPINTVL, static_cast<int>(limits.interval.count()));
    set(socket, IPPROTO_TCP, TCP_KEEPCNT, limits.probes);
    const std::chrono::milliseconds unacknowledged = limits.unacknowledged;
    set(socket, IPPROTO_TCP, TCP_USER_TIMEOUT, static_cast<unsigned>(unacknowledged.count()));
}

Result<os::Fd> listen(const Address& at, int backlog) {
    os::Fd socket{::socket(at.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)};
    if (!socket) return os::failed("socket", errno);
    set(socket.get(), SOL_SOCKET, SO_REUSEADDR, 1);
    if (::bind(socket.get(), at.raw(), at.length()) != 0 || ::listen(socket.get(), backlog) != 0) {
        const int error = errno;
        if (error == EADDRINUSE) return fail(Fault::PORT_IN_USE, at.str());
        if (error == EADDRNOTAVAIL) {
            return fail(Fault::CONFIG_VALUE, fmt::format("{} is no address of this host", at.host()));
        }
        return os::failed(fmt::format("listen on {}", at.str()), error);
    }
    return socket;
}

Result<os::Fd> accept_now(int listener) {
    os::Fd socket{::accept4(listener, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC)};
    if (!socket) return os::failed("accept", errno, Fault::CTI_CLOSED);
    set(socket.get(), IPPROTO_TCP, TCP_NODELAY, 1);
    return socket;
}

void reset_on_close(int socket) noexcept {
    const linger now{1, 0};
    set(socket, SOL_SOCKET, SO_LINGER, now);
}

}  // namespace tserver::net
