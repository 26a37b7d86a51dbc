// links: tftp
// A transfer between a client and a network that the input plays: octet 0 chooses what is promised.
//   even: a correct server, a network that loses, doubles, delays and complains as the input says, and
//         strangers with any packets. A file that is reported complete is the server's file.
//   odd:  a server that sends anything. The file stays within its cap, the outcome has a name.
// Both: at most one packet out for each packet in and each time-out, to the server or to the one who asked,
// and never an answer to an ERROR.
#include <cstdlib>
#include <deque>

#include "tests/support/tftp_server.hpp"
#include "tftp/transfer.hpp"

namespace {

using namespace tserver;
using namespace std::chrono_literals;

constexpr std::size_t cap = 4096;
constexpr std::uint16_t client_port = 5000;

void require(bool condition) {
    if (!condition) std::abort();
}

net::Address at(std::uint8_t host, std::uint16_t port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(0x0A010100U + host);
    return {reinterpret_cast<const sockaddr*>(&address), sizeof address};
}
const net::Address service = at(5, 69);

/// The front of one file that is made once: most runs are over in less time than it takes to make it.
Bytes content(std::size_t size) {
    static const auto whole = [] {
        Bytes out(cap);
        for (std::size_t i = 0; i < cap; ++i) out[i] = static_cast<std::uint8_t>(i * 31 + i / 251);
        return out;
    }();
    return to_bytes(ByteView{whole}.first(size));
}

tftp::Limits limits() {
    tftp::Limits limits;
    limits.largest = cap;
    return limits;
}

class Game {
public:
    explicit Game(ByteView input)
        : input_{input},
          odd_{input_.u8().value_or(0) % 2 == 1},
          transfer_{{"CTLFile.tlv", service, input_.u8().value_or(0) % 2 == 0, now_ + 30s, now_ + 30s},
                    limits(),
                    7},
          file_{content(input_.u16().value_or(0) % (cap + 1))},
          server_{file_, traits()} {}

    void play() {
        to_server(transfer_.start(now_));
        while (!input_.done() && transfer_.state() != tftp::Transfer::State::failed) turn();
        judge();
    }

private:
    test::TftpServer::Traits traits() {
        test::TftpServer::Traits traits;
        traits.answers_options = input_.peek().value_or(0) % 3 != 0;
        traits.largest_block = std::max<std::size_t>(8, std::size_t{input_.peek().value_or(0)} * 8U);
        traits.answers_every_ack = input_.peek().value_or(0) % 2 == 0;
        return traits;
    }

    void turn() {
        const auto what = *input_.u8();
        now_ += std::chrono::milliseconds{(what >> 3U) * 10};
        switch (what % 8) {
            case 0:
            case 1: deliver(0, what % 8 == 1); break;
            case 2: deliver(input_.u8().value_or(0), true); break;
            case 3: lose(); break;
            case 4: time_out(); break;
            case 5: repeat(); break;
            case 6: odd_ ? any_packet(at(5, port_of_server())) : undeliverable(); break;
            default: stranger(); break;
        }
    }

    /// One of the server's packets on their way, which stays there when it is doubled.
    void deliver(std::size_t index, bool doubled) {
        if (flying_.empty()) return;
        index %= flying_.size();
        const auto packet = doubled ? flying_[index] : std::move(flying_[index]);
        if (!doubled) flying_.erase(flying_.begin() + static_cast<std::ptrdiff_t>(index));
        receive(at(5, packet.from), packet.packet);
    }
    void lose() {
        if (!flying_.empty()) flying_.pop_front();
    }
    void time_out() {
        now_ = std::max(now_, transfer_.wake());
        if (auto send = transfer_.time_is_up(now_)) {
            ++sent_;
            to_server(*send);
        }
    }
    void repeat() {
        now_ = std::max(now_, server_.wake().value_or(now_));
        for (auto& out : server_.tick(now_)) flying_.push_back(std::move(out));
    }

    /// The network says so, of the server's port or of the one that was asked.
    void undeliverable() {
        const auto what = input_.u8().value_or(0);
        transfer_.undeliverable(what % 2 == 0 ? transfer_.peer() : service,
                                what % 4 < 2 ? ECONNREFUSED : EHOSTUNREACH);
    }

    [[nodiscard]] std::uint16_t port_of_server() {
        return static_cast<std::uint16_t>(40'000 + input_.u8().value_or(0) % 2);
    }
    /// From another address, or, once the server's port is known, from another port of the server.
    void stranger() {
        const bool known = !(transfer_.peer() == service);
        any_packet(known && input_.u8().value_or(0) % 2 == 0 ? at(5, 9) : at(6, 30'000));
    }
    void any_packet(const net::Address& from) {
        const auto size = std::size_t{input_.u8().value_or(0)} * 4U;
        receive(from, *input_.take(std::min(size, input_.left())));
    }

    void receive(const net::Address& from, ByteView packet) {
        offered_ += packet.size();
        const auto send = transfer_.received(from, packet, now_);
        if (!send) return;
        ++sent_;
        require(send->to == from);
        require(send->packet.size() <= 512);
        require(packet.size() < 2 || packet[1] != 5 || packet[0] != 0);
        to_server(*send);
    }

    void to_server(const tftp::Send& send) {
        if (!send.to.same_host(service)) return;
        for (auto& out : server_.received(client_port, send.to.port(), send.packet, now_)) {
            flying_.push_back(std::move(out));
        }
        if (flying_.size() > 64) flying_.pop_front();
    }

    void judge() {
        require(transfer_.facts().sent == sent_);
        if (transfer_.state() == tftp::Transfer::State::failed) {
            const auto& error = transfer_.error();
            require(error.detail.starts_with("10.1.1.5:69: ") && error.detail.size() < 2000);
            return;
        }
        if (transfer_.state() != tftp::Transfer::State::complete) return;
        const auto got = transfer_.take_file();
        require(got.size() <= cap && got.size() <= offered_);
        require(odd_ || got == file_);
    }

    Reader input_;
    bool odd_;
    tftp::TimePoint now_{1h};
    tftp::Transfer transfer_;
    Bytes file_;
    test::TftpServer server_;
    std::deque<test::TftpServer::Out> flying_;
    std::size_t sent_ = 1;
    std::size_t offered_ = 0;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    Game{{data, size}}.play();
    return 0;
}
