#include "tests/torture/cutter.hpp"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <stdexcept>

#include "net/tcp.hpp"

namespace tserver::torture {
namespace {

using namespace std::chrono_literals;

constexpr auto delay_time = 30ms;
constexpr auto drain_limit = 10s;

os::Fd twin(const os::Fd& of) { return os::Fd{::fcntl(of.get(), F_DUPFD_CLOEXEC, 0)}; }

/// A reset goes out at once and the descriptor stays: whoever waits for it hears of it.
void reset_now(const os::Fd& socket) {
    const sockaddr none{AF_UNSPEC, {}};
    ::connect(socket.get(), &none, sizeof none);
}

}  // namespace

Cutter::Cutter(net::Loop& loop) : loop_{loop} {
    const auto here = net::Address::literal(Endpoint{Host::parse("127.0.0.1").value(), 0}).value();
    listener_ = net::listen(here, 64).value();
    accepting_ = net::Job{accept_all()};
}

void Cutter::plan(const Case& run) {
    plan_ = run;
    planned_ = true;
    fired_ = false;
    passed_ = {};
    turns_.clear();
    random_.seed(static_cast<unsigned>(run.at + 1));
}

net::Task<void> Cutter::accept_all() {
    for (;;) {
        co_await net::readable(loop_, listener_.get());
        auto client = net::accept_now(listener_.get());
        if (client && *client) accept_one(*std::move(client));
    }
}

void Cutter::accept_one(os::Fd client) {
    ++accepted_;
    os::Fd server{::socket(server_.family(), SOCK_STREAM | SOCK_CLOEXEC, 0)};
    if (::connect(server.get(), server_.raw(), server_.length()) != 0) return;
    if (::fcntl(server.get(), F_SETFL, O_NONBLOCK) != 0) throw std::runtime_error{"fcntl"};
    auto& made = open_.emplace_back();
    made.to_client = twin(client);
    made.to_server = twin(server);
    made.client = std::move(client);
    made.server = std::move(server);
    made.planned = std::exchange(planned_, false);
    made.up = net::Job{pump(made, Way::up)};
    made.down = net::Job{pump(made, Way::down)};
}

/// How much is taken at once.
std::size_t Cutter::piece() {
    constexpr std::size_t most = 4096;
    if (plan_.act == Act::single) return 1;
    if (plan_.act == Act::chop) return 1 + random_() % 300;
    return most;
}

net::Task<void> Cutter::pump(Connection& connection, Way way) {
    const auto& from = way == Way::up ? connection.client : connection.server;
    const auto& to = way == Way::up ? connection.to_server : connection.to_client;
    std::array<std::uint8_t, 4096> room{};
    while (!connection.stalled) {
        co_await net::readable(loop_, from.get());
        if (connection.stalled) co_return;
        const auto got = ::recv(from.get(), room.data(), connection.planned ? piece() : room.size(), 0);
        if (got < 0 && errno == EAGAIN) continue;
        if (got <= 0) {
            if (got < 0 && way == Way::down && !connection.dead) reset_now(connection.client);
            ::shutdown(to.get(), SHUT_WR);
            co_return;
        }
        if (connection.dead) continue;
        auto passing = pass(connection, way, ByteView{room}.first(static_cast<std::size_t>(got)));
        co_await std::move(passing);
    }
}

bool Cutter::meets(const Connection& connection, Way way, std::size_t coming) const {
    if (!connection.planned || fired_ || way != plan_.way) return false;
    const auto behind = passed_.at(index(way)) + coming;
    switch (plan_.act) {
        case Act::fin:
        case Act::rst:
        case Act::stall: return behind >= plan_.at;
        case Act::delay:
        case Act::flip:
        case Act::drop:
        case Act::twice: return behind > plan_.at;
        default: return false;
    }
}

net::Task<void> Cutter::pass(Connection& connection, Way way, ByteView octets) {
    const auto& to = way == Way::up ? connection.to_server : connection.to_client;
    if (!connection.planned) co_return co_await send(to, octets);
    if (plan_.act == Act::chop && random_() % 8 == 0) co_await net::sleep(loop_, 1ms);
    if (turns_.empty() || turns_.back().way != way) turns_.push_back({way, passed_});
    if (!meets(connection, way, octets.size())) {
        passed_.at(index(way)) += octets.size();
        co_return co_await send(to, octets);
    }
    const auto head = octets.first(plan_.at - passed_.at(index(way)));
    passed_.at(index(way)) += head.size();
    co_await send(to, head);
    fired_ = true;
    co_await strike(connection, way, octets.subspan(head.size()));
}

/// The bad thing, in front of `rest`.
net::Task<void> Cutter::strike(Connection& connection, Way way, ByteView rest) {
    Bytes changed{rest.begin(), rest.end()};
    switch (plan_.act) {
        case Act::fin:
            connection.dead = true;
            ::shutdown(connection.client.get(), SHUT_WR);
            ::shutdown(connection.server.get(), SHUT_WR);
            co_return;
        case Act::rst:
            connection.dead = true;
            reset_now(connection.client);
            ::shutdown(connection.server.get(), SHUT_WR);
            co_return;
        case Act::stall: connection.stalled = true; co_return;
        case Act::delay: co_await net::sleep(loop_, delay_time); break;
        case Act::flip: changed.front() ^= static_cast<std::uint8_t>(1U << plan_.at % 8); break;
        case Act::drop: changed.erase(changed.begin()); break;
        case Act::twice: changed.insert(changed.begin(), changed.front()); break;
        default: break;
    }
    passed_.at(index(way)) += rest.size();
    co_await send(way == Way::up ? connection.to_server : connection.to_client, changed);
}

/// A receiver that has gone takes nothing; its own pump hears of that.
net::Task<void> Cutter::send(const os::Fd& to, ByteView octets) {
    while (!octets.empty()) {
        const auto sent = ::send(to.get(), octets.data(), octets.size(), MSG_NOSIGNAL);
        if (sent >= 0) {
            octets = octets.subspan(static_cast<std::size_t>(sent));
        } else if (errno == EAGAIN) {
            co_await net::writable(loop_, to.get());
        } else if (errno != EINTR) {
            co_return;
        }
    }
}

net::Task<Result<std::monostate>> Cutter::drained(int server) {
    std::array<std::uint8_t, 4096> room{};
    for (;;) {
        const auto got = ::recv(server, room.data(), room.size(), 0);
        if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR)) co_return std::monostate{};
        if (got < 0) co_await net::readable(loop_, server);
    }
}

net::Task<bool> Cutter::quiet() {
    bool all = true;
    for (auto& connection : open_) {
        connection.up.cancel();
        connection.down.cancel();
        connection.client.reset();
        connection.to_client.reset();
        ::shutdown(connection.server.get(), SHUT_WR);
        auto draining = net::within(loop_, drain_limit, drained(connection.server.get()));
        const auto ended = co_await std::move(draining);
        all = all && ended.has_value();
    }
    open_.clear();
    co_return all;
}

}  // namespace tserver::torture
