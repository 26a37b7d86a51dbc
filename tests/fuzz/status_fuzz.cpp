// links: control
// JSON of another process, as a status, a link's status, an event and an error: each is refused with a
// reason, or understood so that what is written of it is read again as the same. An event is one line of
// text, and is the same when it has gone through the log. A request for events is refused by its field, or
// says what it holds.
#include <algorithm>
#include <boost/json.hpp>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "base/text.hpp"
#include "control/event.hpp"
#include "control/status.hpp"
#include "log/messages.hpp"

using namespace tserver;
namespace json = boost::json;

namespace {

void require(bool held) {
    if (!held) std::abort();
}

constexpr Instant now{std::chrono::seconds{1'795'600'000}};

bool same(const Error& a, const Error& b) {
    return a.fault == b.fault && a.detail == b.detail && a.during == b.during;
}
template <class T>
bool same(const T& a, const T& b) {
    return a == b;
}

/// Reads, writes, and reads what was written; from there on the octets stay the same.
template <class Read, class Write>
void round_trip(const json::value& value, Read read, Write write) {
    const auto once = read(value);
    if (!once) {
        require(once.error().fault == Fault::CONTROL_PROTOCOL && !once.error().detail.empty());
        return;
    }
    const auto text = json::serialize(json::value(write(*once)));
    const auto again = read(json::parse(text));
    require(again && same(*once, *again));
    require(json::serialize(json::value(write(*again))) == text);
}

bool has_link(const control::Event& event) {
    return std::ranges::find(event.fields, "link", &control::EventField::key) != event.fields.end();
}

void check_line(const json::value& value) {
    const auto event = control::event_from_json(value);
    if (!event) return;
    const auto line = control::text(*event);
    require(!invalid_utf8_at(line) && std::ranges::none_of(line, [](char c) { return c >= 0 && c < ' '; }));
    std::vector<log::Field> fields;
    for (const auto& field : event->fields) fields.push_back({field.key, field.value, field.number});
    fields.push_back({"link", event->link, false});
    auto logged = control::event_of(*log::message_row(event->id), fields, event->repeated);
    logged.sequence = event->sequence;
    logged.at = event->at;
    require(logged == *event || has_link(*event));
}

void check_request(const json::value& value) {
    const auto* object = value.if_object();
    if (object == nullptr) return;
    const auto asked = control::event_request(*object);
    if (!asked) {
        require(asked.error().fault == Fault::CONTROL_PROTOCOL && !asked.error().detail.empty());
        return;
    }
    require(asked->run.has_value() == object->contains("run"));
    require(asked->after.has_value() == object->contains("after"));
    if (asked->after) require(object->at("after").to_number<std::uint64_t>() == *asked->after);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    json::error_code error;
    const auto value = json::parse({reinterpret_cast<const char*>(data), size}, error);
    if (error) return 0;
    round_trip(value, control::status_from_json,
               [](const control::Status& status) { return control::to_json(status, now); });
    round_trip(value, control::link_status_from_json,
               [](const control::LinkStatus& link) { return control::to_json(link, now); });
    round_trip(value, control::event_from_json,
               [](const control::Event& event) { return control::to_json(event); });
    round_trip(value, control::error_from_json, [](const Error& told) { return control::to_json(told); });
    check_line(value);
    check_request(value);
    return 0;
}
