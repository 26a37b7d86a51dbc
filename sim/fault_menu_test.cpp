#include "sim/fault_menu.hpp"

#include <gmock/gmock.h>

#include <set>

namespace tserver::sim {
namespace {

struct Case {
    const char* text;
    const char* error;  ///< nullptr: taken
};
class FaultText : public testing::TestWithParam<Case> {};

TEST_P(FaultText, IsTakenOrRefusedForTheNamedReason) {
    const auto& c = GetParam();
    FaultMenu menu;
    const auto done = menu.set(c.text);
    ASSERT_EQ(done.has_value(), c.error == nullptr);
    if (done) return;
    EXPECT_EQ(done.error().fault, Fault::USAGE);
    EXPECT_THAT(done.error().detail, testing::HasSubstr(c.error));
}

INSTANTIATE_TEST_SUITE_P(
    , FaultText,
    testing::Values(Case{"tftp-silent", nullptr}, Case{"tftp-silent=1", "takes no value"},
                    Case{"tftp-drop=20", nullptr}, Case{"tftp-drop", "needs a number"},
                    Case{"tftp-drop=x", "needs a number"}, Case{"list-truncated", nullptr},
                    Case{"list-truncated=100", nullptr}, Case{"capf-drop=key-request", nullptr},
                    Case{"capf-drop=never", "needs a step: tls|auth-request"},
                    Case{"capf-end=key-request:9", nullptr},
                    Case{"capf-end=key-request", "needs STEP:REASON"}, Case{"cti-server=expired", nullptr},
                    Case{"cti-server=old", "needs one of expired|unlisted|weak"},
                    Case{"tftp-silent@2", nullptr}, Case{"tftp-silent@0", "needs a number of uses"},
                    Case{"tftp-silnt", "perhaps tftp-silent"}));

TEST(FaultMenu, SwitchesAFaultOffAfterTheGivenNumberOfUses) {
    FaultMenu menu;
    ASSERT_TRUE(menu.set("tftp-delay=5@2"));
    EXPECT_EQ(menu.use_number("tftp-delay"), 5);
    EXPECT_EQ(menu.use_number("tftp-delay"), 5);
    EXPECT_EQ(menu.use_number("tftp-delay"), std::nullopt);
}

TEST(FaultMenu, LookingDoesNotUseUp) {
    FaultMenu menu;
    ASSERT_TRUE(menu.set("cti-server=weak@1"));
    EXPECT_EQ(menu.value("cti-server"), "weak");
    EXPECT_TRUE(menu.on("cti-server"));
}

TEST(FaultMenu, ActsOnlyAtItsStep) {
    FaultMenu menu;
    ASSERT_TRUE(menu.set("capf-end=key-request:9@1"));
    EXPECT_EQ(menu.use_at("capf-end", "auth-request"), std::nullopt);
    EXPECT_EQ(menu.use_at("capf-end", "key-request"), "9");
    EXPECT_FALSE(menu.on("capf-end"));
}

TEST(FaultMenu, CountsEveryChangeOfTheSet) {
    FaultMenu menu;
    const auto before = menu.generation();
    ASSERT_TRUE(menu.set("tftp-silent@1"));
    EXPECT_EQ(menu.generation(), before + 1);
    menu.use("tftp-silent");
    EXPECT_EQ(menu.generation(), before + 2);
}

TEST(FaultMenu, NamesAreUniqueAndEachHasHelp) {
    std::set<std::string_view> names;
    for (const auto& item : fault_items()) {
        EXPECT_TRUE(names.insert(item.name).second) << item.name;
        EXPECT_FALSE(item.help.empty()) << item.name;
        EXPECT_EQ(item.takes == FaultValue::choice || item.takes == FaultValue::number ||
                      item.takes == FaultValue::maybe_number,
                  !item.values.empty())
            << item.name;
    }
}

}  // namespace
}  // namespace tserver::sim
