#include "control/recorder.hpp"

#include <algorithm>

#include "log/messages.hpp"

namespace tserver::control {
namespace {

bool is_of_an_application(unsigned id) {
    return id == log::application_connected.row.id || id == log::application_left.row.id ||
           id == log::application_refused.row.id || id == log::listening.row.id;
}

bool same_step(const Event& a, const Event& b) { return a.id == b.id && a.fields == b.fields; }

}  // namespace

void Recorder::add(const Event& event) {
    if (event.link.empty() || is_of_an_application(event.id)) return;
    if (links_.size() >= most_links && !links_.contains(event.link)) return;
    auto& steps = links_[event.link];
    auto fresh = event;
    const auto lately = steps.end() - static_cast<std::ptrdiff_t>(std::min(one_attempt, steps.size()));
    const auto same = std::find_if(lately, steps.end(), [&](const Event& e) { return same_step(e, event); });
    if (same != steps.end()) {
        fresh.repeated += same->repeated + 1;
        steps.erase(same);
    }
    steps.push_back(std::move(fresh));
    if (steps.size() > most_of_a_link) steps.pop_front();
}

std::deque<Event> Recorder::steps(const std::string& link) const {
    const auto found = links_.find(link);
    return found == links_.end() ? std::deque<Event>{} : found->second;
}

}  // namespace tserver::control
