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

#include "control/event.hpp"
#include "control/status.hpp"
#include "log/log.hpp"
#include "net/wait.hpp"

namespace tserver::control {

class Recorder;

/// The newest events, bounded by their number, and whoever waits for the next. Each goes to the recorder too.
class EventLog final : public log::Listener {
public:
    static constexpr std::size_t most_kept = 4096;
    static constexpr std::size_t most_at_once = 256;
    static constexpr std::chrono::milliseconds longest_wait{25'000};

    EventLog(net::Loop& loop, Recorder& recorder, std::size_t most = most_kept);

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
    [[nodiscard]] EventCursor cursor_of(const EventRequest& request) const;
    /// Ends at the next event, or at the limit.
    net::Task<void> next(std::chrono::milliseconds limit);

    net::Loop& loop_;
    Recorder& recorder_;
    std::size_t most_;
    std::string run_;
    std::uint64_t last_ = 0;
    std::deque<Event> kept_;
    std::set<net::Event*> waiting_;
};

}  // namespace tserver::control
