// A TLS server on loopback that plays one CAPF exchange, for tests of the network side. It uses OpenSSL by
// itself and shares no code with the client.
#pragma once

#include <arpa/inet.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "base/bytes.hpp"
#include "crypto/openssl.hpp"

namespace tserver::test {

/// A listening socket on a free port of 127.0.0.1.
class LoopbackListener {
public:
    LoopbackListener() : socket_{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)} {
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t length = sizeof address;
        auto* raw = reinterpret_cast<sockaddr*>(&address);
        if (bind(socket_, raw, length) != 0 || listen(socket_, 8) != 0 ||
            getsockname(socket_, raw, &length) != 0) {
            throw std::runtime_error{"no listener"};
        }
        port_ = ntohs(address.sin_port);
    }
    LoopbackListener(const LoopbackListener&) = delete;
    LoopbackListener& operator=(const LoopbackListener&) = delete;
    ~LoopbackListener() { ::close(socket_); }

    [[nodiscard]] int get() const { return socket_; }
    [[nodiscard]] std::uint16_t port() const { return port_; }

private:
    int socket_;
    std::uint16_t port_ = 0;
};

/// Takes one connection. Each message of the script is one TLS record; behind each but the last it reads one
/// message of the client. Then it closes TCP without close_notify, as CAPF does.
class CapfServer {
public:
    CapfServer(const std::string& certificate_pem, const std::string& key_pem, std::vector<Bytes> script)
        : context_{SSL_CTX_new(TLS_server_method())}, script_{std::move(script)} {
        if (SSL_CTX_use_certificate_file(context_.get(), certificate_pem.c_str(), SSL_FILETYPE_PEM) != 1 ||
            SSL_CTX_use_PrivateKey_file(context_.get(), key_pem.c_str(), SSL_FILETYPE_PEM) != 1) {
            throw std::runtime_error{"no server certificate: " + crypto::drain_errors()};
        }
        thread_ = std::thread{[this] { serve(); }};
    }
    CapfServer(const CapfServer&) = delete;
    CapfServer& operator=(const CapfServer&) = delete;
    ~CapfServer() { join(); }

    [[nodiscard]] std::uint16_t port() const { return listener_.port(); }
    /// What the client sent, once it has gone.
    std::vector<Bytes> received() {
        join();
        return received_;
    }

private:
    void join() {
        shutdown(listener_.get(), SHUT_RDWR);  // wakes an accept that nobody came for
        if (thread_.joinable()) thread_.join();
    }

    void serve() {
        const int socket = accept(listener_.get(), nullptr, nullptr);
        if (socket < 0) return;
        const crypto::SslPtr ssl{SSL_new(context_.get())};
        SSL_set_fd(ssl.get(), socket);
        bool good = SSL_accept(ssl.get()) == 1;
        for (std::size_t i = 0; good && i < script_.size(); ++i) {
            good = SSL_write(ssl.get(), script_[i].data(), static_cast<int>(script_[i].size())) > 0 &&
                   (i + 1 == script_.size() || read_message(ssl.get()));
        }
        ::close(socket);
        crypto::drain_errors();
    }

    bool read_message(SSL* ssl) {
        Bytes message(8);
        if (!read_all(ssl, message.data(), message.size())) return false;
        const std::size_t body = std::size_t{message[6]} << 8U | message[7];
        message.resize(message.size() + body);
        if (!read_all(ssl, message.data() + 8, body)) return false;
        received_.push_back(std::move(message));
        return true;
    }

    static bool read_all(SSL* ssl, std::uint8_t* into, std::size_t count) {
        while (count > 0) {
            std::size_t got = 0;
            if (SSL_read_ex(ssl, into, count, &got) != 1) return false;
            into += got;
            count -= got;
        }
        return true;
    }

    LoopbackListener listener_;
    crypto::SslCtxPtr context_;
    std::vector<Bytes> script_;
    std::vector<Bytes> received_;
    std::thread thread_;
};

}  // namespace tserver::test
