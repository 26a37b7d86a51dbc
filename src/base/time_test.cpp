#include "base/time.hpp"

#include <gtest/gtest.h>

#include "base/backoff.hpp"

namespace tserver {
namespace {

using namespace std::chrono_literals;

TEST(Rfc3339Test, comes_back_as_it_went) {
    for (const auto* text : {"1970-01-01T00:00:00Z", "2026-11-25T10:00:00Z", "2024-02-29T23:59:59Z",
                             "1969-12-31T23:59:59Z", "9999-12-31T23:59:59Z"}) {
        const auto when = from_rfc3339(text);
        ASSERT_TRUE(when) << text;
        EXPECT_EQ(rfc3339(*when), text);
    }
}

TEST(Rfc3339Test, refuses_other_forms_and_days_that_do_not_exist) {
    for (const auto* text :
         {"", "2026-11-25", "2026-11-25T10:00:00", "2026-11-25t10:00:00z", "2026-11-25T10:00:00+01:00",
          "2026-02-29T10:00:00Z", "2026-13-01T10:00:00Z", "2026-04-31T10:00:00Z", "2026-11-25T24:00:00Z",
          "2026-11-25T10:60:00Z", "2026-11-25T1 :00:00Z", "+026-11-25T10:00:00Z", "2026-11-25T10:00:00ZZ"}) {
        EXPECT_FALSE(from_rfc3339(text)) << text;
    }
}

TEST(Rfc3339Test, milliseconds_are_always_three_digits) {
    const auto when = std::chrono::system_clock::time_point{} + 1s;
    EXPECT_EQ(rfc3339_ms(when + 7ms), "1970-01-01T00:00:01.007Z");
    EXPECT_EQ(rfc3339_ms(when - 1001ms), "1969-12-31T23:59:59.999Z");
}

TEST(DaysUntilTest, rounds_down_to_whole_days) {
    const Instant now{1'000'000s};
    EXPECT_EQ(days_until(now, now), 0);
    EXPECT_EQ(days_until(now + 24h, now), 1);
    EXPECT_EQ(days_until(now + 48h - 1s, now), 1);
    EXPECT_EQ(days_until(now - 1s, now), -1);
}

constexpr Backoff::Limits limits{.first = 1s, .cap = 30s, .floor = 100ms};

TEST(BackoffTest, F68_waits_between_the_floor_and_a_bound_that_doubles_up_to_the_cap) {
    for (std::uint64_t seed = 1; seed <= 200; ++seed) {
        Backoff backoff{limits, seed};
        for (const auto bound : {1s, 2s, 4s, 8s, 16s, 30s, 30s, 30s}) {
            const auto wait = backoff.next();
            EXPECT_GE(wait, 100ms) << "seed " << seed;
            EXPECT_LE(wait, bound) << "seed " << seed;
        }
    }
}

TEST(BackoffTest, F68_two_hundred_links_spread_their_first_wait_over_the_whole_time) {
    std::array<int, 10> bins{};
    std::mt19937_64 seeds{68};
    for (int link = 0; link < 200; ++link) {
        const auto wait = Backoff{{.first = 30s, .cap = 30s, .floor = 0ms}, seeds()}.next();
        ++bins.at(std::min<std::size_t>(9, static_cast<std::size_t>(wait / 3s)));
    }
    for (const int bin : bins) {
        EXPECT_GT(bin, 5);
        EXPECT_LT(bin, 45);
    }
}

TEST(BackoffTest, begins_again_after_success) {
    Backoff backoff{limits, 1};
    for (int i = 0; i < 10; ++i) backoff.next();
    EXPECT_EQ(backoff.failures(), 10U);
    backoff.reset();
    EXPECT_EQ(backoff.failures(), 0U);
    EXPECT_LE(backoff.next(), 1s);
}

TEST(BackoffTest, a_hundred_thousand_failures_stay_at_the_cap) {
    Backoff backoff{limits, 1};
    for (int i = 0; i < 100'000; ++i) backoff.next();
    EXPECT_LE(backoff.next(), 30s);
}

}  // namespace
}  // namespace tserver
