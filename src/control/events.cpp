#include "control/events.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <random>

#include "base/text.hpp"
#include "control/recorder.hpp"

namespace tserver::control {

namespace json = boost::json;

namespace {

std::string new_run() {
    std::random_device random;
    return fmt::format("{:08x}{:08x}", random(), random());
}

}  // namespace

EventLog::EventLog(net::Loop& loop, Recorder& recorder, std::size_t most)
    : loop_{loop}, recorder_{recorder}, most_{most}, run_{new_run()} {}

void EventLog::add(Event event) {
    event.sequence = ++last_;
    event.at = std::chrono::floor<std::chrono::milliseconds>(std::chrono::system_clock::now());
    recorder_.add(event);
    kept_.push_back(std::move(event));
    if (kept_.size() > most_) kept_.pop_front();
    for (auto* waiter : waiting_) waiter->set();
}

void EventLog::logged(const log::Row& row, std::span<const log::Field> fields, unsigned repeated) {
    add(event_of(row, fields, repeated));
}

Result<std::vector<Event>> EventLog::after(const EventCursor& cursor) const {
    const auto oldest = last_ - kept_.size() + 1;
    if (cursor.run != run_) {
        return fail(Fault::EVENTS_TOO_OLD, fmt::format("run \"{}\" has ended, events {} to {} are of run {}",
                                                       escape(cursor.run, 40), oldest, last_, run_));
    }
    if (cursor.last + 1 < oldest || cursor.last > last_) {
        return fail(Fault::EVENTS_TOO_OLD,
                    fmt::format("asked for those after {}, kept are {} to {}", cursor.last, oldest, last_));
    }
    const auto first = kept_.begin() + static_cast<std::ptrdiff_t>(cursor.last + 1 - oldest);
    const auto count = std::min<std::size_t>(most_at_once, last_ - cursor.last);
    return std::vector<Event>{first, first + static_cast<std::ptrdiff_t>(count)};
}

EventCursor EventLog::cursor_of(const EventRequest& request) const {
    return {request.run.value_or(run_), request.after.value_or(last_ - kept_.size())};
}

net::Task<void> EventLog::next(std::chrono::milliseconds limit) {
    struct Waiting {
        std::set<net::Event*>& all;
        net::Event event;
        Waiting(std::set<net::Event*>& waiting, net::Loop& loop) : all{waiting}, event{loop} {
            all.insert(&event);
        }
        Waiting(const Waiting&) = delete;
        Waiting& operator=(const Waiting&) = delete;
        ~Waiting() { all.erase(&event); }
    };
    Waiting waiting{waiting_, loop_};
    auto told = net::wait_task(waiting.event);
    auto clock = net::sleep_task(loop_, Steady::now() + limit);
    auto race = net::first_of(std::move(told), std::move(clock));
    co_await std::move(race);
}

net::Task<Result<json::object>> EventLog::answer(json::object request) {
    CO_TRY(asked, "events", event_request(request));
    const auto cursor = cursor_of(asked);
    const auto wait = std::chrono::milliseconds{std::min<std::uint64_t>(asked.wait_ms, longest_wait.count())};
    auto found = after(cursor);
    if (found && found->empty() && wait.count() > 0) {
        auto waiting = next(wait);
        co_await std::move(waiting);
        found = after(cursor);
    }
    CO_TRY(events, "events", std::move(found));
    json::array list;
    for (const auto& event : events) list.push_back(to_json(event));
    const auto last = events.empty() ? cursor.last : events.back().sequence;
    json::object out{{"ok", true}, {"run", run_}, {"last", last}, {"more", last < last_}};
    out["events"] = std::move(list);
    co_return out;
}

}  // namespace tserver::control
