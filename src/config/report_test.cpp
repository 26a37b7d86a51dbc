#include "config/report.hpp"

#include <gtest/gtest.h>

namespace tserver::config {
namespace {

TEST(ProblemsJson, NamesBothPlaces) {
    const Problems problems{
        {Fault::CONFIG_CONFLICT, {"f", 3, 4}, "text", "remedy", Place{"f", 1, 2}},
        {Fault::CONFIG_MISSING, {"f"}, "text", "remedy", {}},
    };
    EXPECT_EQ(boost::json::serialize(problems_json(problems)),
              R"([{"file":"f","line":3,"column":4,"fault":"CONFIG_CONFLICT","text":"text","remedy":"remedy",)"
              R"("other":{"file":"f","line":1,"column":2}},)"
              R"({"file":"f","line":0,"column":0,"fault":"CONFIG_MISSING","text":"text","remedy":"remedy",)"
              R"("other":null}])");
}

TEST(PlanJson, HasNullForTheDaemonAndForWhatIsNotSet) {
    Plan plan;
    plan.changes = {{"", "log-level", Effect::at_once, "standard", "debug", "why"},
                    {"a", "listen", Effect::link_reset, "", "127.0.0.1:1", "why"}};
    EXPECT_EQ(boost::json::serialize(plan_json(plan)),
              R"({"accepted":true,"changes":[{"link":null,"option":"log-level","effect":"at_once",)"
              R"("from":"standard","to":"debug","reason":"why"},{"link":"a","option":"listen",)"
              R"("effect":"link_reset","from":null,"to":"127.0.0.1:1","reason":"why"}],"drops":["a"],)"
              R"("pending_restart":false})");
}

TEST(PlanJson, OfARefusedPlanDropsNothing) {
    Plan plan;
    plan.changes = {{"a", "listen", Effect::link_reset, "", "127.0.0.1:1", "why"},
                    {"b", "listen", Effect::refused, "", "127.0.0.1:1", "why"}};
    const auto answer = plan_json(plan);
    EXPECT_EQ(answer.at("accepted"), false);
    EXPECT_TRUE(answer.at("drops").as_array().empty());
}

}  // namespace
}  // namespace tserver::config
