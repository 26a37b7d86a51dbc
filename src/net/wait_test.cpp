#include "net/wait.hpp"

#include <gtest/gtest.h>
#include <sys/eventfd.h>

#include "os/fd.hpp"
#include "tests/support/relay_schedules.hpp"

namespace tserver::net {
namespace {

using namespace std::chrono_literals;
using testing_support::drive;

/// Counts the frames that hold one.
struct Held {
    explicit Held(int& count) : count_{count} { ++count_; }
    Held(const Held&) = delete;
    Held& operator=(const Held&) = delete;
    ~Held() { --count_; }

private:
    int& count_;
};

/// Three frames deep, and the innermost waits for a descriptor that stays silent.
Task<std::monostate> wait_deep(Loop& loop, int descriptor, int& frames, int depth = 3) {
    const Held held{frames};
    if (depth > 1) {
        auto inner = wait_deep(loop, descriptor, frames, depth - 1);
        co_await std::move(inner);
    } else {
        co_await readable(loop, descriptor);
    }
    co_return std::monostate{};
}

Task<Result<int>> wait_for_long(Loop& loop, int& frames) {
    const Held held{frames};
    co_await sleep(loop, 1h);
    co_return 1;
}

Task<int> after(Loop& loop, std::chrono::milliseconds time, int value, int& frames) {
    const Held held{frames};
    co_await sleep(loop, time);
    co_return value;
}

Task<int> at_once(int value) { co_return value; }

class WaitTest : public testing::Test {
protected:
    Loop loop;
    os::Fd silent{eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)};
    int frames = 0;
};

TEST_F(WaitTest, destroying_a_waiting_task_frees_every_frame_and_lets_go_of_the_descriptor) {
    {
        auto task = wait_deep(loop, silent.get(), frames);
        task.start();
        EXPECT_EQ(frames, 3);
    }
    EXPECT_EQ(frames, 0);
    eventfd_write(silent.get(), 1);
    loop.turn(0ms);                                                   // would resume a frame that is gone
    EXPECT_TRUE(drive(loop, wait_deep(loop, silent.get(), frames)));  // a descriptor can be watched only once
}

TEST_F(WaitTest, a_task_that_is_destroyed_before_it_started_frees_its_frame) {
    { const auto task = wait_deep(loop, silent.get(), frames); }
    EXPECT_EQ(frames, 0);
}

TEST_F(WaitTest, a_task_that_is_cancelled_by_another_in_the_same_turn_is_not_resumed) {
    const os::Fd also{eventfd(1, EFD_NONBLOCK | EFD_CLOEXEC)};
    eventfd_write(silent.get(), 1);
    Task<std::monostate> one;
    Task<std::monostate> two;
    int ended = 0;
    const auto end_other = [&](int descriptor, Task<std::monostate>& other) -> Task<std::monostate> {
        co_await readable(loop, descriptor);
        other.cancel();
        ++ended;
        co_return std::monostate{};
    };
    one = end_other(silent.get(), two);
    two = end_other(also.get(), one);
    one.start();
    two.start();
    loop.turn(0ms);
    loop.turn(0ms);
    EXPECT_EQ(ended, 1);
}

TEST_F(WaitTest, the_loser_of_first_of_is_cancelled) {
    for (const bool first : {true, false}) {
        auto quick = after(loop, 1ms, 7, frames);
        auto slow = wait_for_long(loop, frames);
        if (first) {
            auto race = drive(loop, first_of(std::move(quick), std::move(slow)));
            ASSERT_TRUE(race);
            EXPECT_EQ(std::get<0>(*race), 7);
        } else {
            auto race = drive(loop, first_of(std::move(slow), std::move(quick)));
            ASSERT_TRUE(race);
            EXPECT_EQ(std::get<1>(*race), 7);
        }
        EXPECT_EQ(frames, 0);
    }
}

TEST_F(WaitTest, a_race_that_is_over_at_once_never_starts_the_second) {
    auto race = drive(loop, first_of(at_once(3), wait_for_long(loop, frames)));
    ASSERT_TRUE(race);
    EXPECT_EQ(std::get<0>(*race), 3);
    EXPECT_EQ(frames, 0);
}

TEST_F(WaitTest, destroying_a_race_cancels_both) {
    {
        auto race = first_of(wait_deep(loop, silent.get(), frames), wait_for_long(loop, frames));
        race.start();
        EXPECT_EQ(frames, 4);
    }
    EXPECT_EQ(frames, 0);
}

TEST_F(WaitTest, what_takes_longer_than_within_allows_is_cancelled) {
    const auto begin = Steady::now();
    const auto late = drive(loop, within(loop, 20ms, wait_for_long(loop, frames)));
    ASSERT_TRUE(late);
    ASSERT_FALSE(*late);
    EXPECT_EQ(late->error().fault, Fault::TIMED_OUT);
    EXPECT_GE(Steady::now() - begin, 20ms);
    EXPECT_EQ(frames, 0);
}

TEST_F(WaitTest, an_event_that_nobody_waits_for_any_more_wakes_nobody) {
    Event event{loop};
    {
        auto waiting = wait_task(event);
        waiting.start();
        event.set();  // its wake-up is under way
    }
    loop.turn(1ms);
    EXPECT_TRUE(event.is_set());
    EXPECT_TRUE(drive(loop, wait_task(event)));
    EXPECT_FALSE(event.is_set());
}

}  // namespace
}  // namespace tserver::net
