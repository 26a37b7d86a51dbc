#include "tftp/http.hpp"

#include <sys/socket.h>

#include <fmt/format.h>

#include <array>
#include <cerrno>

#include "net/tcp.hpp"
#include "os/fd.hpp"
#include "tftp/http_reply.hpp"

namespace tserver::tftp {
namespace {

/// What is said when the deadline cuts an exchange short. Outlives the exchange.
struct Progress {
    std::string step;
    std::size_t octets = 0;
};

struct Answer {
    HttpReply reply;
    std::string from;
};

Error cut_off(const net::Address& peer, int error) {
    return {Fault::TFTP_UNREACHABLE, fmt::format("{}: {}", peer.str(), os::reason(error)), {}};
}

net::Task<Result<void>> send_all(net::Loop& loop, int socket, std::string text) {
    std::string_view left{text};
    while (!left.empty()) {
        const auto sent = ::send(socket, left.data(), left.size(), MSG_NOSIGNAL);
        if (sent >= 0) {
            left.remove_prefix(static_cast<std::size_t>(sent));
        } else if (errno == EAGAIN) {
            co_await net::writable(loop, socket);
        } else {
            co_return tl::unexpected(cut_off(net::peer_address(socket), errno));
        }
    }
    co_return Result<void>{};
}

net::Task<Result<HttpReply>> receive(net::Loop& loop, int socket, std::size_t largest, Progress& progress) {
    HttpReply reply{largest};
    std::array<std::uint8_t, 16'384> buffer{};
    while (!reply.complete()) {
        const auto got = ::recv(socket, buffer.data(), buffer.size(), 0);
        if (got > 0) {
            CO_CHECK("read the answer", reply.feed(ByteView{buffer}.first(static_cast<std::size_t>(got))));
            progress.octets = reply.received();
        } else if (got == 0) {
            CO_CHECK("read the answer", reply.end());
        } else if (errno == EAGAIN) {
            co_await net::readable(loop, socket);
        } else {
            co_return tl::unexpected(cut_off(net::peer_address(socket), errno));
        }
    }
    co_return reply;
}

std::string host_header(const Host& host, Port port) {
    // A zone id has a meaning on this machine only.
    const auto name = host.str().substr(0, host.str().find('%'));
    return host.is_ipv6() ? fmt::format("[{}]:{}", name, port) : fmt::format("{}:{}", name, port);
}

net::Task<Result<Answer>> ask(net::Loop& loop, Host host, Port port, std::string file_name, HttpLimits limits,
                              Progress& progress) {
    progress = {"no connection", 0};
    // Half of the time for an address that swallows the connection, so that another one has its turn.
    auto connecting = net::connect(loop, host, port, limits.deadline / 2);
    auto socket = co_await std::move(connecting);
    if (!socket)
        co_return tl::unexpected(net::of_other_server(std::move(socket).error(), Fault::TFTP_UNREACHABLE));
    progress.step = "no whole answer";
    auto request = fmt::format(
        "GET /{} HTTP/1.1\r\nHost: {}\r\nAccept: */*\r\nUser-Agent: tserver\r\nConnection: close\r\n\r\n",
        file_name, host_header(host, port));
    auto from = net::peer_address(socket->get()).str();
    CO_CHECK("send the request", co_await send_all(loop, socket->get(), std::move(request)));
    CO_TRY(reply, "read the answer", co_await receive(loop, socket->get(), limits.largest, progress));
    Answer answer{std::move(reply), std::move(from)};
    co_return answer;
}

net::Task<Result<HttpFile>> get(net::Loop& loop, Host host, Port port, std::string file_name,
                                HttpLimits limits, Progress& progress) {
    auto pause = limits.busy_pause;
    for (int busy = 1;; ++busy) {
        auto asking = ask(loop, host, port, file_name, limits, progress);
        CO_TRY(answer, "http get", co_await std::move(asking));
        const int status = answer.reply.status();
        const auto words =
            fmt::format("{}: HTTP {} {} for {}", answer.from, status, answer.reply.words(), file_name);
        if (status == 200) {
            HttpFile out{answer.reply.take_body(), std::move(answer.from)};
            co_return out;
        }
        if (status == 404) co_return fail(Fault::CTL_NOT_FOUND, words);
        // 503: the service still asks other clusters for the file.
        if (status != 503) co_return fail(Fault::TFTP_REFUSED, words);
        if (busy == limits.busy_answers) {
            co_return fail(Fault::TFTP_REFUSED, fmt::format("{}, {} times", words, busy));
        }
        progress = {words, 0};
        co_await net::sleep(loop, pause);
        pause *= 2;
    }
}

}  // namespace

net::Task<Result<HttpFile>> http_get(net::Loop& loop, Host host, Port port, std::string file_name,
                                     HttpLimits limits) {
    Progress progress;
    const auto server = host_header(host, port);
    auto getting = get(loop, std::move(host), port, std::move(file_name), limits, progress);
    auto limited = net::within(loop, limits.deadline, std::move(getting));
    auto got = co_await std::move(limited);
    if (!got && got.error().fault == Fault::TIMED_OUT) {
        co_return fail(Fault::TFTP_UNREACHABLE,
                       fmt::format("{}: not complete within {} ms: {} ({} octets of the file)", server,
                                   limits.deadline.count(), progress.step, progress.octets));
    }
    co_return got;
}

}  // namespace tserver::tftp
