#include "supervisor/child_state.hpp"

#include <algorithm>

#include "base/overloaded.hpp"

namespace tserver::supervisor {

namespace {

using Now = Steady::time_point;

Step spawned(unsigned failures, Now now, std::vector<Action> before = {}) {
    before.push_back(Action::spawn);
    return {Starting{failures, now}, std::move(before)};
}

Step asked(unsigned failures, Then then, Now now, const ChildLimits& limits) {
    return {Stopping{failures, Urgency::asked, now + limits.ask, then, now + limits.finish},
            {Action::ask_to_stop}};
}

Step killed(unsigned failures, Then then, Now now, const ChildLimits& limits,
            std::vector<Action> before = {}) {
    before.push_back(Action::kill);
    return {Stopping{failures, Urgency::killed, now + limits.silence, then}, std::move(before)};
}

/// A channel ends when its process does: a moment later there is an exit status, which a kill would hide.
Step lost(unsigned failures, Now now, const ChildLimits& limits) {
    return {Stopping{failures, Urgency::terminated, now + limits.term, Then::recover}, {}};
}

Step died(unsigned failures, unsigned luck, Now now, const ChildLimits& limits) {
    return {Waiting{failures + 1, now + restart_wait(failures + 1, luck, limits)}, {Action::report_died}};
}

/// Deaths in a row, as far as they count for a process that has run since then.
unsigned counted(const Running& running, Now now, const ChildLimits& limits) {
    return now - running.since >= limits.steady ? 0 : running.failures;
}

Step more_urgent(const Stopping& stopping, Now now, const ChildLimits& limits) {
    if (stopping.urgency == Urgency::asked) {
        return {Stopping{stopping.failures, Urgency::terminated, now + limits.term, stopping.then},
                {Action::terminate}};
    }
    return killed(stopping.failures, stopping.then, now, limits);
}

Step ended(const Stopping& stopping, unsigned luck, Now now, const ChildLimits& limits) {
    switch (stopping.then) {
        case Then::stay: return {Stopped{}, {Action::report_stopped}};
        case Then::start: return spawned(0, now, {Action::report_stopped});
        case Then::recover: break;
    }
    return died(stopping.failures, luck, now, limits);
}

}  // namespace

Step next(const ChildState& state, const ChildEvent& event, Steady::time_point now,
          const ChildLimits& limits) {
    const auto with = [](Stopping stopping, Then then) {
        stopping.then = then;
        return Step{stopping, {}};
    };
    return std::visit(
        overloaded{
            [&](const Stopped&, const Start&) { return spawned(0, now); },
            [&](const Stopped&, const Restart&) { return spawned(0, now); },

            [&](const Starting&, const Ready&) {
                return Step{Running{std::get<Starting>(state).failures, now, now, now + limits.ping_every},
                            {}};
            },
            [&](const Starting& s, const Stop&) { return asked(s.failures, Then::stay, now, limits); },
            [&](const Starting& s, const Restart&) { return asked(s.failures, Then::start, now, limits); },
            [&](const Starting& s, const Lost&) { return lost(s.failures, now, limits); },
            [&](const Starting& s, const Exited& e) { return died(s.failures, e.luck, now, limits); },
            [&](const Starting& s, const Due&) {
                return killed(s.failures, Then::recover, now, limits, {Action::report_hung});
            },

            [&](Running r, const Heard&) {
                r.heard = now;
                return Step{r, {}};
            },
            [&](const Running&, const Stop&) { return asked(0, Then::stay, now, limits); },
            [&](const Running&, const Restart&) { return asked(0, Then::start, now, limits); },
            [&](const Running& r, const Lost&) { return lost(counted(r, now, limits), now, limits); },
            [&](const Running& r, const Exited& e) {
                return died(counted(r, now, limits), e.luck, now, limits);
            },
            [&](Running r, const Due&) {
                if (now - r.heard >= limits.silence) {
                    return killed(counted(r, now, limits), Then::recover, now, limits, {Action::report_hung});
                }
                r.next_ping = now + limits.ping_every;
                return Step{r, {Action::ping}};
            },

            [&](const Waiting&, const Start&) { return spawned(0, now); },
            [&](const Waiting&, const Restart&) { return spawned(0, now); },
            [&](const Waiting&, const Stop&) {
                return Step{Stopped{}, {Action::report_stopped}};
            },
            [&](const Waiting& w, const Due&) { return spawned(w.failures, now, {Action::count_restart}); },

            [&](const Stopping& s, const Start&) { return with(s, Then::start); },
            [&](const Stopping& s, const Restart&) { return with(s, Then::start); },
            [&](const Stopping& s, const Stop&) { return with(s, Then::stay); },
            [&](Stopping s, const Heard&) {
                if (s.urgency == Urgency::asked)
                    s.until = std::max(s.until, std::min(now + limits.ask, s.latest));
                return Step{s, {}};
            },
            [&](const Stopping& s, const Exited& e) { return ended(s, e.luck, now, limits); },
            [&](const Stopping& s, const Due&) { return more_urgent(s, now, limits); },

            [&](const auto& same, const auto&) {
                return Step{same, {}};
            },  // late news changes nothing
        },
        state, event);
}

std::optional<Steady::time_point> due(const ChildState& state, const ChildLimits& limits) {
    using Time = std::optional<Steady::time_point>;
    return std::visit(
        overloaded{
            [](const Stopped&) { return Time{}; },
            [&](const Starting& s) { return Time{s.since + limits.silence}; },
            [&](const Running& r) { return Time{std::min(r.next_ping, r.heard + limits.silence)}; },
            [](const Waiting& w) { return Time{w.until}; },
            [](const Stopping& s) { return Time{s.until}; },
        },
        state);
}

ChildLimits limits_for(std::size_t links) {
    ChildLimits out;
    constexpr std::chrono::milliseconds apart{100};
    constexpr std::chrono::milliseconds longest{30'000};
    constexpr std::chrono::milliseconds share{500};  // of the processors, when all links enrol at once
    constexpr std::chrono::milliseconds most_patience{60'000};
    const auto count = static_cast<int>(std::min<std::size_t>(links, 1000));
    const auto patience = std::clamp(share * count, out.silence - out.ping_every, most_patience);
    out.ping_every = std::clamp(apart * count, out.ping_every, longest);
    out.silence = out.ping_every + patience;
    return out;
}

std::chrono::milliseconds restart_wait(unsigned failures, unsigned luck, const ChildLimits& limits) {
    if (failures <= 1) return limits.first_restart;
    auto bound = limits.restart;
    for (unsigned i = 2; i < failures && bound < limits.restart_cap; ++i) bound *= 2;
    bound = std::min(bound, limits.restart_cap);
    return bound / 2 + bound * std::min(luck, 1000U) / 2000;
}

}  // namespace tserver::supervisor
