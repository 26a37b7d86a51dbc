// The HTTP server of the console: GET and HEAD, nothing that changes anything.
//
//   /api/v1/status   the status model as JSON          /metrics   for Prometheus
//   /api/v1/events   server-sent events                /health    200 while tserver answers
//   /                what there is                     /ready     200 while every link carries traffic
//
// doc/openapi.yaml says it in full.
#pragma once

#include <array>
#include <list>
#include <memory>
#include <string>
#include <vector>

#include "console/answer.hpp"
#include "console/source.hpp"
#include "net/address.hpp"
#include "os/fd.hpp"

namespace tserver::console {

struct Limits {
    std::size_t connections = 64;
    std::size_t followers = 8;                    ///< each is a connection to tserver as well
    unsigned per_second = 50;                     ///< requests, over a second in the mean
    unsigned burst = 100;                         ///< requests at once
    std::chrono::milliseconds head{5'000};        ///< for a request to come, once it has begun
    std::chrono::milliseconds idle{30'000};       ///< between requests
    std::chrono::milliseconds write{10'000};      ///< for an answer, or a part of the stream, to be taken
    std::chrono::milliseconds heartbeat{15'000};  ///< of a stream that has nothing to tell
};

/// Requests that may come: `burst` at once, `per_second` in the long run.
class Rate {
public:
    Rate(unsigned per_second, unsigned burst)
        : per_second_{per_second}, burst_{burst}, left_{double(burst)} {}
    bool take(Steady::time_point now);

private:
    unsigned per_second_;
    unsigned burst_;
    double left_;
    Steady::time_point last_{};
};

class Server {
public:
    /// @param listener  a listening socket
    /// @param hosts     names a request may be for besides addresses and "localhost": anything else is a page
    /// of
    ///                  another site whose name was pointed at us (DNS rebinding)
    Server(net::Loop& loop, os::Fd listener, Source& source, std::vector<std::string> hosts,
           Limits limits = {});

    [[nodiscard]] const ConsoleCounts& counts() const noexcept { return counts_; }

private:
    struct Connection {
        os::Fd socket;
        std::string received;
    };
    net::Task<void> accept();
    net::Task<void> serve(os::Fd socket);
    /// The next head; nothing when there is no other one.
    net::Task<std::optional<std::string>> next_head(Connection& connection);
    /// @return whether the connection stays
    net::Task<bool> answer_one(Connection& connection, std::string head);
    net::Task<Answer> answer(std::string path);
    net::Task<void> follow(Connection& connection, Request request);
    net::Task<bool> send(int socket, std::string text);
    [[nodiscard]] std::optional<Refusal> not_for_us(const Request& request);

    net::Loop& loop_;
    os::Fd listener_;
    Source& source_;
    std::vector<std::string> hosts_;
    Limits limits_;
    Rate rate_;
    ConsoleCounts counts_;
    std::list<net::Job> clients_;
    net::Job accepting_;
};

/// 200 while every link carries traffic, and otherwise the names and states of those that do not.
Answer ready_answer(const control::Status& status);

/// A place among the events, "<run>:<number>": what `id:` of the stream and Last-Event-ID say.
std::optional<control::EventCursor> cursor_of(std::string_view text);

}  // namespace tserver::console
