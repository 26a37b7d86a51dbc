#include "supervisor/child_state.hpp"

#include <gtest/gtest.h>

namespace tserver::supervisor {
namespace {

using namespace std::chrono_literals;
using enum Action;

const Steady::time_point t0{1000s};

std::string text(const ChildState& state) {
    constexpr const char* then[] = {"stay", "start", "recover"};
    constexpr const char* urgency[] = {"asked", "terminated", "killed"};
    if (std::holds_alternative<Stopped>(state)) return "stopped";
    if (const auto* s = std::get_if<Starting>(&state)) return "starting " + std::to_string(s->failures);
    if (const auto* r = std::get_if<Running>(&state)) return "running " + std::to_string(r->failures);
    if (const auto* w = std::get_if<Waiting>(&state)) {
        return "waiting " + std::to_string(w->failures) + " until " +
               std::to_string(std::chrono::duration_cast<std::chrono::milliseconds>(w->until - t0).count());
    }
    const auto& s = std::get<Stopping>(state);
    return std::string{"stopping "} + urgency[static_cast<int>(s.urgency)] + ", then " +
           then[static_cast<int>(s.then)];
}

const ChildState running{Running{2, t0 - 10s, t0, t0 + 5s}};
const ChildState steady{Running{2, t0 - 61s, t0, t0 + 5s}};
const ChildState silent{Running{2, t0 - 30s, t0 - 20s, t0}};
const ChildState starting{Starting{1, t0}};
const ChildState waiting{Waiting{3, t0}};

ChildState stopping(Urgency urgency, Then then) { return Stopping{2, urgency, t0, then}; }

struct Row {
    const char* reason;
    ChildState state;
    ChildEvent event;
    const char* expected;
    std::vector<Action> actions;
};

TEST(ChildState, FollowsItsTable) {
    const Row rows[] = {
        {"an operator starts a stopped link", Stopped{}, Start{}, "starting 0", {spawn}},
        {"a restart starts a stopped link", Stopped{}, Restart{}, "starting 0", {spawn}},
        {"a stopped link is stopped already", Stopped{}, Stop{}, "stopped", {}},
        {"late news of a process that is gone", Stopped{}, Exited{}, "stopped", {}},

        {"the configuration was taken", starting, Ready{}, "running 1", {}},
        {"a process that never gets ready is killed",
         starting,
         Due{},
         "stopping killed, then recover",
         {report_hung, kill}},
        {"a death while starting counts", starting, Exited{}, "waiting 2 until 500", {report_died}},
        {"luck spreads the wait", starting, Exited{1000}, "waiting 2 until 1000", {report_died}},
        {"a start that is wanted already", starting, Start{}, "starting 1", {}},

        {"a death soon after the last one", running, Exited{}, "waiting 3 until 1000", {report_died}},
        {"a death after a steady minute is the first",
         steady,
         Exited{},
         "waiting 1 until 100",
         {report_died}},
        {"time to ask", running, Due{}, "running 2", {ping}},
        {"silence for 20 s", silent, Due{}, "stopping killed, then recover", {report_hung, kill}},
        {"the channel ended: an exit status is near",
         running,
         Lost{},
         "stopping terminated, then recover",
         {}},
        {"the channel ended and the process did not",
         stopping(Urgency::terminated, Then::recover),
         Due{},
         "stopping killed, then recover",
         {kill}},
        {"an operator stops it", running, Stop{}, "stopping asked, then stay", {ask_to_stop}},
        {"an operator restarts it", running, Restart{}, "stopping asked, then start", {ask_to_stop}},

        {"the wait is over", waiting, Due{}, "starting 3", {count_restart, spawn}},
        {"an operator does not wait", waiting, Start{}, "starting 0", {spawn}},
        {"an operator stops a waiting link", waiting, Stop{}, "stopped", {report_stopped}},

        {"asked in vain",
         stopping(Urgency::asked, Then::stay),
         Due{},
         "stopping terminated, then stay",
         {terminate}},
        {"terminated in vain",
         stopping(Urgency::terminated, Then::stay),
         Due{},
         "stopping killed, then stay",
         {kill}},
        {"killed in vain: once more",
         stopping(Urgency::killed, Then::stay),
         Due{},
         "stopping killed, then stay",
         {kill}},
        {"gone as asked", stopping(Urgency::asked, Then::stay), Exited{}, "stopped", {report_stopped}},
        {"gone, to be started",
         stopping(Urgency::asked, Then::start),
         Exited{},
         "starting 0",
         {report_stopped, spawn}},
        {"gone after it hung",
         stopping(Urgency::killed, Then::recover),
         Exited{},
         "waiting 3 until 1000",
         {report_died}},
        {"started while it stops",
         stopping(Urgency::asked, Then::stay),
         Start{},
         "stopping asked, then start",
         {}},
        {"stopped while it restarts",
         stopping(Urgency::asked, Then::start),
         Stop{},
         "stopping asked, then stay",
         {}},
        {"stopped while it is killed",
         stopping(Urgency::killed, Then::recover),
         Stop{},
         "stopping killed, then stay",
         {}},
        {"the channel ends while it stops",
         stopping(Urgency::asked, Then::stay),
         Lost{},
         "stopping asked, then stay",
         {}},
    };
    for (const auto& row : rows) {
        const auto step = next(row.state, row.event, t0);
        EXPECT_EQ(text(step.state), row.expected) << row.reason;
        EXPECT_EQ(step.actions, row.actions) << row.reason;
    }
}

TEST(ChildState, AStopTakesLessThanTwoSecondsHoweverStubbornTheProcess) {
    auto state = next(running, Stop{}, t0).state;
    auto now = t0;
    std::vector<Action> seen;
    while (seen.empty() || seen.back() != kill) {
        now = *due(state);
        auto step = next(state, Due{}, now);
        seen.insert(seen.end(), step.actions.begin(), step.actions.end());
        state = step.state;
    }
    EXPECT_EQ(seen, (std::vector{terminate, kill}));
    EXPECT_LT(now - t0, 2s);
}

TEST(ChildState, F99_AProcessThatSpeaksWhileItStopsIsGivenTimeButNotForEver) {
    auto state = next(running, Stop{}, t0).state;
    auto now = t0;
    for (; now < t0 + 7s; now += 500ms) {
        state = next(state, Heard{}, now).state;
        EXPECT_GT(*due(state), now + 500ms);
    }
    while (*due(state) > now) state = next(state, Heard{}, now += 100ms).state;
    EXPECT_EQ(now - t0, ChildLimits{}.finish);
    EXPECT_EQ(next(state, Due{}, now).actions, std::vector{terminate});
}

TEST(ChildState, AnyFrameFeedsTheWatchdog) {
    const auto fed = next(silent, Heard{}, t0);
    EXPECT_EQ(text(next(fed.state, Due{}, t0 + 19s).state), "running 2");
    EXPECT_EQ(*due(running), t0 + 5s);
    EXPECT_EQ(*due(silent), t0);
    EXPECT_FALSE(due(Stopped{}));
}

TEST(RestartWait, IsNearlyNothingFirstThenDoublesUpToTheCap) {
    EXPECT_EQ(restart_wait(1, 1000), 100ms);
    EXPECT_EQ(restart_wait(2, 1000), 1s);
    EXPECT_EQ(restart_wait(3, 1000), 2s);
    EXPECT_EQ(restart_wait(7, 1000), 30s);
    EXPECT_EQ(restart_wait(1'000'000, 1000), 30s);
    EXPECT_EQ(restart_wait(1'000'000, 0), 15s) << "no busy loop";
}

struct LimitsCase {
    std::size_t links;
    std::chrono::milliseconds ping_every, silence;
};

TEST(ChildLimitsTest, AskHundredsOfLinksTenASecondInAll) {
    using namespace std::chrono_literals;
    const LimitsCase rows[] = {{0, 5s, 20s}, {30, 5s, 20s}, {50, 5s, 30s}, {200, 20s, 80s}, {999, 30s, 90s}};
    for (const auto& row : rows) {
        const auto limits = limits_for(row.links);
        EXPECT_EQ(limits.ping_every, row.ping_every) << row.links;
        EXPECT_EQ(limits.silence, row.silence) << row.links;
    }
}

}  // namespace
}  // namespace tserver::supervisor
