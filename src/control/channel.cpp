#include "control/channel.hpp"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <boost/json.hpp>
#include <cerrno>

#include "base/overloaded.hpp"

namespace tserver::control {

namespace json = boost::json;

namespace {

constexpr std::size_t header = 5;
constexpr std::size_t chunk = std::size_t{16} * 1024;

Frame made(FrameType type, Writer payload) {
    auto octets = payload.take();
    Frame out{type, Secret{as_text(octets)}};
    wipe(octets);
    return out;
}

tl::unexpected<Error> misshapen(std::string_view what) {
    return fail(Fault::CONTROL_PROTOCOL, "frame " + std::string{what} + " is not what it should be");
}

bool is_request(FrameType type) {
    return type == FrameType::enrol || type == FrameType::confirm_trust || type == FrameType::refresh_trust;
}

Result<ToLink> request_in(const Frame& frame) {
    Reader reader{as_bytes(frame.payload.reveal())};
    const auto request = reader.u32();
    if (!request) return misshapen("request");
    switch (frame.type) {
        case FrameType::enrol: {
            auto code = AuthCode::parse(as_text(*reader.take(reader.left())));
            if (!code) return misshapen("enrol");
            return Enrol{*request, *std::move(code)};
        }
        case FrameType::confirm_trust: {
            const auto replace = reader.u8();
            if (!replace || *replace > 1 || !reader.done()) return misshapen("confirm_trust");
            return ConfirmTrust{*request, *replace == 1};
        }
        default:
            if (!reader.done()) return misshapen("refresh_trust");
            return RefreshTrust{*request};
    }
}

Result<json::value> json_in(const Frame& frame) {
    json::error_code error;
    const auto text = frame.payload.reveal();
    auto value = json::parse(json::string_view{text.data(), text.size()}, error);
    if (error) return misshapen("with JSON");
    return value;
}

Result<FromLink> answer_in(const Frame& frame) {
    TRY(value, json_in(frame));
    const auto* object = value.if_object();
    const auto* request = object != nullptr ? object->if_contains("request") : nullptr;
    const auto* ok = object != nullptr ? object->if_contains("ok") : nullptr;
    json::error_code error;
    const auto number = request != nullptr ? request->to_number<std::uint32_t>(error) : 0U;
    if (request == nullptr || error || ok == nullptr || !ok->is_bool()) return misshapen("answer");
    if (ok->get_bool()) {
        const auto* text = object->if_contains("text");
        const auto* string = text != nullptr ? text->if_string() : nullptr;
        return Answer{number,
                      string != nullptr ? std::string{string->begin(), string->end()} : std::string{}};
    }
    const auto* what = object->if_contains("error");
    if (what == nullptr) return misshapen("answer");
    TRY(told, error_from_json(*what));
    return Answer{number, tl::unexpected<Error>(std::move(told))};
}

std::string answer_text(const Answer& answer) {
    json::object out{{"request", answer.request}, {"ok", answer.outcome.has_value()}};
    if (answer.outcome) {
        out["text"] = *answer.outcome;
    } else {
        out["error"] = to_json(answer.outcome.error());
    }
    return json::serialize(out);
}

}  // namespace

Frame frame(const ToLink& message) {
    using enum FrameType;
    return std::visit(
        overloaded{
            [](const Configure& c) {
                return made(configure,
                            Writer{}.u8(static_cast<std::uint8_t>(c.log_level)).text(c.link.reveal()));
            },
            [](const Enrol& e) { return made(enrol, Writer{}.u32(e.request).text(e.code.reveal())); },
            [](const ConfirmTrust& c) {
                return made(confirm_trust, Writer{}.u32(c.request).u8(c.replace ? 1 : 0));
            },
            [](const RefreshTrust& r) { return made(refresh_trust, Writer{}.u32(r.request)); },
            [](const Stop&) {
                return Frame{stop, {}};
            },
            [](const Ping&) {
                return Frame{ping, {}};
            },
        },
        message);
}

Frame frame(const FromLink& message) {
    using enum FrameType;
    return std::visit(overloaded{
                          [](const Ready&) {
                              return Frame{ready, {}};
                          },
                          [](const Report& r) {
                              return Frame{status, Secret{json::serialize(to_json(r.status))}};
                          },
                          [](const Pong&) {
                              return Frame{pong, {}};
                          },
                          [](const Answer& a) {
                              return Frame{answer, Secret{answer_text(a)}};
                          },
                          [](const Logged& l) {
                              return Frame{logged, Secret{json::serialize(to_json(l.event))}};
                          },
                      },
                      message);
}

Result<ToLink> to_link(const Frame& frame) {
    if (is_request(frame.type)) return request_in(frame);
    const auto payload = frame.payload.reveal();
    if (frame.type == FrameType::configure) {
        if (payload.empty() ||
            static_cast<unsigned char>(payload[0]) > static_cast<unsigned>(log::Level::debug))
            return misshapen("configure");
        return Configure{static_cast<log::Level>(payload[0]), Secret{payload.substr(1)}};
    }
    if (!payload.empty()) return misshapen("without payload");
    if (frame.type == FrameType::stop) return Stop{};
    if (frame.type == FrameType::ping) return Ping{};
    return fail(Fault::CONTROL_PROTOCOL,
                "frame type " + std::to_string(static_cast<unsigned>(frame.type)) + " is not for a link");
}

Result<FromLink> from_link(const Frame& frame) {
    if (frame.type == FrameType::answer) return answer_in(frame);
    if (frame.type == FrameType::status) {
        TRY(value, json_in(frame));
        TRY(status, link_status_from_json(value));
        return Report{std::move(status)};
    }
    if (frame.type == FrameType::logged) {
        TRY(value, json_in(frame));
        TRY(event, event_from_json(value));
        return Logged{std::move(event)};
    }
    if (!frame.payload.empty()) return misshapen("without payload");
    if (frame.type == FrameType::ready) return Ready{};
    if (frame.type == FrameType::pong) return Pong{};
    return fail(Fault::CONTROL_PROTOCOL,
                "frame type " + std::to_string(static_cast<unsigned>(frame.type)) + " is not from a link");
}

Result<std::pair<os::Fd, os::Fd>> channel_pair() {
    std::array<int, 2> ends{};
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends.data()) != 0)
        return os::failed("socketpair", errno);
    return std::pair{os::Fd{ends[0]}, os::Fd{ends[1]}};
}

Result<os::Fd> inherited_channel() {
    int type = 0;
    socklen_t length = sizeof type;
    if (::getsockopt(channel_descriptor, SOL_SOCKET, SO_TYPE, &type, &length) != 0 || type != SOCK_STREAM) {
        return fail(Fault::CONTROL_PROTOCOL,
                    "descriptor 3 is no channel: this program is started by tserver, not by hand");
    }
    const int flags = ::fcntl(channel_descriptor, F_GETFL);
    if (::fcntl(channel_descriptor, F_SETFL, flags | O_NONBLOCK) != 0 ||
        ::fcntl(channel_descriptor, F_SETFD, FD_CLOEXEC) != 0)
        return os::failed("fcntl", errno);
    return os::Fd{channel_descriptor};
}

Channel::Channel(net::Loop& loop, os::Fd socket, std::chrono::milliseconds limit)
    : loop_{loop},
      in_{std::move(socket)},
      out_{::fcntl(in_.get(), F_DUPFD_CLOEXEC, 0)},
      limit_{limit},
      broken_{!out_},
      patience_{loop, *this} {}

Channel::~Channel() {
    if (watching_) loop_.remove(out_.get(), *this);
    wipe(buffer_);
}

void Channel::send(const Frame& frame) {
    const auto payload = frame.payload.reveal();
    if (broken_) return;
    if (payload.size() > largest_payload || queued_ + payload.size() > most_queued) return give_up();
    auto octets = Writer{}
                      .u32(static_cast<std::uint32_t>(payload.size()))
                      .u8(static_cast<std::uint8_t>(frame.type))
                      .text(payload)
                      .take();
    queued_ += octets.size();
    queue_.emplace_back(as_text(octets));
    wipe(octets);
    if (!watching_) write_some();
}

void Channel::write_some() {
    while (!queue_.empty()) {
        const auto left = queue_.front().reveal().substr(written_);
        const auto sent = ::send(out_.get(), left.data(), left.size(), MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR) continue;
        if (sent < 0 && errno != EAGAIN) return give_up();
        if (sent < 0) break;
        patience_.disarm();  // the peer reads
        queued_ -= static_cast<std::size_t>(sent);
        written_ += static_cast<std::size_t>(sent);
        if (written_ < queue_.front().reveal().size()) continue;
        queue_.pop_front();
        written_ = 0;
    }
    if (queue_.empty() == watching_) {
        watching_ = !watching_;
        if (watching_) {
            loop_.add(out_.get(), *this, EPOLLOUT);
        } else {
            loop_.remove(out_.get(), *this);
        }
    }
    if (watching_ && !patience_.armed()) patience_.arm(Steady::now() + limit_);
}

void Channel::ready(std::uint32_t) { write_some(); }

void Channel::give_up() {
    if (std::exchange(watching_, false)) loop_.remove(out_.get(), *this);
    patience_.disarm();
    queue_.clear();
    queued_ = written_ = 0;
    broken_ = true;
    ::shutdown(in_.get(), SHUT_RDWR);  // whoever waits in receive() is told
}

net::Task<Result<std::optional<Frame>>> Channel::receive() {
    for (;;) {
        auto cut_off = cut();
        if (!cut_off || *cut_off) co_return cut_off;
        Result<std::size_t> got = std::size_t{0};
        if (buffer_.empty()) {
            got = co_await fill();
        } else {
            got = co_await net::within(loop_, limit_, fill());
        }
        CO_TRY(count, "channel", std::move(got));
        if (count > 0) continue;
        if (!buffer_.empty()) co_return fail(Fault::CONTROL_PROTOCOL, "the channel ended inside a frame");
        co_return std::optional<Frame>{};
    }
}

net::Task<Result<std::size_t>> Channel::fill() {
    std::array<std::uint8_t, chunk> part;  // NOLINT(cppcoreguidelines-pro-type-member-init)
    for (;;) {
        const auto got = ::recv(in_.get(), part.data(), part.size(), 0);
        if (got >= 0) {
            const auto count = static_cast<std::size_t>(got);
            if (buffer_.capacity() < buffer_.size() + count) {  // no copy of a secret is left by growing
                Bytes larger;
                larger.reserve(2 * (buffer_.size() + count));
                larger.assign(buffer_.begin(), buffer_.end());
                wipe(buffer_);
                buffer_ = std::move(larger);
            }
            buffer_.insert(buffer_.end(), part.begin(), part.begin() + got);
            wipe(std::span{part}.first(count));
            co_return count;
        }
        if (errno == EINTR) continue;
        if (errno == ECONNRESET) co_return std::size_t{0};
        if (errno != EAGAIN) co_return os::failed("recv", errno);
        co_await net::readable(loop_, in_.get());
    }
}

Result<std::optional<Frame>> Channel::cut() {
    if (buffer_.size() < header) return std::optional<Frame>{};
    Reader reader{buffer_};
    const std::size_t length = *reader.u32();
    const auto type = static_cast<FrameType>(*reader.u8());
    if (length > largest_payload)
        return fail(Fault::CONTROL_PROTOCOL, "a frame of " + std::to_string(length) + " octets is too long");
    const auto payload = reader.take(length);
    if (!payload) return std::optional<Frame>{};
    std::optional<Frame> out{Frame{type, Secret{as_text(*payload)}}};
    const auto whole = header + length;
    std::copy(buffer_.begin() + static_cast<std::ptrdiff_t>(whole), buffer_.end(), buffer_.begin());
    wipe(std::span{buffer_}.last(whole));
    buffer_.resize(buffer_.size() - whole);
    return out;
}

}  // namespace tserver::control
