// For the tests of this folder: a UDP peer that plays a script on a thread of its own, and a loop to wait by.
#pragma once

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <unistd.h>

#include <functional>
#include <future>
#include <thread>

#include "net/wait.hpp"
#include "tftp/packet.hpp"
#include "tftp/udp.hpp"

namespace tserver::tftp::test {

using namespace std::chrono_literals;

inline Host host(std::string_view text) { return Host::parse(text).value(); }
inline net::Address address(std::string_view host_text, Port port) {
    return net::Address::literal(Endpoint{host(host_text), port}).value();
}

/// Octets that repeat with a long period, so that a swapped block shows.
inline Bytes content(std::size_t size) {
    Bytes out(size);
    for (std::size_t i = 0; i < size; ++i) out[i] = static_cast<std::uint8_t>(i * 7 + i / 251 + i / 65'521);
    return out;
}

/// The block of a file, numbered from 1 and counted without end.
inline ByteView block_of(ByteView file, std::size_t number, std::size_t size) {
    const auto from = std::min(file.size(), (number - 1) * size);
    return file.subspan(from, std::min(size, file.size() - from));
}
inline Bytes data(std::uint16_t block, ByteView octets) {
    return Writer{}.u16(3).u16(block).bytes(octets).take();
}
inline Bytes option_ack(const std::vector<Option>& options) {
    Writer out;
    out.u16(6);
    for (const auto& option : options) out.text(option.name).u8(0).text(option.value).u8(0);
    return out.take();
}

/// A bound UDP socket, blocking with an end.
class Socket {
public:
    explicit Socket(std::string_view at, Port port = 0) {
        const auto where = address(at, port);
        fd_ = os::Fd{::socket(where.family(), SOCK_DGRAM | SOCK_CLOEXEC, 0)};
        if (::bind(fd_.get(), where.raw(), where.length()) != 0) std::abort();
    }
    [[nodiscard]] net::Address where() const { return net::local_address(fd_.get()); }
    [[nodiscard]] Port port() const { return where().port(); }
    void send(const net::Address& to, ByteView packet) const {
        ::sendto(fd_.get(), packet.data(), packet.size(), 0, to.raw(), to.length());
    }
    struct Got {
        net::Address from;
        Bytes packet;
    };
    [[nodiscard]] std::optional<Got> receive(std::chrono::milliseconds limit = 5s) const {
        pollfd wait{fd_.get(), POLLIN, 0};
        if (::poll(&wait, 1, static_cast<int>(limit.count())) != 1) return std::nullopt;
        Bytes buffer(2048);
        sockaddr_storage from{};
        socklen_t length = sizeof from;
        const auto got = ::recvfrom(fd_.get(), buffer.data(), buffer.size(), 0,
                                    reinterpret_cast<sockaddr*>(&from), &length);
        if (got < 0) return std::nullopt;
        buffer.resize(static_cast<std::size_t>(got));
        return Got{net::Address{reinterpret_cast<const sockaddr*>(&from), length}, std::move(buffer)};
    }

private:
    os::Fd fd_;
};

/// Runs a task to its end on a loop of this thread.
template <class T>
T run_to_end(net::Loop& loop, net::Task<T> task) {
    std::optional<T> result;
    auto keep = [&loop, &result](net::Task<T> work) -> net::Task<void> {
        result.emplace(co_await std::move(work));
        loop.stop();
    };
    net::Job job{keep(std::move(task))};
    loop.run();
    return *std::move(result);
}

/// A thread that is joined before the test ends.
class Script {
public:
    explicit Script(std::function<void()> play) : thread_{std::move(play)} {}
    ~Script() { join(); }
    Script(const Script&) = delete;
    Script& operator=(const Script&) = delete;
    void join() {
        if (thread_.joinable()) thread_.join();
    }

private:
    std::thread thread_;
};

}  // namespace tserver::tftp::test
