// Both ends of a relay under measurement, for bench/compare.
//   relay_load serve ADDRESS:PORT CERT KEY CA            mutual-TLS server, a thread per connection
//   relay_load trips ADDRESS:PORT OCTETS SECONDS         one message in flight; latencies
//   relay_load down ADDRESS:PORT OCTETS RECORDS          the server sends records of so many octets
//   relay_load up ADDRESS:PORT OCTETS MESSAGES           the client sends, the server answers at the end
//   relay_load connects ADDRESS:PORT COUNT PAUSE_MS      connect, one round trip, close, pause; latencies
// One line on standard output: numbers by name.
#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

#include "base/bytes.hpp"
#include "base/types.hpp"
#include "crypto/openssl.hpp"
#include "os/fd.hpp"

namespace {

using namespace tserver;
using Clock = std::chrono::steady_clock;

/// What a client asks for first.
struct Order {
    char what = 'e';  ///< e: echo all, d: send, u: swallow
    std::uint32_t octets = 0;
    std::uint32_t count = 0;

    static constexpr std::size_t length = 9;
    [[nodiscard]] Bytes encode() const {
        return Writer{}.u8(static_cast<std::uint8_t>(what)).u32(octets).u32(count).take();
    }
    static Order decode(ByteView from) {
        Reader reader{from};
        const auto kind = static_cast<char>(*reader.u8());
        const auto size = *reader.u32();
        return {kind, size, *reader.u32()};
    }
};

[[noreturn]] void give_up(const std::string& what) {
    fmt::print(stderr, "relay_load: {}: {}\n", what, std::strerror(errno));
    std::exit(1);
}

sockaddr_in address_of(const std::string& text) {
    const auto at = Endpoint::parse(text);
    sockaddr_in out{};
    out.sin_family = AF_INET;
    if (!at || inet_pton(AF_INET, at->host.str().c_str(), &out.sin_addr) != 1) give_up(text);
    out.sin_port = htons(at->port);
    return out;
}

os::Fd tcp() {
    os::Fd out{socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    const int on = 1;
    setsockopt(out.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    setsockopt(out.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    return out;
}

// --- the server ---

crypto::SslCtxPtr server_context(const std::string& certificate, const std::string& key,
                                 const std::string& authority) {
    crypto::SslCtxPtr out{SSL_CTX_new(TLS_server_method())};
    SSL_CTX_set_verify(out.get(), SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
    constexpr std::array<unsigned char, 5> context{'b', 'e', 'n', 'c', 'h'};  // or no session is resumed
    SSL_CTX_set_session_id_context(out.get(), context.data(), context.size());
    if (SSL_CTX_use_certificate_file(out.get(), certificate.c_str(), SSL_FILETYPE_PEM) != 1 ||
        SSL_CTX_use_PrivateKey_file(out.get(), key.c_str(), SSL_FILETYPE_PEM) != 1 ||
        SSL_CTX_load_verify_locations(out.get(), authority.c_str(), nullptr) != 1) {
        give_up(crypto::drain_errors());
    }
    return out;
}

/// What it writes leaves with flush(), many records at once.
class Session {
public:
    Session(SSL_CTX* context, int socket) : ssl_{SSL_new(context)}, gathered_{BIO_new(BIO_f_buffer())} {
        BIO_set_write_buffer_size(gathered_, 1L << 16U);
        BIO_push(gathered_, BIO_new_socket(socket, BIO_NOCLOSE));
        SSL_set_bio(ssl_.get(), BIO_new_socket(socket, BIO_NOCLOSE), gathered_);
    }
    bool accept() { return SSL_accept(ssl_.get()) == 1 && flush(); }
    std::size_t read(std::uint8_t* into, std::size_t room) {
        std::size_t got = 0;
        return SSL_read_ex(ssl_.get(), into, room, &got) == 1 ? got : 0;
    }
    bool read_all(std::uint8_t* into, std::size_t count) {
        for (std::size_t got = 1; count > 0 && got > 0; into += got, count -= got) got = read(into, count);
        return count == 0;
    }
    bool write(ByteView octets) {
        std::size_t sent = 0;
        return SSL_write_ex(ssl_.get(), octets.data(), octets.size(), &sent) == 1;
    }
    bool flush() { return BIO_flush(gathered_) == 1; }

private:
    crypto::SslPtr ssl_;
    BIO* gathered_;  ///< of ssl_
};

void serve_one(SSL_CTX* context, int socket) {
    Session session{context, socket};
    Bytes octets(1U << 16U, 'x');
    if (!session.accept() || !session.read_all(octets.data(), Order::length)) return;
    const auto order = Order::decode(ByteView{octets}.first(Order::length));
    if (order.what == 'e') {
        while (const auto got = session.read(octets.data(), octets.size())) {
            if (!session.write(ByteView{octets}.first(got)) || !session.flush()) return;
        }
    } else if (order.what == 'd') {
        for (std::uint32_t i = 0; i < order.count; ++i) session.write(ByteView{octets}.first(order.octets));
        session.flush();
    } else {
        auto left = std::uint64_t{order.octets} * order.count;
        while (left > 0) {
            const auto got = session.read(octets.data(), octets.size());
            if (got == 0) return;
            left -= std::min<std::uint64_t>(left, got);
        }
        session.write(ByteView{octets}.first(1));
        session.flush();
    }
    session.read(octets.data(), 1);  // until the client has closed
}

int serve(const std::string& at, const std::string& certificate, const std::string& key,
          const std::string& authority) {
    std::signal(SIGPIPE, SIG_IGN);
    const auto context = server_context(certificate, key, authority);
    const auto address = address_of(at);
    const auto listener = tcp();
    if (bind(listener.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
        listen(listener.get(), 128) != 0) {
        give_up("listen on " + at);
    }
    fmt::print("ready\n");
    std::fflush(stdout);
    for (;;) {
        os::Fd socket{accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC)};
        if (!socket) continue;
        const int on = 1;
        setsockopt(socket.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        std::thread{[&context, own = std::move(socket)] { serve_one(context.get(), own.get()); }}.detach();
    }
}

// --- the client ---

class Client {
public:
    Client(const std::string& to, const Order& order) : socket_{tcp()} {
        const auto address = address_of(to);
        if (connect(socket_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
            give_up("connect " + to);
        send(order.encode());
    }
    void send(ByteView octets) {
        while (!octets.empty()) {
            const auto sent = ::send(socket_.get(), octets.data(), octets.size(), MSG_NOSIGNAL);
            if (sent <= 0) give_up("send");
            octets = octets.subspan(static_cast<std::size_t>(sent));
        }
    }
    void receive(std::uint64_t count) {
        while (count > 0) {
            const auto got =
                recv(socket_.get(), room_.data(), std::min<std::uint64_t>(count, room_.size()), 0);
            if (got <= 0) give_up("receive");
            count -= static_cast<std::uint64_t>(got);
        }
    }

private:
    os::Fd socket_;
    Bytes room_ = Bytes(1U << 18U);
};

double us(Clock::duration time) { return std::chrono::duration<double, std::micro>(time).count(); }

void print(std::vector<double> latencies) {
    std::ranges::sort(latencies);
    const auto at = [&](double share) {
        return latencies[static_cast<std::size_t>(share * static_cast<double>(latencies.size() - 1))];
    };
    fmt::print(R"({{"count":{},"p50_us":{:.2f},"p99_us":{:.2f}}})"
               "\n",
               latencies.size(), at(0.5), at(0.99));
}

/// @param every  from one message to the next; zero: as soon as the last one is back
void trips(const std::string& to, std::uint32_t octets, double seconds, std::chrono::microseconds every) {
    Client client{to, {}};
    const Bytes message(octets, 'm');
    const auto once = [&] {
        client.send(message);
        client.receive(octets);
    };
    for (int warm = 0; warm < 100; ++warm) once();
    fmt::print("warm\n");
    std::fflush(stdout);
    std::array<char, 8> word{};
    if (read(STDIN_FILENO, word.data(), word.size()) < 0) give_up("standard input");
    std::vector<double> latencies;
    const auto end = Clock::now() + std::chrono::duration<double>(seconds);
    for (auto begin = Clock::now(); begin < end;) {
        once();
        const auto now = Clock::now();
        latencies.push_back(us(now - begin));
        std::this_thread::sleep_until(begin + every);
        begin = Clock::now();
    }
    print(std::move(latencies));
}

void transfer(const std::string& to, const Order& order) {
    const auto begin = Clock::now();
    Client client{to, order};
    const auto total = std::uint64_t{order.octets} * order.count;
    if (order.what == 'd') {
        client.receive(total);
    } else {
        const Bytes message(order.octets, 'm');
        for (std::uint32_t i = 0; i < order.count; ++i) client.send(message);
        client.receive(1);
    }
    fmt::print(R"({{"octets":{},"seconds":{:.4f}}})"
               "\n",
               total, us(Clock::now() - begin) / 1e6);
}

void connects(const std::string& to, std::uint32_t count, std::uint32_t pause_ms) {
    std::vector<double> latencies;
    const Bytes message(64, 'm');
    for (std::uint32_t i = 0; i < count; ++i) {
        const auto begin = Clock::now();
        {
            Client client{to, {}};
            client.send(message);
            client.receive(message.size());
            latencies.push_back(us(Clock::now() - begin));
        }
        std::this_thread::sleep_for(std::chrono::milliseconds{pause_ms});
    }
    print(std::move(latencies));
}

}  // namespace

int main(int argc, char** argv) {
    const std::vector<std::string> words{argv + 1, argv + argc};
    const auto number = [&](std::size_t i) {
        return static_cast<std::uint32_t>(std::strtoul(words[i].c_str(), nullptr, 10));
    };
    if (words.size() == 5 && words[0] == "serve") return serve(words[1], words[2], words[3], words[4]);
    if (words.size() != 4) {
        fmt::print(stderr, "relay_load serve|trips|paced|down|up|connects … (bench/compare uses it)\n");
        return 2;
    }
    const std::chrono::microseconds every{words[0] == "paced" ? 1000 : 0};
    if (words[0] == "trips" || words[0] == "paced")
        trips(words[1], number(2), std::strtod(words[3].c_str(), nullptr), every);
    if (words[0] == "down") transfer(words[1], {'d', number(2), number(3)});
    if (words[0] == "up") transfer(words[1], {'u', number(2), number(3)});
    if (words[0] == "connects") connects(words[1], number(2), number(3));
    return 0;
}
