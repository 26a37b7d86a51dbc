#include "cli/history_command.hpp"

#include <fmt/format.h>

#include <deque>

#include "base/text.hpp"
#include "cli/daemon.hpp"
#include "control/events.hpp"
#include "log/messages.hpp"

namespace tserver::cli {

namespace json = boost::json;

namespace {

bool is_of_an_application(unsigned id) {
    return id == log::application_connected.row.id || id == log::application_left.row.id ||
           id == log::application_refused.row.id || id == log::listening.row.id;
}

/// Every event that is kept, handed over oldest first.
template <class Take>
Result<void> each_event(Daemon& daemon, Take take) {
    json::object request{{"command", "events"}};
    for (;;) {
        TRY(part, daemon.ask(request));
        const auto* list = part.if_contains("events");
        const auto* run = part.if_contains("run");
        const auto* last = part.if_contains("last");
        if (list == nullptr || !list->is_array() || run == nullptr || last == nullptr)
            return fail(Fault::CONTROL_PROTOCOL, "an answer without run, last and events");
        for (const auto& value : list->get_array()) {
            TRY(event, control::event_from_json(value));
            take(std::move(event));
        }
        const auto* more = part.if_contains("more");
        if (more == nullptr || *more != json::value(true)) return {};
        request["run"] = *run;
        request["after"] = *last;
    }
}

Result<std::deque<control::Event>> steps_of(const std::string& control, const std::string& link,
                                            std::size_t last) {
    TRY(daemon, Daemon::connect(control));
    TRY(status, daemon.status());
    const bool known = std::ranges::any_of(status.links, [&](const auto& each) { return each.name == link; });
    if (!known) return fail(Fault::LINK_UNKNOWN, escape(link, 60));
    std::deque<control::Event> steps;
    CHECK(each_event(daemon, [&](control::Event event) {
        if (event.link != link || is_of_an_application(event.id)) return;
        steps.push_back(std::move(event));
        if (steps.size() > last) steps.pop_front();
    }));
    return steps;
}

}  // namespace

int history(const Terms& terms, const std::string& link, std::size_t last) {
    const auto steps = steps_of(terms.control, link, last);
    if (!steps) return say_error(terms, steps.error());
    if (!terms.json) {
        for (const auto& step : *steps) terms.out << control::text(step) << '\n';
        return 0;
    }
    json::array all;
    for (const auto& step : *steps) all.push_back(control::to_json(step));
    print(terms, json::object{{"link", link}, {"steps", std::move(all)}});
    return 0;
}

}  // namespace tserver::cli
