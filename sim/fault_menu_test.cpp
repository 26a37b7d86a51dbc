#include "sim/fault_menu.hpp"

#include <gmock/gmock.h>

#include <set>

namespace tserver::sim {
namespace {

struct MenuCase {
    const char* text;
    const char* error;  ///< nullptr: taken
};
class FaultText : public testing::TestWithParam<MenuCase> {};

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
    testing::Values(MenuCase{"tftp-silent", nullptr}, MenuCase{"tftp-silent=1", "takes no value"},
                    MenuCase{"tftp-drop=20", nullptr}, MenuCase{"tftp-drop", "needs a number"},
                    MenuCase{"tftp-drop=x", "needs a number"}, MenuCase{"list-truncated", nullptr},
                    MenuCase{"list-truncated=100", nullptr}, MenuCase{"capf-drop=key-request", nullptr},
                    MenuCase{"capf-drop=never", "needs a step: tls|auth-request"},
                    MenuCase{"capf-end=key-request:9", nullptr},
                    MenuCase{"capf-end=key-request", "needs STEP:REASON"},
                    MenuCase{"cti-server=expired", nullptr},
                    MenuCase{"cti-server=old", "needs one of expired|unlisted|weak"},
                    MenuCase{"tftp-silent@2", nullptr}, MenuCase{"tftp-silent@0", "needs a number of uses"},
                    MenuCase{"tftp-silnt", "perhaps tftp-silent"}));

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
