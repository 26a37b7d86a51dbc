#include <gtest/gtest.h>

#include "tests/support/relay_schedules.hpp"

namespace tserver::net {
namespace {

using namespace testing_support;

TEST(RelayScheduleTest, random_sessions_behave_as_the_model_says) {
    const auto first = std::random_device{}();
    RecordProperty("seed", std::to_string(first));
    const auto identity = sample_identity("CTIManager");
    for (std::uint64_t seed = first; seed < first + 200ULL; ++seed) {
        EXPECT_EQ(run_schedule(random_schedule(seed), identity), "") << "seed " << seed;
    }
}

}  // namespace
}  // namespace tserver::net
