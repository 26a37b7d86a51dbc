#include "store/meta.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tserver::store {
namespace {

std::string codes_with_rounds(long rounds) {
    return fmt::format(
        R"({{"format":1,"codes":[{{"fate":"used","salt":"00ff","rounds":{},"hash":"aa","when":"2026-11-25T10:00:00Z"}}]}})",
        rounds);
}

TEST(StoreMeta, TakesAsManyRoundsAsAFileOfTheStoreMayAskFor) {
    const auto most = read_codes_json(as_bytes(codes_with_rounds(5'000'000)));
    ASSERT_TRUE(most) << most.error().text();
    EXPECT_EQ(most->front().rounds, 5'000'000U);
    for (const long rounds : {5'000'001L, 0L, -1L}) {
        const auto refused = read_codes_json(as_bytes(codes_with_rounds(rounds)));
        ASSERT_FALSE(refused) << rounds;
        EXPECT_EQ(refused.error().fault, Fault::STORE_DAMAGED);
    }
}

TEST(StoreMeta, CountsGenerationsFromOne) {
    IdentityFile file;
    file.meta.counter = 1;
    EXPECT_TRUE(read_identity_json(as_bytes(write_json(file))));
    file.meta.counter = 0;
    const auto refused = read_identity_json(as_bytes(write_json(file)));
    ASSERT_FALSE(refused);
    EXPECT_THAT(refused.error().detail, testing::HasSubstr("counter"));
}

}  // namespace
}  // namespace tserver::store
