// The other end of a connection under test: loopback TCP, plain or as TLS server, never blocking by itself.
#pragma once

#include <arpa/inet.h>
#include <linux/filter.h>
#include <linux/sockios.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <cerrno>
#include <chrono>
#include <csignal>

#include "base/bytes.hpp"
#include "crypto/openssl.hpp"
#include "net/tcp.hpp"
#include "tests/support/sample_identity.hpp"

namespace tserver::testing_support {

struct SocketPair {
    os::Fd ours, theirs;
};

/// Two ends of a loopback TCP connection, non-blocking. `buffer` bounds the kernel's buffers (0: as they
/// are).
inline SocketPair tcp_pair(int buffer = 0) {
    const auto bound = [&](int socket) {
        if (buffer == 0) return;
        setsockopt(socket, SOL_SOCKET, SO_SNDBUF, &buffer, sizeof buffer);
        setsockopt(socket, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof buffer);
    };
    const auto listener = net::listen(*net::Address::literal(Endpoint{*Host::parse("127.0.0.1"), 0}));
    bound(listener->get());
    os::Fd ours{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    bound(ours.get());
    const auto at = net::local_address(listener->get());
    if (::connect(ours.get(), at.raw(), at.length()) != 0) return {};
    int on = 1;
    ioctl(ours.get(), FIONBIO, &on);
    setsockopt(ours.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    auto theirs = net::accept_now(listener->get());
    return {std::move(ours), *std::move(theirs)};
}

/// Every packet for the socket is lost from now on, as behind a pulled cable: nothing is acknowledged, no
/// probe answered.
inline void drop_every_packet(int socket) {
    sock_filter nothing[] = {BPF_STMT(BPF_RET | BPF_K, 0)};
    const sock_fprog program{1, nothing};
    setsockopt(socket, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program);
}

/// A server context for one TLS version, with the certificate that every test shows.
inline crypto::SslCtxPtr server_context(int version, const crypto::Identity& identity) {
    crypto::SslCtxPtr context{SSL_CTX_new(TLS_server_method())};
    SSL_CTX_set_min_proto_version(context.get(), version);
    SSL_CTX_set_max_proto_version(context.get(), version);
    SSL_CTX_use_certificate(context.get(), identity.certificate.raw());
    SSL_CTX_use_PrivateKey(context.get(), identity.key.raw());
    SSL_CTX_set_mode(context.get(), SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    return context;
}

class Peer {
public:
    enum class Seen : std::uint8_t { octets, nothing, end, torn, reset };

    explicit Peer(os::Fd socket, SSL_CTX* context = nullptr) : socket_{std::move(socket)} {
        if (context == nullptr) return;
        std::signal(SIGPIPE, SIG_IGN);  // OpenSSL writes with write(2)
        ssl_.reset(SSL_new(context));
        SSL_set_fd(ssl_.get(), socket_.get());
        SSL_set_accept_state(ssl_.get());
    }

    /// True for a plain peer too.
    bool handshake() {
        const auto until = std::chrono::steady_clock::now() + patience;
        while (ssl_ && SSL_do_handshake(ssl_.get()) != 1) {
            const int error = SSL_get_error(ssl_.get(), -1);
            ERR_clear_error();
            if (error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE) return false;
            if (std::chrono::steady_clock::now() > until) return false;
            wait(error == SSL_ERROR_WANT_READ ? POLLIN : POLLOUT, 1000);
        }
        return true;
    }

    /// One read of at most `limit` octets, appended to `into`.
    Seen read(Bytes& into, std::size_t limit) {
        const auto before = into.size();
        into.resize(before + limit);
        const auto [seen, count] = read_into(into.data() + before, limit);
        into.resize(before + count);
        return seen;
    }
    /// Octets taken; 0 when there is no room now, -1 when the connection has failed.
    long write(ByteView octets) {
        if (octets.empty()) return 0;
        if (!ssl_) {
            const auto sent = ::send(socket_.get(), octets.data(), octets.size(), MSG_NOSIGNAL);
            return sent >= 0 ? sent : errno == EAGAIN ? 0 : -1;
        }
        std::size_t sent = 0;
        if (SSL_write_ex(ssl_.get(), octets.data(), octets.size(), &sent) == 1)
            return static_cast<long>(sent);
        const int error = SSL_get_error(ssl_.get(), 0);
        ERR_clear_error();
        return error == SSL_ERROR_WANT_WRITE || error == SSL_ERROR_WANT_READ ? 0 : -1;
    }
    /// All of it.  @return false when the connection fails or nothing moves for a long time
    bool send(ByteView octets) {
        while (!octets.empty()) {
            const auto sent = write(octets);
            if (sent < 0) return false;
            if (sent == 0 && !wait(POLLOUT, patience_ms)) return false;
            octets = octets.subspan(static_cast<std::size_t>(sent));
        }
        return true;
    }
    /// Reads until `count` octets are there or an end comes.
    Seen receive(Bytes& into, std::size_t count) {
        while (into.size() < count) {
            const auto seen = read(into, std::min<std::size_t>(count - into.size(), 16384));
            if (seen == Seen::nothing && !wait(POLLIN, patience_ms)) return Seen::nothing;
            if (seen != Seen::nothing && seen != Seen::octets) return seen;
        }
        return Seen::octets;
    }
    Seen receive_all(Bytes& into) { return receive(into, static_cast<std::size_t>(1) << 40U); }

    /// Ends our side properly: close_notify with TLS, then FIN.
    void end() {
        // Only the error of this call tells a full socket from a dead one.
        const auto blocked = [this] {
            ERR_clear_error();
            const int done = SSL_shutdown(ssl_.get());
            return done < 0 && SSL_get_error(ssl_.get(), done) == SSL_ERROR_WANT_WRITE;
        };
        while (ssl_ && blocked() && wait(POLLOUT, patience_ms)) {}
        ERR_clear_error();
        tear();
    }
    /// FIN alone.
    void tear() { ::shutdown(socket_.get(), SHUT_WR); }
    void reset() {
        net::reset_on_close(socket_.get());
        socket_.reset();
    }
    void close() { socket_.reset(); }
    /// The other host has all that was sent.
    [[nodiscard]] bool drained() const {
        int left = 0;
        return ioctl(socket_.get(), SIOCOUTQ, &left) != 0 || left == 0;
    }
    /// Until the other end has taken everything or is gone: after a reset the count stays where it was.
    void drain() const {
        const auto until = std::chrono::steady_clock::now() + patience;
        while (!drained() && !wait(0, 1) && std::chrono::steady_clock::now() < until) {}
    }
    bool wait(short events, int limit_ms) const {
        pollfd one{socket_.get(), events, 0};
        return ::poll(&one, 1, limit_ms) > 0;
    }
    [[nodiscard]] SSL* ssl() const { return ssl_.get(); }
    [[nodiscard]] int descriptor() const { return socket_.get(); }

private:
    static constexpr std::chrono::seconds patience{20};
    static constexpr int patience_ms = 20'000;

    std::pair<Seen, std::size_t> read_into(std::uint8_t* into, std::size_t limit) {
        if (!ssl_) {
            const auto got = ::recv(socket_.get(), into, limit, 0);
            if (got > 0) return {Seen::octets, static_cast<std::size_t>(got)};
            if (got == 0) return {Seen::end, 0};
            return {errno == EAGAIN ? Seen::nothing : Seen::reset, 0};
        }
        std::size_t got = 0;
        if (SSL_read_ex(ssl_.get(), into, limit, &got) == 1) return {Seen::octets, got};
        const int error = SSL_get_error(ssl_.get(), 0);
        const int reason = ERR_GET_REASON(ERR_peek_error());
        ERR_clear_error();
        if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE) return {Seen::nothing, 0};
        if (error == SSL_ERROR_ZERO_RETURN) return {Seen::end, 0};
        return {reason == SSL_R_UNEXPECTED_EOF_WHILE_READING ? Seen::torn : Seen::reset, 0};
    }

    os::Fd socket_;
    crypto::SslPtr ssl_;
};

}  // namespace tserver::testing_support
