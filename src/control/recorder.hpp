// The last steps of each link: its trust lists, enrolments, handshakes and processes, as events. Beside the
// events of all links, so that a link which tries again for a whole night does not push out what happened to
// the others, and folded, so that the same attempt over and over is one attempt that is counted.
#pragma once

#include <deque>
#include <map>
#include <string>

#include "control/event.hpp"

namespace tserver::control {

class Recorder {
public:
    static constexpr std::size_t most_of_a_link = 128;
    static constexpr std::size_t most_links = 1024;
    /// How far back an equal step counts as the same attempt again.
    static constexpr std::size_t one_attempt = 8;

    void add(const Event& event);
    /// Oldest first; `repeated` counts the equal ones before it.
    [[nodiscard]] std::deque<Event> steps(const std::string& link) const;

private:
    std::map<std::string, std::deque<Event>> links_;
};

}  // namespace tserver::control
