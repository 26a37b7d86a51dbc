#include "console/server.hpp"

#include <fmt/format.h>
#include <sys/socket.h>

#include <algorithm>

#include "base/text.hpp"
#include "net/octets.hpp"
#include "net/tcp.hpp"

namespace tserver::console {

namespace json = boost::json;

namespace {

constexpr std::string_view index_page =
    "tserver console (read-only)\n\n"
    "/api/v1/status   what every link does (JSON)\n"
    "/api/v1/events   what happens (server-sent events)\n"
    "/metrics         for Prometheus\n"
    "/health          200 while tserver answers\n"
    "/ready           200 while every link carries traffic\n";

net::Task<Result<std::size_t>> receive(net::Loop& loop, int socket, std::string& into) {
    std::array<char, 4096> part;  // NOLINT(cppcoreguidelines-pro-type-member-init)
    for (;;) {
        const auto got = ::recv(socket, part.data(), part.size(), 0);
        if (got >= 0) {
            into.append(part.data(), static_cast<std::size_t>(got));
            co_return static_cast<std::size_t>(got);
        }
        if (errno == EINTR) continue;
        if (errno != EAGAIN) co_return std::size_t{0};
        co_await net::readable(loop, socket);
    }
}

/// Ends when the client has closed its side.
net::Task<std::monostate> closed(net::Loop& loop, int socket) {
    co_await net::ready_for(loop, socket, EPOLLRDHUP);
    co_return std::monostate{};
}

Answer unavailable(const Error& error) {
    const json::object body{{"error", control::to_json(error)}};
    return {503, "application/json", json::serialize(body) + "\n", "Retry-After: 1\r\n"};
}

std::string event_id(std::string_view run, std::uint64_t number) { return fmt::format("{}:{}", run, number); }

bool is_address(std::string_view host) {
    if (host.starts_with('[')) return true;  // an IPv6 literal: no name looks like it
    return !host.empty() &&
           std::ranges::all_of(host, [](char c) { return (c >= '0' && c <= '9') || c == '.'; });
}

/// The part of the stream for one answer to "events".
std::string stream_part(const json::object& answer, control::EventCursor& cursor) {
    const auto* list = answer.if_contains("events");
    const auto* last = answer.if_contains("last");
    std::string out;
    if (list == nullptr || !list->is_array() || last == nullptr) return out;
    for (const auto& event : list->get_array()) {
        const auto* object = event.if_object();
        const auto* number = object != nullptr ? object->if_contains("sequence") : nullptr;
        json::error_code error;
        const auto sequence = number != nullptr ? number->to_number<std::uint64_t>(error) : 0;
        out += stream_event("event", event_id(cursor.run, sequence), json::serialize(event));
    }
    json::error_code error;
    cursor.last = last->to_number<std::uint64_t>(error);
    return out;
}

}  // namespace

bool Rate::take(Steady::time_point now) {
    const auto passed = std::chrono::duration<double>(now - last_).count();
    left_ = std::min(static_cast<double>(burst_), left_ + passed * per_second_);
    last_ = now;
    if (left_ < 1) return false;
    left_ -= 1;
    return true;
}

std::optional<control::EventCursor> cursor_of(std::string_view text) {
    const auto colon = text.find(':');
    if (colon == std::string_view::npos || colon == 0 || colon > 40) return std::nullopt;
    const auto number = decimal(text.substr(colon + 1), 0, 1L << 53U);
    const auto run = text.substr(0, colon);
    const bool plain =
        std::ranges::all_of(run, [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
    if (!number || !plain) return std::nullopt;
    return control::EventCursor{std::string{run}, static_cast<std::uint64_t>(*number)};
}

Answer ready_answer(const control::Status& status) {
    json::object waiting;
    for (const auto& link : status.links) {
        const auto state = text(link.state);
        if (!carries(link.state)) waiting[link.name] = json::string{state.data(), state.size()};
    }
    const bool ready = waiting.empty() && !status.links.empty();
    const json::object body{
        {"ready", ready}, {"links", status.links.size()}, {"not_carrying", std::move(waiting)}};
    return {ready ? 200 : 503, "application/json", json::serialize(body) + "\n", ""};
}

Server::Server(net::Loop& loop, os::Fd listener, Source& source, std::vector<std::string> hosts,
               Limits limits)
    : loop_{loop},
      listener_{std::move(listener)},
      source_{source},
      hosts_{std::move(hosts)},
      limits_{limits},
      rate_{limits.per_second, limits.burst},
      accepting_{accept()} {}

net::Task<void> Server::accept() {
    for (;;) {
        co_await net::readable(loop_, listener_.get());
        clients_.remove_if([](const net::Job& client) { return !client.running(); });
        counts_.connections = clients_.size();
        auto socket = net::accept_now(listener_.get());
        if (!socket) {
            if (socket.error().fault == Fault::OUT_OF_RESOURCES)
                co_await net::sleep(loop_, std::chrono::seconds{1});
            continue;
        }
        if (clients_.size() >= limits_.connections) {
            ++counts_.refused;
            const auto full = rendered(refusal(503, "too many connections"), After::close, false);
            ::send(socket->get(), full.data(), full.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
            continue;
        }
        clients_.emplace_back(serve(*std::move(socket)));
        counts_.connections = clients_.size();
    }
}

net::Task<void> Server::serve(os::Fd accepted) {
    Connection connection{std::move(accepted), {}};
    for (bool stays = true; stays;) {
        auto heading = next_head(connection);
        auto head = co_await std::move(heading);
        if (!head) co_return;
        auto answering = answer_one(connection, *std::move(head));
        stays = co_await std::move(answering);
    }
}

net::Task<std::optional<std::string>> Server::next_head(Connection& connection) {
    auto& received = connection.received;
    auto until = Steady::now() + (received.empty() ? limits_.idle : limits_.head);
    for (;;) {
        const auto end = end_of_head(received);
        if (end || received.size() > longest_head) {
            auto head = received.substr(0, end.value_or(received.size()));
            received.erase(0, head.size());
            co_return head;
        }
        const bool begun = !received.empty();
        const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - Steady::now());
        auto receiving = net::within(loop_, left, receive(loop_, connection.socket.get(), received));
        const auto got = co_await std::move(receiving);
        if (!got && begun) {
            ++counts_.refused;
            auto late = rendered(refusal(408, "the request did not come in time"), After::close, false);
            auto sending = send(connection.socket.get(), std::move(late));
            co_await std::move(sending);
        }
        if (!got || *got == 0) co_return std::nullopt;
        if (!begun) until = Steady::now() + limits_.head;
    }
}

net::Task<bool> Server::answer_one(Connection& connection, std::string head) {
    const int socket = connection.socket.get();
    auto request = parse_request(head);
    const auto why_not = request ? not_for_us(*request) : std::optional{request.error()};
    if (why_not) {
        ++counts_.refused;
        // A request that was understood leaves the connection in order.
        const bool stays = request && request->keep_alive && why_not->status == 429;
        auto text = rendered(refusal(why_not->status, why_not->why), stays ? After::keep : After::close,
                             request && request->head_only);
        auto sending = send(socket, std::move(text));
        const bool sent = co_await std::move(sending);
        co_return stays&& sent;
    }
    ++counts_.requests;
    if (request->path == "/api/v1/events" && !request->head_only) {
        ++counts_.followers;
        auto following = follow(connection, *std::move(request));
        co_await std::move(following);
        --counts_.followers;
        co_return false;
    }
    auto making = answer(request->path);
    const auto made = co_await std::move(making);
    auto text = rendered(made, request->keep_alive ? After::keep : After::close, request->head_only);
    auto sending = send(socket, std::move(text));
    const bool sent = co_await std::move(sending);
    co_return request->keep_alive&& sent;
}

std::optional<Refusal> Server::not_for_us(const Request& request) {
    if (!rate_.take(Steady::now())) return Refusal{429, "too many requests"};
    if (!is_address(request.host) && request.host != "localhost" &&
        std::ranges::find(hosts_, request.host) == hosts_.end())
        return Refusal{421, "this host name is not one of ours: name it with --host"};
    if (request.path == "/api/v1/events" && counts_.followers >= limits_.followers)
        return Refusal{503, "too many followers of events"};
    return std::nullopt;
}

net::Task<Answer> Server::answer(std::string path) {
    if (path == "/") co_return Answer{200, "text/plain; charset=utf-8", std::string{index_page}, ""};
    constexpr std::array known{"/api/v1/status", "/api/v1/events", "/metrics", "/health", "/ready"};
    if (std::ranges::find(known, path) == known.end())
        co_return refusal(404, "no such path; / says what there is");
    auto asking = source_.status();
    const auto now = co_await std::move(asking);
    if (path == "/metrics") {
        counts_.connections = static_cast<std::size_t>(
            std::ranges::count_if(clients_, [](const net::Job& client) { return client.running(); }));
        const auto status = now ? std::optional{now->status} : std::nullopt;
        auto text = metrics_text(status, source_.expiries(), counts_, wall_now());
        co_return Answer{200, "text/plain; version=0.0.4; charset=utf-8", std::move(text), ""};
    }
    if (!now) co_return unavailable(now.error());
    if (path == "/api/v1/status")
        co_return Answer{200, "application/json", json::serialize(now->json) + "\n", ""};
    if (path == "/ready") co_return ready_answer(now->status);
    if (path == "/health") co_return Answer{200, "application/json", "{\"healthy\":true}\n", ""};
    co_return Answer{200, "text/event-stream", "", ""};  // HEAD of the events
}

/// First a snapshot, or the place the follower asks for; then every event. One that is too late gets a
/// snapshot again.
net::Task<void> Server::follow(Connection& connection, Request request) {
    const int socket = connection.socket.get();
    auto text = stream_head();
    std::optional<control::Client> client;
    auto cursor = cursor_of(request.last_event);
    for (;;) {
        if (!cursor) {
            auto asking = source_.status();
            const auto now = co_await std::move(asking);
            if (!now) {
                text += stream_event("lost", "", json::serialize(control::to_json(now.error())));
            } else {
                cursor = now->status.events;
                text +=
                    stream_event("snapshot", event_id(cursor->run, cursor->last), json::serialize(now->json));
            }
        }
        auto sending = send(socket, std::exchange(text, {}));
        if (!co_await std::move(sending)) co_return;
        if (!cursor) {
            co_await net::sleep(loop_, std::chrono::seconds{2});
            continue;
        }
        auto race = net::first_of(source_.events(client, *cursor, limits_.heartbeat), closed(loop_, socket));
        auto first = co_await std::move(race);
        if (first.index() == 1) co_return;
        const auto part = std::get<0>(std::move(first));
        if (part) text = stream_part(*part, *cursor);
        if (part && text.empty()) text = ": nothing new\n\n";
        if (!part) cursor.reset();
    }
}

net::Task<bool> Server::send(int socket, std::string text) {
    auto sending = net::within(loop_, limits_.write, net::send_all(loop_, socket, text, Fault::INTERNAL));
    const auto sent = co_await std::move(sending);
    co_return sent.has_value();
}

}  // namespace tserver::console
