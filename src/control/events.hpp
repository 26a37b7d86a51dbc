// Events: one row of the log's message table each, numbered without a gap from 1, of tserver and of all
// links.
//
// A reader takes a snapshot (the status names the newest event it includes) and follows from there:
//
//   {"command":"events","run":R,"after":n,"wait_ms":20000}
//                      → {"ok":true,"run":R,"last":n,"more":B,"events":[…]}
//
// `wait_ms` (0 to 25000) waits for the first event after n; without `run` and `after` the oldest kept event
// comes first. Numbers count within one run of tserver. What is not kept any more, or belongs to another run,
// is answered with EVENTS_TOO_OLD, never with a gap.
#pragma once

#include <boost/json/fwd.hpp>
#include <cstdint>
#include <deque>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "control/status.hpp"
#include "log/log.hpp"
#include "net/wait.hpp"

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

/// The newest events, bounded by their number, and whoever waits for the next.
class EventLog final : public log::Listener {
public:
    static constexpr std::size_t most_kept = 4096;
    static constexpr std::size_t most_at_once = 256;
    static constexpr std::chrono::milliseconds longest_wait{25'000};

    explicit EventLog(net::Loop& loop, std::size_t most = most_kept);

    /// Gives the event its number and its time.
    void add(Event event);
    void logged(const log::Row& row, std::span<const log::Field> fields, unsigned repeated) override;

    /// Where the newest event is.
    [[nodiscard]] EventCursor cursor() const { return {run_, last_}; }
    /// At most `most_at_once` events after the cursor's, oldest first.  @return EVENTS_TOO_OLD
    [[nodiscard]] Result<std::vector<Event>> after(const EventCursor& cursor) const;
    /// Answers a request as above.
    net::Task<Result<boost::json::object>> answer(boost::json::object request);

private:
    [[nodiscard]] Result<EventCursor> asked_for(const boost::json::object& request) const;
    /// Ends at the next event, or at the limit.
    net::Task<void> next(std::chrono::milliseconds limit);

    net::Loop& loop_;
    std::size_t most_;
    std::string run_;
    std::uint64_t last_ = 0;
    std::deque<Event> kept_;
    std::set<net::Event*> waiting_;
};

}  // namespace tserver::control
