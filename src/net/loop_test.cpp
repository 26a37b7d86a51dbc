#include "net/loop.hpp"

#include <gtest/gtest.h>

#include "net/task.hpp"
#include "net/wait.hpp"

namespace tserver::net {
namespace {

using namespace std::chrono_literals;

Task<void> stop_at_once(Loop& loop) {
    loop.stop();
    co_return;
}

Task<void> stop_after(Loop& loop, std::chrono::milliseconds time) {
    co_await sleep(loop, time);
    loop.stop();
}

/// Ends a run that nothing else ends.
struct Alarm final : Timer {
    explicit Alarm(Loop& loop) : Timer{loop}, loop_{loop} { arm(Steady::now() + 10s); }
    void due() override {
        rang = true;
        loop_.stop();
    }
    Loop& loop_;
    bool rang = false;
};

TEST(LoopTest, ATaskThatEndedBeforeTheRunEndsTheRun) {
    Loop loop;
    const Alarm alarm{loop};
    const Job job{stop_at_once(loop)};
    loop.run();
    EXPECT_FALSE(alarm.rang);
}

TEST(LoopTest, AStopEndsOneRunOnly) {
    Loop loop;
    loop.stop();
    loop.run();
    const auto started = Steady::now();
    const Job job{stop_after(loop, 20ms)};
    loop.run();
    EXPECT_GE(Steady::now() - started, 20ms);
}

}  // namespace
}  // namespace tserver::net
