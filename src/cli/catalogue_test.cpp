#include "cli/catalogue.hpp"

#include <gtest/gtest.h>

#include <sstream>

#include "cli/app.hpp"
#include "tests/support/page.hpp"

namespace tserver::cli {
namespace {

TEST(FaultCatalogue, TheCommittedPageIsTheGeneratedOne) {
    EXPECT_EQ(test::committed_page("faults.md"), faults_document())
        << "doc/faults.md is behind the table: tserverctl faults --markdown > doc/faults.md";
}

TEST(MessageCatalogue, TheCommittedPageIsTheGeneratedOne) {
    EXPECT_EQ(test::committed_page("messages.md"), messages_document())
        << "doc/messages.md is behind the table: tserverctl messages --markdown > doc/messages.md";
}

TEST(MessageCatalogue, AMessageIsShownWithItsKeysAndWhatEndsIt) {
    std::ostringstream out;
    std::ostringstream err;
    ASSERT_EQ(run({"messages", "8102"}, out, err), 0);
    EXPECT_EQ(out.str(),
              " 8102 Alr connection failed: link, fault, detail, action, retry_in; over with 8103\n");
    EXPECT_EQ(run({"messages", "1"}, out, err), 2);
}

TEST(FaultCatalogue, OneClassIsShownWithEveryColumn) {
    std::ostringstream out;
    std::ostringstream err;
    ASSERT_EQ(run({"faults", "CTL_NOT_UPDATED"}, out, err), 0);
    const auto& expected = row(Fault::CTL_NOT_UPDATED);
    for (const auto text : {expected.meaning, expected.sign, expected.cause, expected.action})
        EXPECT_NE(out.str().find(text), std::string::npos) << text;
    EXPECT_NE(out.str().find("major; the link tries again by itself; exit code 13"), std::string::npos);
}

TEST(FaultCatalogue, JsonHoldsEveryClass) {
    std::ostringstream out;
    std::ostringstream err;
    ASSERT_EQ(run({"--json", "faults"}, out, err), 0);
    const auto all = boost::json::parse(out.str()).at("faults").as_array();
    ASSERT_EQ(all.size(), faults().size());
    EXPECT_EQ(all.front().at("id").as_string(), "CONFIG_UNREADABLE");
    EXPECT_EQ(all.front().at("severity").as_string(), "major");
}

TEST(FaultCatalogue, AMistypedNameIsRefusedWithTheNearest) {
    std::ostringstream out;
    std::ostringstream err;
    EXPECT_EQ(run({"faults", "CTL_STAIL"}, out, err), 2);
    EXPECT_NE(err.str().find("did you mean CTL_STALE?"), std::string::npos) << err.str();
}

}  // namespace
}  // namespace tserver::cli
