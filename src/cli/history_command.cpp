#include "cli/history_command.hpp"

#include <deque>

#include "cli/daemon.hpp"
#include "control/events.hpp"

namespace tserver::cli {

namespace json = boost::json;

namespace {

Result<std::deque<control::Event>> steps_of(const std::string& control, const std::string& link,
                                            std::size_t last) {
    TRY(daemon, Daemon::connect(control));
    TRY(answer, daemon.ask({{"command", "history"}, {"link", link}}));
    const auto* list = answer.if_contains("steps");
    if (list == nullptr || !list->is_array()) return fail(Fault::CONTROL_PROTOCOL, "an answer without steps");
    std::deque<control::Event> steps;
    for (const auto& value : list->get_array()) {
        TRY(event, control::event_from_json(value));
        steps.push_back(std::move(event));
        if (steps.size() > last) steps.pop_front();
    }
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
