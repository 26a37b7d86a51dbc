// One event: a row of the log's message table with its fields, as JSON and as a line of text; and what a
// reader asks for.
#pragma once

#include <boost/json/fwd.hpp>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "log/log.hpp"

namespace tserver::control {

struct EventField {
    std::string key;
    std::string value;  ///< escaped
    bool number = false;
    bool operator==(const EventField&) const = default;
};

struct Event {
    std::uint64_t sequence = 0;
    std::chrono::system_clock::time_point at{};  ///< whole milliseconds
    unsigned id = 0;                             ///< of the message table, which has its words and level
    std::string link;                            ///< empty: of tserver itself
    std::vector<EventField> fields;              ///< without the link
    unsigned repeated = 0;                       ///< equal events left out since the last one that was told
    bool operator==(const Event&) const = default;
};

/// The fields of a log message as those of an event; the field "link" becomes the event's own.
Event event_of(const log::Row& row, std::span<const log::Field> fields, unsigned repeated);

/// {"sequence":4,"time":"2026-11-25T10:00:00.123Z","id":8103,"level":"Std","text":"secure connection
/// established","link":"a" or null,"fields":{"ctimanager":…},"repeated":0}
boost::json::object to_json(const Event& event);
/// "2026-11-25T10:00:00.123Z 4 Std 8103 secure connection established link=a ctimanager=…"
std::string text(const Event& event);
/// @return CONTROL_PROTOCOL: a field is missing, too many or too long, or the id is in no table of ours
Result<Event> event_from_json(const boost::json::value& json);

/// {"command":"events",…} of control/events.hpp.
struct EventRequest {
    std::optional<std::string> run;
    std::optional<std::uint64_t> after;
    std::uint64_t wait_ms = 0;
};
/// @return CONTROL_PROTOCOL; the detail names the field
Result<EventRequest> event_request(const boost::json::object& request);

}  // namespace tserver::control
