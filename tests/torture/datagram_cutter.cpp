#include "tests/torture/datagram_cutter.hpp"

#include <sys/socket.h>

#include <stdexcept>

namespace tserver::torture {
namespace {

using namespace std::chrono_literals;

constexpr auto delay_time = 60ms;  ///< longer than the first wait of either side

/// Below those that the system gives out (ip_local_port_range): what the server still repeats for a transfer
/// that is over reaches neither a client of another run nor, before all had their turn, another flow.
constexpr Port first_back = 10'000;
constexpr Port last_back = 32'000;

os::Fd bound_at(const Host& host, Port port) {
    const auto here = net::Address::literal(Endpoint{host, port}).value();
    os::Fd out{::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
    if (::bind(out.get(), here.raw(), here.length()) != 0) return {};
    return out;
}

/// A datagram that is there, and who sent it.
std::optional<std::pair<net::Address, Bytes>> receive(int socket) {
    Bytes octets(65'536);
    sockaddr_storage from{};
    socklen_t length = sizeof from;
    const auto got =
        ::recvfrom(socket, octets.data(), octets.size(), 0, reinterpret_cast<sockaddr*>(&from), &length);
    if (got < 0) return std::nullopt;
    octets.resize(static_cast<std::size_t>(got));
    return std::pair{net::Address{reinterpret_cast<const sockaddr*>(&from), length}, std::move(octets)};
}

bool is_request(ByteView datagram) { return datagram.size() >= 2 && datagram[1] == 1; }

}  // namespace

DatagramCutter::DatagramCutter(net::Loop& loop, Host here, const net::Address& server)
    : loop_{loop},
      here_{std::move(here)},
      server_{server},
      front_{bound_at(here_, 0)},
      next_back_{first_back} {
    if (!front_) throw std::runtime_error{"no UDP socket"};
    hearing_ = net::Job{hear_clients()};
}

void DatagramCutter::plan(const Case& run) {
    plan_ = run;
    fired_ = false;
    sizes_ = {};
    held_.reset();
    late_.clear();
    flows_.clear();
    random_.seed(static_cast<unsigned>(run.at + 1));
}

net::Task<void> DatagramCutter::hear_clients() {
    for (;;) {
        co_await net::readable(loop_, front_.get());
        auto came = receive(front_.get());
        if (!came) continue;
        Datagram datagram{&flow_of(came->first), std::move(came->second)};
        pass(Way::up, std::move(datagram));
    }
}

net::Task<void> DatagramCutter::hear_server(Flow& flow) {
    for (;;) {
        co_await net::readable(loop_, flow.back.get());
        auto came = receive(flow.back.get());
        if (!came) continue;
        if (flow.peer == server_) flow.peer = came->first;
        if (!(flow.peer == came->first)) continue;  // a stranger's, of a port that was used before
        Datagram datagram{&flow, std::move(came->second)};
        pass(Way::down, std::move(datagram));
    }
}

os::Fd DatagramCutter::bound_behind() {
    for (int tries = last_back - first_back; tries > 0; --tries) {
        auto out = bound_at(here_, next_back_);
        next_back_ = next_back_ == last_back ? first_back : static_cast<Port>(next_back_ + 1);
        if (out) return out;
    }
    throw std::runtime_error{"no UDP socket"};
}

DatagramCutter::Flow& DatagramCutter::flow_of(const net::Address& client) {
    for (auto& flow : flows_)
        if (flow.client == client) return flow;
    auto& made = flows_.emplace_back();
    made.client = client;
    made.back = bound_behind();
    made.peer = server_;
    made.hearing = net::Job{hear_server(made)};
    return made;
}

void DatagramCutter::pass(Way way, Datagram datagram) {
    auto& sizes = sizes_.at(index(way));
    const auto number = sizes.size();
    sizes.push_back(datagram.octets.size());
    if (plan_.act == Act::chop) return toss(way, std::move(datagram));
    const bool met = way == plan_.way && plan_.act != Act::nothing &&
                     (plan_.act == Act::dead ? number >= plan_.at : number == plan_.at);
    if (met) {
        fired_ = true;
        return strike(way, std::move(datagram));
    }
    send(way, datagram);
    if (held_ && way == plan_.way) send(way, *std::exchange(held_, std::nullopt));
}

void DatagramCutter::strike(Way way, Datagram datagram) {
    auto& octets = datagram.octets;
    switch (plan_.act) {
        case Act::drop:
        case Act::dead: return;
        case Act::delay: return later(way, std::move(datagram));
        case Act::swap: held_ = std::move(datagram); return;
        case Act::twice: send(way, datagram); break;
        case Act::flip:
            if (plan_.octet < octets.size())
                octets[plan_.octet] ^= static_cast<std::uint8_t>(1U << plan_.octet % 8);
            break;
        case Act::cut: octets.resize(std::min(octets.size(), plan_.octet)); break;
        default: break;
    }
    send(way, datagram);
}

/// One in five is lost, one in five doubled, one in five comes later.
void DatagramCutter::toss(Way way, Datagram datagram) {
    switch (random_() % 5) {
        case 0: return;
        case 1: send(way, datagram); break;
        case 2: return later(way, std::move(datagram));
        default: break;
    }
    send(way, datagram);
}

void DatagramCutter::later(Way way, Datagram datagram) {
    late_.emplace_back(send_later(way, std::move(datagram), delay_time));
}

net::Task<void> DatagramCutter::send_later(Way way, Datagram datagram, std::chrono::milliseconds pause) {
    co_await net::sleep(loop_, pause);
    send(way, datagram);
}

void DatagramCutter::send(Way way, const Datagram& datagram) {
    const auto& [flow, octets] = datagram;
    const auto& to = way == Way::down ? flow->client : is_request(octets) ? server_ : flow->peer;
    const int socket = way == Way::down ? front_.get() : flow->back.get();
    ::sendto(socket, octets.data(), octets.size(), 0, to.raw(), to.length());
}

}  // namespace tserver::torture
