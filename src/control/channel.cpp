#include "control/channel.hpp"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>

namespace tserver::control {
namespace {

constexpr std::size_t chunk = std::size_t{16} * 1024;

Result<std::pair<os::Fd, os::Fd>> pair_of(int kind) {
    std::array<int, 2> ends{};
    if (::socketpair(AF_UNIX, kind | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends.data()) != 0)
        return os::failed("socketpair", errno);
    return std::pair{os::Fd{ends[0]}, os::Fd{ends[1]}};
}

}  // namespace

Result<std::pair<os::Fd, os::Fd>> channel_pair() { return pair_of(SOCK_STREAM); }
Result<std::pair<os::Fd, os::Fd>> log_pair() { return pair_of(SOCK_SEQPACKET); }

Result<os::Fd> inherited_channel() {
    int type = 0;
    socklen_t length = sizeof type;
    if (::getsockopt(channel_descriptor, SOL_SOCKET, SO_TYPE, &type, &length) != 0 || type != SOCK_STREAM) {
        return fail(Fault::CONTROL_PROTOCOL,
                    "descriptor 3 is no channel: this program is started by tserver, not by hand");
    }
    const int flags = ::fcntl(channel_descriptor, F_GETFL);
    if (::fcntl(channel_descriptor, F_SETFL, flags | O_NONBLOCK) != 0 ||
        ::fcntl(channel_descriptor, F_SETFD, FD_CLOEXEC) != 0)
        return os::failed("fcntl", errno);
    return os::Fd{channel_descriptor};
}

Channel::Channel(net::Loop& loop, os::Fd socket, std::chrono::milliseconds limit)
    : loop_{loop},
      in_{std::move(socket)},
      out_{::fcntl(in_.get(), F_DUPFD_CLOEXEC, 0)},
      limit_{limit},
      broken_{!out_},
      patience_{loop, *this} {}

Channel::~Channel() {
    if (watching_) loop_.remove(out_.get(), *this);
}

void Channel::send(const Frame& frame) {
    const auto payload = frame.payload.reveal();
    if (broken_) return;
    if (payload.size() > largest_payload || queued_ + payload.size() > most_queued) return give_up();
    queue_.push_back(octets_of(frame));
    queued_ += queue_.back().reveal().size();
    if (!watching_) write_some();
}

void Channel::write_some() {
    while (!queue_.empty()) {
        const auto left = queue_.front().reveal().substr(written_);
        const auto sent = ::send(out_.get(), left.data(), left.size(), MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR) continue;
        if (sent < 0 && errno != EAGAIN) return give_up();
        if (sent < 0) break;
        patience_.disarm();  // the peer reads
        queued_ -= static_cast<std::size_t>(sent);
        written_ += static_cast<std::size_t>(sent);
        if (written_ < queue_.front().reveal().size()) continue;
        queue_.pop_front();
        written_ = 0;
    }
    if (queue_.empty() == watching_) {
        watching_ = !watching_;
        if (watching_) {
            loop_.add(out_.get(), *this, EPOLLOUT);
        } else {
            loop_.remove(out_.get(), *this);
        }
    }
    if (watching_ && !patience_.armed()) patience_.arm(Steady::now() + limit_);
}

void Channel::ready(std::uint32_t) { write_some(); }

void Channel::give_up() {
    if (std::exchange(watching_, false)) loop_.remove(out_.get(), *this);
    patience_.disarm();
    queue_.clear();
    queued_ = written_ = 0;
    broken_ = true;
    ::shutdown(in_.get(), SHUT_RDWR);  // whoever waits in receive() is told
}

net::Task<Result<std::optional<Frame>>> Channel::receive() {
    for (;;) {
        auto cut_off = frames_.next();
        if (!cut_off || *cut_off) co_return cut_off;
        Result<std::size_t> got = std::size_t{0};
        if (frames_.empty()) {
            got = co_await fill();
        } else {
            got = co_await net::within(loop_, limit_, fill());
        }
        CO_TRY(count, "channel", std::move(got));
        if (count > 0) continue;
        if (!frames_.empty()) co_return fail(Fault::CONTROL_PROTOCOL, "the channel ended inside a frame");
        co_return std::optional<Frame>{};
    }
}

net::Task<Result<std::size_t>> Channel::fill() {
    std::array<std::uint8_t, chunk> part;  // NOLINT(cppcoreguidelines-pro-type-member-init)
    for (;;) {
        const auto got = ::recv(in_.get(), part.data(), part.size(), 0);
        if (got >= 0) {
            const auto count = static_cast<std::size_t>(got);
            frames_.add(std::span{part}.first(count));
            wipe(std::span{part}.first(count));
            co_return count;
        }
        if (errno == EINTR) continue;
        if (errno == ECONNRESET) co_return std::size_t{0};
        if (errno != EAGAIN) co_return os::failed("recv", errno);
        co_await net::readable(loop_, in_.get());
    }
}

}  // namespace tserver::control
