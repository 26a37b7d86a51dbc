#include "control/frame.hpp"

#include <boost/json.hpp>

#include "base/overloaded.hpp"

namespace tserver::control {

namespace json = boost::json;

namespace {

constexpr std::size_t header = 5;

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
                          [](const LastWords& l) {
                              return Frame{last_words, Secret{json::serialize(to_json(l.why))}};
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
    if (frame.type == FrameType::last_words) {
        TRY(value, json_in(frame));
        TRY(why, error_from_json(value));
        return LastWords{std::move(why)};
    }
    if (!frame.payload.empty()) return misshapen("without payload");
    if (frame.type == FrameType::ready) return Ready{};
    if (frame.type == FrameType::pong) return Pong{};
    return fail(Fault::CONTROL_PROTOCOL,
                "frame type " + std::to_string(static_cast<unsigned>(frame.type)) + " is not from a link");
}

Secret octets_of(const Frame& frame) {
    const auto payload = frame.payload.reveal();
    auto octets = Writer{}
                      .reserve(header + payload.size())
                      .u32(static_cast<std::uint32_t>(payload.size()))
                      .u8(static_cast<std::uint8_t>(frame.type))
                      .text(payload)
                      .take();
    Secret out{as_text(octets)};
    wipe(octets);
    return out;
}

void FrameReader::add(ByteView octets) {
    if (buffer_.capacity() < buffer_.size() + octets.size()) {
        Bytes larger;
        larger.reserve(2 * (buffer_.size() + octets.size()));
        larger.assign(buffer_.begin(), buffer_.end());
        wipe(buffer_);
        buffer_ = std::move(larger);
    }
    buffer_.insert(buffer_.end(), octets.begin(), octets.end());
}

Result<std::optional<Frame>> FrameReader::next() {
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
