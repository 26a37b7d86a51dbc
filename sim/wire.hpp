// Sockets of the simulator: addresses, descriptors, waiting that can be called off, plain and TLS streams,
// and threads that are told to end and joined. Every connection has a thread of its own.
#pragma once

#include <sys/socket.h>

#include <atomic>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <thread>

#include "base/bytes.hpp"
#include "base/result.hpp"
#include "base/time.hpp"
#include "crypto/openssl.hpp"

namespace tserver::sim {

/// A descriptor with one owner.
class Fd {
public:
    Fd() = default;
    explicit Fd(int fd) : fd_{fd} {}
    Fd(Fd&& other) noexcept : fd_{std::exchange(other.fd_, -1)} {}
    Fd& operator=(Fd&& other) noexcept;
    ~Fd();

    [[nodiscard]] int get() const noexcept { return fd_; }
    explicit operator bool() const noexcept { return fd_ >= 0; }

private:
    int fd_ = -1;
};

/// Numeric address and port of a socket; port 0 asks the system for a free one.
class Address {
public:
    /// "127.0.0.1:69", "[::1]:0"; names are not resolved.  @return USAGE
    static Result<Address> parse(std::string_view text);
    static Address local_of(int fd);
    Address(const sockaddr* address, socklen_t length);

    [[nodiscard]] std::string str() const;   ///< "127.0.0.1:69"
    [[nodiscard]] std::string host() const;  ///< "127.0.0.1"
    [[nodiscard]] Bytes octets() const;      ///< 4 or 16, network order
    [[nodiscard]] std::uint16_t port() const;
    [[nodiscard]] Address with_port(std::uint16_t port) const;
    /// The address behind this one (127.0.0.1 → 127.0.0.2): another address of a multi-homed node.
    [[nodiscard]] Address neighbour() const;

    [[nodiscard]] int family() const noexcept { return storage_.ss_family; }
    [[nodiscard]] const sockaddr* raw() const noexcept {
        return reinterpret_cast<const sockaddr*>(&storage_);
    }
    [[nodiscard]] socklen_t length() const noexcept { return length_; }
    friend bool operator==(const Address& a, const Address& b);

private:
    sockaddr_storage storage_{};
    socklen_t length_ = 0;
};

/// How a connection is ended from outside.
enum class End : std::uint8_t { none, close, reset };

/// Calls off every wait that watches it. Set once; safe from any thread.
class Stop {
public:
    Stop();
    void set(End how = End::close);
    [[nodiscard]] End how() const noexcept { return how_.load(); }
    [[nodiscard]] bool is_set() const noexcept { return how() != End::none; }
    [[nodiscard]] int fd() const noexcept { return event_.get(); }

private:
    Fd event_;
    std::atomic<End> how_{End::none};
};

/// Threads with a Stop each. The destructor stops and joins all.
class Workers {
public:
    ~Workers() { stop(); }
    void start(std::function<void(Stop&)> work);
    void stop();

private:
    struct Worker {
        Stop stop;
        std::atomic<bool> done{false};
        std::thread thread;
    };
    void reap();

    std::mutex mutex_;
    bool closed_ = false;
    std::list<std::unique_ptr<Worker>> workers_;
};

enum class Woken : std::uint8_t { ready, timed_out, stopped };

/// Waits for `events` (poll) on `fd`. No deadline waits without limit.
Woken wait(int fd, short events, const Stop& stop, std::optional<Steady::time_point> deadline);
/// Lets time pass; false if called off.
bool pause(std::chrono::milliseconds time, const Stop& stop);

/// Binds and listens; the address may be used again at once after a stop.  @return PORT_IN_USE
Result<Fd> listen_tcp(const Address& address);
/// Non-blocking datagram socket.  @return PORT_IN_USE
Result<Fd> bind_udp(const Address& address);
/// Accepts until called off; each connection is non-blocking and has TCP_NODELAY.
void accept_each(int listener, const Stop& stop, const std::function<void(Fd, Address)>& take);

/// What one non-blocking read or write did.
struct Moved {
    enum class Kind : std::uint8_t { octets, want_read, want_write, end, failed };
    Kind kind{};
    std::size_t count{};
    std::string text{};  ///< why it failed; "unclean" in it when TLS ended without close_notify
};

/// A connected, non-blocking socket, in clear or with TLS.
class Stream {
public:
    explicit Stream(Fd fd) : fd_{std::move(fd)} {}
    Stream(Fd fd, SSL_CTX* context);

    [[nodiscard]] int fd() const noexcept { return fd_.get(); }
    [[nodiscard]] SSL* tls() const noexcept { return ssl_.get(); }

    Result<void> handshake(const Stop& stop,
                           Steady::time_point deadline);  ///< server side; nothing when in clear
    Moved read(std::span<std::uint8_t> into);
    Moved write(ByteView octets);
    /// close_notify and FIN, or FIN alone.
    void finish_writing(bool notify = true);
    /// The close, whenever it comes, will be an RST.
    void reset_at_close();
    void close() { fd_ = Fd{}; }

private:
    Moved outcome(int result);

    Fd fd_;
    crypto::SslPtr ssl_;
};

/// 0 = end of the stream.  @return TIMED_OUT, STOPPED, CTI_CLOSED (the reason in the detail)
Result<std::size_t> read_some(Stream& stream, std::span<std::uint8_t> into, const Stop& stop,
                              std::optional<Steady::time_point> deadline);
Result<void> write_all(Stream& stream, ByteView octets, const Stop& stop,
                       std::optional<Steady::time_point> deadline);

}  // namespace tserver::sim
