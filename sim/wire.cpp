#include "sim/wire.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "base/text.hpp"

namespace tserver::sim {
namespace {

std::string system_text(int code) { return std::error_code{code, std::generic_category()}.message(); }

Result<Fd> bound(const Address& address, int type) {
    Fd fd{::socket(address.family(), type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
    if (!fd) return fail(Fault::OUT_OF_RESOURCES, "socket: " + system_text(errno));
    const int on = 1;
    if (type == SOCK_STREAM) ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (::bind(fd.get(), address.raw(), address.length()) != 0)
        return fail(errno == EACCES ? Fault::PERMISSION : Fault::PORT_IN_USE,
                    address.str() + ": " + system_text(errno));
    return fd;
}

}  // namespace

Fd& Fd::operator=(Fd&& other) noexcept {
    if (this != &other) {
        if (fd_ >= 0) ::close(fd_);
        fd_ = std::exchange(other.fd_, -1);
    }
    return *this;
}

Fd::~Fd() {
    if (fd_ >= 0) ::close(fd_);
}

Address::Address(const sockaddr* address, socklen_t length) : length_{length} {
    std::memcpy(&storage_, address, std::min<std::size_t>(length, sizeof storage_));
}

Result<Address> Address::parse(std::string_view text) {
    const auto colon = text.rfind(':');
    if (colon == std::string_view::npos) return fail(Fault::USAGE, escape(text) + ": ADDRESS:PORT is needed");
    auto host = text.substr(0, colon);
    if (host.size() > 2 && host.front() == '[' && host.back() == ']') host = host.substr(1, host.size() - 2);
    const auto port = decimal(text.substr(colon + 1), 0, 65535);
    if (!port) return fail(Fault::USAGE, escape(text) + ": a port is 0 to 65535");
    addrinfo hints{};
    hints.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV;
    hints.ai_socktype = SOCK_STREAM;
    addrinfo* found = nullptr;
    const auto service = std::to_string(*port);
    if (::getaddrinfo(std::string{host}.c_str(), service.c_str(), &hints, &found) != 0)
        return fail(Fault::USAGE, escape(text) + ": not a numeric address");
    const Address address{found->ai_addr, found->ai_addrlen};
    ::freeaddrinfo(found);
    return address;
}

Address Address::local_of(int fd) {
    sockaddr_storage storage{};
    socklen_t length = sizeof storage;
    ::getsockname(fd, reinterpret_cast<sockaddr*>(&storage), &length);
    return {reinterpret_cast<sockaddr*>(&storage), length};
}

std::string Address::host() const {
    std::array<char, NI_MAXHOST> text{};
    ::getnameinfo(raw(), length_, text.data(), text.size(), nullptr, 0, NI_NUMERICHOST);
    return text.data();
}

std::string Address::str() const {
    return family() == AF_INET6 ? fmt::format("[{}]:{}", host(), port())
                                : fmt::format("{}:{}", host(), port());
}

Bytes Address::octets() const {
    if (family() == AF_INET6) {
        sockaddr_in6 six{};
        std::memcpy(&six, &storage_, sizeof six);
        return {std::begin(six.sin6_addr.s6_addr), std::end(six.sin6_addr.s6_addr)};
    }
    sockaddr_in four{};
    std::memcpy(&four, &storage_, sizeof four);
    return Writer{}.u32(ntohl(four.sin_addr.s_addr)).take();
}

// The port stands at the same place in both families.
std::uint16_t Address::port() const {
    sockaddr_in four{};
    std::memcpy(&four, &storage_, sizeof four);
    return ntohs(four.sin_port);
}

Address Address::with_port(std::uint16_t port) const {
    Address other = *this;
    sockaddr_in four{};
    std::memcpy(&four, &other.storage_, sizeof four);
    four.sin_port = htons(port);
    std::memcpy(&other.storage_, &four, sizeof four);
    return other;
}

Address Address::neighbour() const {
    Address other = *this;
    if (family() != AF_INET) return other;
    sockaddr_in four{};
    std::memcpy(&four, &other.storage_, sizeof four);
    four.sin_addr.s_addr = htonl(ntohl(four.sin_addr.s_addr) + 1);
    std::memcpy(&other.storage_, &four, sizeof four);
    return other;
}

bool operator==(const Address& a, const Address& b) {
    return a.family() == b.family() && a.octets() == b.octets() && a.port() == b.port();
}

Stop::Stop() : event_{::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)} {}

void Stop::set(End how) {
    auto none = End::none;
    how_.compare_exchange_strong(none, how);
    const std::uint64_t one = 1;
    [[maybe_unused]] const auto written = ::write(event_.get(), &one, sizeof one);
}

void Workers::start(std::function<void(Stop&)> work) {
    const std::lock_guard lock{mutex_};
    if (closed_) return;
    reap();
    auto& worker = *workers_.emplace_back(std::make_unique<Worker>());
    worker.thread = std::thread{[&worker, work = std::move(work)] {
        work(worker.stop);
        worker.done = true;
    }};
}

void Workers::reap() {
    std::erase_if(workers_, [](const auto& worker) {
        if (!worker->done) return false;
        worker->thread.join();
        return true;
    });
}

void Workers::stop() {
    std::list<std::unique_ptr<Worker>> ending;
    {
        const std::lock_guard lock{mutex_};
        closed_ = true;
        ending.swap(workers_);
    }
    for (const auto& worker : ending) worker->stop.set();
    for (const auto& worker : ending) worker->thread.join();
}

Woken wait(int fd, short events, const Stop& stop, std::optional<Steady::time_point> deadline) {
    while (true) {
        std::array<pollfd, 2> watched{pollfd{stop.fd(), POLLIN, 0}, pollfd{fd, events, 0}};
        int limit = -1;
        if (deadline) {
            const auto left = std::chrono::ceil<std::chrono::milliseconds>(*deadline - Steady::now()).count();
            limit = static_cast<int>(std::clamp<std::int64_t>(left, 0, 1 << 30));
        }
        const int ready = ::poll(watched.data(), watched.size(), limit);
        if (ready < 0 && errno == EINTR) continue;
        if (watched[0].revents != 0) return Woken::stopped;
        return ready > 0 ? Woken::ready : Woken::timed_out;
    }
}

bool pause(std::chrono::milliseconds time, const Stop& stop) {
    return wait(-1, 0, stop, Steady::now() + time) == Woken::timed_out;
}

Result<Fd> listen_tcp(const Address& address) {
    TRY(fd, bound(address, SOCK_STREAM));
    if (::listen(fd.get(), 512) != 0)
        return fail(Fault::PORT_IN_USE, address.str() + ": " + system_text(errno));
    return fd;
}

Result<Fd> bind_udp(const Address& address) { return bound(address, SOCK_DGRAM); }

void accept_each(int listener, const Stop& stop, const std::function<void(Fd, Address)>& take) {
    while (wait(listener, POLLIN, stop, std::nullopt) == Woken::ready) {
        sockaddr_storage storage{};
        socklen_t length = sizeof storage;
        Fd fd{::accept4(listener, reinterpret_cast<sockaddr*>(&storage), &length,
                        SOCK_NONBLOCK | SOCK_CLOEXEC)};
        if (!fd) {
            // Out of descriptors: the connection stays in the queue until one is free.
            if (errno == EMFILE || errno == ENFILE) pause(std::chrono::milliseconds{50}, stop);
            continue;
        }
        const int on = 1;
        ::setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        take(std::move(fd), Address{reinterpret_cast<sockaddr*>(&storage), length});
    }
}

Stream::Stream(Fd fd, SSL_CTX* context) : fd_{std::move(fd)}, ssl_{SSL_new(context)} {
    SSL_set_fd(ssl_.get(), fd_.get());
    SSL_set_accept_state(ssl_.get());
    SSL_set_mode(ssl_.get(), SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
}

Moved Stream::outcome(int result) {
    const int saved = errno;
    switch (SSL_get_error(ssl_.get(), result)) {
        case SSL_ERROR_WANT_READ: return {Moved::Kind::want_read};
        case SSL_ERROR_WANT_WRITE: return {Moved::Kind::want_write};
        case SSL_ERROR_ZERO_RETURN: return {Moved::Kind::end};
        case SSL_ERROR_SYSCALL:
            if (ERR_peek_error() == 0) return {Moved::Kind::failed, 0, system_text(saved)};
            break;
        default: break;
    }
    const bool unclean = ERR_GET_REASON(ERR_peek_error()) == SSL_R_UNEXPECTED_EOF_WHILE_READING;
    return {Moved::Kind::failed, 0, (unclean ? "unclean end: " : "") + crypto::drain_errors()};
}

Moved Stream::read(std::span<std::uint8_t> into) {
    if (ssl_) {
        ERR_clear_error();
        const int got = SSL_read(ssl_.get(), into.data(), static_cast<int>(into.size()));
        return got > 0 ? Moved{Moved::Kind::octets, static_cast<std::size_t>(got), {}} : outcome(got);
    }
    const auto got = ::recv(fd(), into.data(), into.size(), 0);
    if (got > 0) return {Moved::Kind::octets, static_cast<std::size_t>(got), {}};
    if (got == 0) return {Moved::Kind::end};
    if (errno == EAGAIN || errno == EINTR) return {Moved::Kind::want_read};
    return {Moved::Kind::failed, 0, system_text(errno)};
}

Moved Stream::write(ByteView octets) {
    if (ssl_) {
        ERR_clear_error();
        const int put = SSL_write(ssl_.get(), octets.data(), static_cast<int>(octets.size()));
        return put > 0 ? Moved{Moved::Kind::octets, static_cast<std::size_t>(put), {}} : outcome(put);
    }
    const auto put = ::send(fd(), octets.data(), octets.size(), MSG_NOSIGNAL);
    if (put >= 0) return {Moved::Kind::octets, static_cast<std::size_t>(put), {}};
    if (errno == EAGAIN || errno == EINTR) return {Moved::Kind::want_write};
    return {Moved::Kind::failed, 0, system_text(errno)};
}

Result<void> Stream::handshake(const Stop& stop, Steady::time_point deadline) {
    while (ssl_) {
        ERR_clear_error();
        const int done = SSL_do_handshake(ssl_.get());
        if (done == 1) break;
        auto moved = outcome(done);
        if (moved.kind != Moved::Kind::want_read && moved.kind != Moved::Kind::want_write)
            return fail(Fault::CTI_TLS, moved.text.empty() ? "closed in the handshake" : moved.text);
        const short events = moved.kind == Moved::Kind::want_read ? POLLIN : POLLOUT;
        switch (wait(fd(), events, stop, deadline)) {
            case Woken::ready: break;
            case Woken::timed_out: return fail(Fault::TIMED_OUT, "TLS handshake");
            case Woken::stopped: return fail(Fault::STOPPED, "TLS handshake");
        }
    }
    return {};
}

void Stream::finish_writing(bool notify) {
    if (ssl_ && notify) {
        ERR_clear_error();
        SSL_shutdown(ssl_.get());
        ERR_clear_error();
    }
    ::shutdown(fd(), SHUT_WR);
}

void Stream::reset_at_close() {
    const linger at_once{1, 0};
    ::setsockopt(fd(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
}

Result<std::size_t> read_some(Stream& stream, std::span<std::uint8_t> into, const Stop& stop,
                              std::optional<Steady::time_point> deadline) {
    while (true) {
        auto moved = stream.read(into);
        if (moved.kind == Moved::Kind::octets) return moved.count;
        if (moved.kind == Moved::Kind::end) return 0;
        if (moved.kind == Moved::Kind::failed) return fail(Fault::CTI_CLOSED, moved.text);
        const short events = moved.kind == Moved::Kind::want_read ? POLLIN : POLLOUT;
        switch (wait(stream.fd(), events, stop, deadline)) {
            case Woken::ready: break;
            case Woken::timed_out: return fail(Fault::TIMED_OUT, "read");
            case Woken::stopped: return fail(Fault::STOPPED, "read");
        }
    }
}

Result<void> write_all(Stream& stream, ByteView octets, const Stop& stop,
                       std::optional<Steady::time_point> deadline) {
    while (!octets.empty()) {
        auto moved = stream.write(octets);
        if (moved.kind == Moved::Kind::octets) {
            octets = octets.subspan(moved.count);
            continue;
        }
        if (moved.kind == Moved::Kind::failed || moved.kind == Moved::Kind::end)
            return fail(Fault::CTI_CLOSED, moved.text);
        const short events = moved.kind == Moved::Kind::want_read ? POLLIN : POLLOUT;
        switch (wait(stream.fd(), events, stop, deadline)) {
            case Woken::ready: break;
            case Woken::timed_out: return fail(Fault::TIMED_OUT, "write");
            case Woken::stopped: return fail(Fault::STOPPED, "write");
        }
    }
    return {};
}

}  // namespace tserver::sim
