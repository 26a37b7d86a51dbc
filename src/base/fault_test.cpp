#include "base/fault.hpp"

#include <gmock/gmock.h>

#include <set>

#include "base/result.hpp"

namespace tserver {
namespace {

TEST(FaultTableTest, every_row_has_its_words) {
    for (const auto& row : faults()) {
        EXPECT_FALSE(row.id.empty());
        EXPECT_FALSE(row.meaning.empty()) << row.id;
        EXPECT_FALSE(row.sign.empty()) << row.id;
        EXPECT_FALSE(row.cause.empty()) << row.id;
        EXPECT_FALSE(row.action.empty()) << row.id;
        EXPECT_FALSE(row.meaning.ends_with('.')) << row.id << ": a clause, not a sentence";
        EXPECT_GT(row.exit_code, 0) << row.id << ": a failed command never ends with 0";
        EXPECT_LT(row.exit_code, 126) << row.id << ": the shell uses those above";
    }
}

TEST(FaultTableTest, what_waits_for_the_operator_is_critical) {
    for (const auto& row : faults()) {
        if (row.retry != Retry::stop || row.fault == Fault::STOPPED) continue;
        EXPECT_EQ(row.severity, Severity::critical) << row.id;
    }
}

TEST(FaultTableTest, numbers_rise_and_names_are_unique) {
    std::set<std::string_view> names;
    unsigned last = 0;
    for (const auto& row : faults()) {
        EXPECT_TRUE(names.insert(row.id).second) << row.id;
        EXPECT_GT(static_cast<unsigned>(row.fault), last) << row.id;
        last = static_cast<unsigned>(row.fault);
    }
}

TEST(FaultTableTest, every_fault_is_found_by_number_and_by_name) {
    for (const auto& expected : faults()) {
        EXPECT_EQ(&row(expected.fault), &expected) << expected.id;
        EXPECT_EQ(fault_named(expected.id), expected.fault) << expected.id;
    }
    for (const auto* name : {"", "ctl_format", "CTL_FORMA", "CTL_FORMAT "})
        EXPECT_FALSE(fault_named(name)) << name;
}

TEST(ErrorTest, tells_class_detail_and_steps_from_the_outermost) {
    const auto error = Error{Fault::CTL_FORMAT, "record 3", {}}.in("parse").in("trust");
    EXPECT_EQ(error.during, "trust: parse");
    EXPECT_EQ(error.text(),
              "CTL_FORMAT: the file is not a trust list, or is damaged (record 3) during trust: parse");
    EXPECT_EQ((Error{Fault::CTL_FORMAT, {}, {}}.text()),
              "CTL_FORMAT: the file is not a trust list, or is damaged");
}

}  // namespace
}  // namespace tserver
