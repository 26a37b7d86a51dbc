// When a link process is started, asked, stopped and started again: a pure function from state and event to
// the next state and what to do. It knows no process and no clock; child_state_test.cpp is its table.
#pragma once

#include <optional>
#include <variant>
#include <vector>

#include "base/time.hpp"

namespace tserver::supervisor {

struct ChildLimits {
    std::chrono::milliseconds ping_every{5'000};
    std::chrono::milliseconds silence{20'000};  ///< a process that says nothing for longer is killed
    std::chrono::milliseconds ask{1'200};       ///< between the stop frame and SIGTERM
    std::chrono::milliseconds finish{8'000};    ///< the same while it speaks on: it ends an enrolment (F99)
    std::chrono::milliseconds term{400};        ///< between SIGTERM and SIGKILL: a stop takes less than 2 s
    std::chrono::milliseconds first_restart{100};
    std::chrono::milliseconds restart{1'000};  ///< upper bound of the second wait, then doubled
    std::chrono::milliseconds restart_cap{30'000};
    std::chrono::milliseconds steady{60'000};  ///< a process that ran for longer did not fail to start
};

/// For so many links: with hundreds of them each is asked less often, ten a second in all, so that a tserver
/// with nothing to do uses next to no time.
ChildLimits limits_for(std::size_t links);

/// What follows a stop that is under way.
enum class Then : std::uint8_t { stay, start, recover };
enum class Urgency : std::uint8_t { asked, terminated, killed };

struct Stopped {};
struct Starting {
    unsigned failures;  ///< deaths in a row before this process
    Steady::time_point since;
};
struct Running {
    unsigned failures;
    Steady::time_point since;
    Steady::time_point heard;
    Steady::time_point next_ping;
};
struct Waiting {
    unsigned failures;
    Steady::time_point until;
};
struct Stopping {
    unsigned failures;
    Urgency urgency;
    Steady::time_point until;  ///< of this urgency
    Then then;
    Steady::time_point latest{};  ///< no word of the process moves `until` behind this
};
using ChildState = std::variant<Stopped, Starting, Running, Waiting, Stopping>;

struct Start {};    ///< the operator, or tserver at its start
struct Stop {};     ///< the operator, or tserver at its end
struct Restart {};  ///< the operator
struct Ready {};    ///< the process has taken its configuration
struct Heard {};    ///< any frame
struct Lost {};     ///< the channel ended or broke
struct Exited {
    unsigned luck = 0;  ///< spreads the waits of many links: 0 to 1000
};
struct Due {};  ///< the time of due() has come
using ChildEvent = std::variant<Start, Stop, Restart, Ready, Heard, Lost, Exited, Due>;

enum class Action : std::uint8_t {
    spawn,        ///< failing to is reported by Exited
    ask_to_stop,  ///< the stop frame
    ping,
    terminate,
    kill,
    report_hung,
    report_died,  ///< with the wait of the new state
    report_stopped,
    count_restart,
};

struct Step {
    ChildState state;
    std::vector<Action> actions;  ///< in this order
};

Step next(const ChildState& state, const ChildEvent& event, Steady::time_point now,
          const ChildLimits& limits = {});

/// When Due has to come; nothing while only outside events count.
std::optional<Steady::time_point> due(const ChildState& state, const ChildLimits& limits = {});

/// Wait before a restart after `failures` deaths in a row (at least 1).
std::chrono::milliseconds restart_wait(unsigned failures, unsigned luck, const ChildLimits& limits = {});

}  // namespace tserver::supervisor
