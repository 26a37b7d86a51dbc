#include "tftp/client.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "tftp/attempts.hpp"
#include "tftp/udp.hpp"

namespace tserver::tftp {
namespace {

/// Arrivals taken before the clock is looked at again.
constexpr int batch = 32;

std::uint64_t random_seed() { return std::random_device{}(); }

bool is_name(std::string_view name) {
    constexpr std::size_t longest = 128;
    return !name.empty() && name.size() <= longest &&
           std::ranges::all_of(name, [](char c) { return c > ' ' && c < '\x7f'; });
}

void put(UdpSocket& socket, Transfer& transfer, const std::optional<Send>& send) {
    if (!send) return;
    if (const int error = socket.send(send->to, send->packet); error != 0) {
        transfer.undeliverable(send->to, error);
    }
}

void take_arrivals(UdpSocket& socket, Transfer& transfer) {
    for (int i = 0; i < batch; ++i) {
        const auto arrival = socket.next();
        if (const auto* datagram = std::get_if<UdpSocket::Datagram>(&arrival)) {
            put(socket, transfer, transfer.received(datagram->from, datagram->octets, Steady::now()));
        } else if (const auto* lost = std::get_if<UdpSocket::Undeliverable>(&arrival)) {
            transfer.undeliverable(lost->to, lost->error);
        } else {
            return;
        }
    }
}

/// Until the transfer is complete or has failed.
net::Task<std::monostate> run(net::Loop& loop, UdpSocket& socket, Transfer& transfer) {
    put(socket, transfer, transfer.start(Steady::now()));
    while (transfer.state() == Transfer::State::running) {
        co_await readable_until(loop, socket.descriptor(), transfer.wake());
        take_arrivals(socket, transfer);
        if (Steady::now() >= transfer.wake()) put(socket, transfer, transfer.time_is_up(Steady::now()));
    }
    co_return std::monostate{};
}

net::Task<void> say_farewell(net::Loop& loop, UdpSocket socket, Transfer transfer, TimePoint until) {
    while (Steady::now() < until) {
        co_await readable_until(loop, socket.descriptor(), until);
        take_arrivals(socket, transfer);
    }
}

net::Task<Result<std::vector<net::Address>>> addresses_of(net::Loop& loop, const Server& server,
                                                          std::chrono::milliseconds limit) {
    auto resolving = net::resolve(loop, server.host, server.port);
    auto limited = net::within(loop, limit, std::move(resolving));
    auto found = co_await std::move(limited);
    if (!found && found.error().fault == Fault::TIMED_OUT) {
        co_return fail(Fault::NAME_RESOLUTION,
                       fmt::format("{}: {}", server.host.str(), found.error().detail));
    }
    co_return found;
}

}  // namespace

net::Task<Result<Download>> fetch(net::Loop& loop, Server server, std::string file_name, Limits limits) {
    if (!is_name(file_name)) co_return fail(Fault::INTERNAL, "a file name that TFTP cannot carry");
    const auto deadline = Steady::now() + limits.deadline;
    CO_TRY(addresses, "resolve the TFTP server", co_await addresses_of(loop, server, limits.deadline));
    Attempts attempts{std::move(addresses), file_name, limits, deadline, random_seed()};
    while (auto transfer = attempts.next(Steady::now())) {
        auto socket = UdpSocket::open(transfer->server().family());
        if (!socket) {
            attempts.failed(socket.error(), Next::elsewhere);
            continue;
        }
        co_await run(loop, *socket, *transfer);
        if (transfer->state() == Transfer::State::failed) {
            attempts.failed(transfer->error(), transfer->next());
            continue;
        }
        Download out;
        out.file = transfer->take_file();
        out.from = transfer->peer();
        out.facts = transfer->facts();
        const auto until = Steady::now() + limits.farewell;
        out.farewell = net::Job{say_farewell(loop, *std::move(socket), *std::move(transfer), until)};
        co_return out;
    }
    co_return tl::unexpected(attempts.error());
}

}  // namespace tserver::tftp
