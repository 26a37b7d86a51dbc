// A UDP socket that hears of refusals, and waiting for it with an end.
#pragma once

#include <variant>

#include "base/bytes.hpp"
#include "net/address.hpp"
#include "os/fd.hpp"

namespace tserver::tftp {

/// Not connected: a connected socket would hide packets of strangers, who are to be told, and of an address
/// that answers in place of the one asked, which is to be named. IP_RECVERR tells what ICMP says all the
/// same.
class UdpSocket {
public:
    struct Datagram {
        net::Address from;
        ByteView octets;  ///< valid until the next call
    };
    struct Undeliverable {
        net::Address to;
        int error;
    };
    using Arrival = std::variant<std::monostate, Datagram, Undeliverable>;

    /// Bound to a random port, which the kernel picks.  @return OUT_OF_RESOURCES, INTERNAL
    static Result<UdpSocket> open(int family);

    /// @return 0, or the errno; a full buffer and an ICMP error of an earlier packet count as sent, like
    /// loss.
    int send(const net::Address& to, ByteView packet) noexcept;
    /// What has come; never waits. ICMP errors first.
    Arrival next();
    [[nodiscard]] int descriptor() const noexcept { return fd_.get(); }

private:
    explicit UdpSocket(os::Fd fd) : fd_{std::move(fd)}, buffer_(65'536) {}
    std::optional<Undeliverable> next_error();

    os::Fd fd_;
    Bytes buffer_;
};

/// co_await readable_until(loop, fd, when): returns when the descriptor is ready or the time has come.
class readable_until final : net::Watch, net::Timer {
public:
    readable_until(net::Loop& loop, int descriptor, Steady::time_point until)
        : Timer{loop}, descriptor_{descriptor}, until_{until} {}
    readable_until(const readable_until&) = delete;
    readable_until& operator=(const readable_until&) = delete;
    ~readable_until() override {
        if (caller_) loop().remove(descriptor_, *this);
    }

    [[nodiscard]] bool await_ready() const noexcept { return false; }
    void await_suspend(std::coroutine_handle<> caller) {
        caller_ = caller;
        loop().add(descriptor_, *this, EPOLLIN);
        arm(until_);
    }
    void await_resume() const noexcept {}

private:
    void ready(std::uint32_t) override { resume(); }
    void due() override { resume(); }
    void resume() {
        disarm();
        loop().remove(descriptor_, *this);
        std::exchange(caller_, nullptr).resume();
    }

    int descriptor_;
    Steady::time_point until_;
    std::coroutine_handle<> caller_;
};

}  // namespace tserver::tftp
