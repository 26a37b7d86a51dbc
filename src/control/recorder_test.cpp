#include "control/recorder.hpp"

#include <gmock/gmock.h>

#include "log/messages.hpp"

namespace tserver::control {
namespace {

Event step(const std::string& link, unsigned id, const std::string& detail) {
    Event out;
    out.link = link;
    out.id = id;
    out.fields = {{"detail", detail, false}};
    return out;
}

std::vector<std::string> told(const Recorder& recorder, const std::string& link) {
    std::vector<std::string> out;
    for (const auto& each : recorder.steps(link)) {
        out.push_back(each.fields.front().value);
        if (each.repeated > 0) out.back() += " +" + std::to_string(each.repeated);
    }
    return out;
}

TEST(Recorder, ANightOfAttemptsOfOneLinkLeavesItsEnrolmentAndTheOtherLinks) {
    Recorder recorder;
    for (const auto* link : {"a", "b"}) recorder.add(step(link, log::enrolled.row.id, "enrolled"));
    for (int i = 0; i < 100'000; ++i) {
        recorder.add(step("a", log::link_state.row.id, "connecting"));
        recorder.add(step("a", log::session_note.row.id, "refused"));
        recorder.add(step("a", log::link_state.row.id, "waiting"));
    }
    EXPECT_EQ(told(recorder, "a"), (std::vector<std::string>{"enrolled", "connecting +99999",
                                                             "refused +99999", "waiting +99999"}));
    EXPECT_EQ(told(recorder, "b"), std::vector<std::string>{"enrolled"});
    EXPECT_TRUE(recorder.steps("c").empty());
}

TEST(Recorder, KeepsTheNewestOfALinkAndNothingOfApplications) {
    Recorder recorder;
    for (unsigned i = 0; i <= Recorder::most_of_a_link; ++i) {
        recorder.add(step("a", log::session_note.row.id, std::to_string(i)));
        recorder.add(step("a", log::application_connected.row.id, "from 10.1.1.9"));
    }
    EXPECT_EQ(recorder.steps("a").size(), Recorder::most_of_a_link);
    EXPECT_EQ(told(recorder, "a").front(), "1");
    EXPECT_EQ(told(recorder, "a").back(), std::to_string(Recorder::most_of_a_link));
}

TEST(Recorder, EventsWithoutALinkAreNoSteps) {
    Recorder recorder;
    recorder.add(step("", log::tserver_started.row.id, "x"));
    EXPECT_TRUE(recorder.steps("").empty());
}

}  // namespace
}  // namespace tserver::control
