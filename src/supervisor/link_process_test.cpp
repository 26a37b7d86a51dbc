// Real processes: the stand-in of tests/data/supervisor speaks the channel and misbehaves as its name says.
#include "supervisor/link_process.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <fstream>
#include <functional>

#include "control/blocking.hpp"
#include "control/recorder.hpp"
#include "log/messages.hpp"

namespace tserver::supervisor {
namespace {

using control::LinkState;
using namespace std::chrono_literals;

constexpr auto patience = 20s;  ///< for a loaded machine; nothing here takes as long

config::LinkConfig named(std::string name) {
    config::LinkConfig out;
    out.number = 1;
    out.name = std::move(name);
    out.hostname = {*Host::parse("10.1.1.5")};
    return out;
}

class LinkProcessTest : public testing::Test {
protected:
    LinkProcess& start(const std::string& name) {
        link_ = std::make_unique<LinkProcess>(around_, named(name));
        link_->tell(Start{});
        return *link_;
    }
    [[nodiscard]] bool comes(const std::function<bool()>& condition) {
        for (const auto until = Steady::now() + patience; !condition();) {
            if (Steady::now() > until) return false;
            loop_.turn(50ms);
        }
        return true;
    }
    [[nodiscard]] bool gets(LinkState state) {
        return comes([&] { return link_->status().state == state; });
    }

    os::Fd nowhere_{::open("/dev/null", O_WRONLY | O_CLOEXEC)};
    net::Loop loop_;
    log::Log log_{{.descriptor = nowhere_.get()}};
    Surroundings around_{.loop = loop_,
                         .log = log_,
                         .level = log::Level::standard,
                         .program = TSERVER_TEST_DATA "/supervisor/stand_in_link.py",
                         .limits = {.ask = 300ms, .term = 100ms, .first_restart = 10ms, .restart = 20ms}};
    std::unique_ptr<LinkProcess> link_;
};

TEST_F(LinkProcessTest, ShowsWhatTheProcessReports) {
    auto& link = start("good");
    EXPECT_EQ(link.status().state, LinkState::connecting) << "in clear, nothing reported yet";
    ASSERT_TRUE(gets(LinkState::up));
    const auto status = link.status();
    EXPECT_EQ(status.bytes.to_application, 7U);
    EXPECT_EQ(status.pid, link.pid());
    EXPECT_EQ(status.restarts, 0U);
}

TEST_F(LinkProcessTest, StartsAKilledProcessAgainAndCountsIt) {
    auto& link = start("good");
    ASSERT_TRUE(gets(LinkState::up));
    const auto before = *link.pid();
    ::kill(before, SIGKILL);
    ASSERT_TRUE(gets(LinkState::waiting));
    const auto dead = link.status();
    ASSERT_TRUE(dead.reason);
    EXPECT_EQ(dead.reason->fault, Fault::CHILD_DIED);
    EXPECT_EQ(dead.reason->detail, "signal 9 (Killed)");
    EXPECT_FALSE(dead.application.connected);
    EXPECT_FALSE(dead.ctimanager);
    ASSERT_TRUE(gets(LinkState::up));
    EXPECT_NE(*link.pid(), before);
    EXPECT_EQ(link.status().restarts, 1U);
    EXPECT_FALSE(link.status().reason);
}

TEST_F(LinkProcessTest, NamesTheExitCodeOfAProcessThatDies) {
    auto& link = start("dies");
    ASSERT_TRUE(comes([&] { return link.status().restarts >= 2; }));
    ASSERT_TRUE(comes([&] { return link.status().state == LinkState::waiting; }));
    const auto detail = link.status().reason->detail;
    EXPECT_EQ(detail.substr(0, 8), "exit 7, ") << detail;
    EXPECT_NE(detail.find("times in a row"), std::string::npos) << detail;
}

TEST_F(LinkProcessTest, TakesTheReasonFromAProcessThatTellsIt) {
    auto& link = start("tells");
    ASSERT_TRUE(gets(LinkState::waiting));
    EXPECT_EQ(link.status().reason->fault, Fault::SANDBOX);
    EXPECT_TRUE(link.status().reason->detail.starts_with("seccomp: Permission denied"));
}

TEST_F(LinkProcessTest, KnowsAProcessWithoutMemoryByItsExitCode) {
    auto& link = start("starves");
    ASSERT_TRUE(gets(LinkState::waiting));
    EXPECT_EQ(link.status().reason->fault, Fault::OUT_OF_RESOURCES);
}

/// The changes of state that became events: "from>to fault".
std::vector<std::string> changes_in(const control::EventLog& events) {
    std::vector<std::string> out;
    const auto happened = events.after({events.cursor().run, 0}).value();
    for (const auto& event : happened) {
        if (event.id == log::link_state.row.id)
            out.push_back(event.fields[0].value + ">" + event.fields[1].value + " " + event.fields[2].value);
    }
    return out;
}

TEST_F(LinkProcessTest, TellsEachChangeOfStateAsAnEventAndCountsFailuresByFault) {
    control::Recorder recorder;
    control::EventLog events{loop_, recorder};
    log_.listen(&events);
    auto& link = start("good");
    ASSERT_TRUE(gets(LinkState::up));
    ::kill(*link.pid(), SIGKILL);
    ASSERT_TRUE(comes([&] { return link.status().restarts == 1; }));
    ASSERT_TRUE(gets(LinkState::up));
    log_.listen(nullptr);
    EXPECT_EQ(changes_in(events), (std::vector<std::string>{"stopped>connecting none", "connecting>up none",
                                                            "up>waiting CHILD_DIED", "waiting>up none"}));
    const std::map<Fault, std::uint64_t> counted{{Fault::CHILD_DIED, 1}};
    EXPECT_EQ(link.status().failures, counted);
}

TEST_F(LinkProcessTest, TellsAFailureOnceThoughItsReasonStandsWhileTheLinkTriesAgain) {
    control::Recorder recorder;
    control::EventLog events{loop_, recorder};
    log_.listen(&events);
    auto& link = start("retries");
    ASSERT_TRUE(gets(LinkState::up));
    log_.listen(nullptr);
    EXPECT_EQ(changes_in(events),
              (std::vector<std::string>{"stopped>connecting none", "connecting>waiting CTI_REFUSED",
                                        "waiting>connecting none", "connecting>waiting CTI_REFUSED",
                                        "waiting>connecting none", "connecting>up none"}));
    const std::map<Fault, std::uint64_t> counted{{Fault::CTI_REFUSED, 2}};
    EXPECT_EQ(link.status().failures, counted);
}

TEST_F(LinkProcessTest, GivesTheEventsOfItsProcessTheirLinkNumberAndTime) {
    control::Recorder recorder;
    control::EventLog events{loop_, recorder};
    around_.events = &events;
    start("forger");
    ASSERT_TRUE(comes([&] { return events.cursor().last > 0; }));
    const auto happened = events.after({events.cursor().run, 0}).value();
    ASSERT_FALSE(happened.empty());
    const auto& event = happened.front();
    EXPECT_EQ(event.link, "forger");
    EXPECT_EQ(event.sequence, 1U);
    EXPECT_GT(event.at, std::chrono::system_clock::now() - 1min);
    link_.reset();
}

TEST_F(LinkProcessTest, StopsCleanlyAndLeavesNoZombie) {
    auto& link = start("good");
    ASSERT_TRUE(gets(LinkState::up));
    const auto pid = *link.pid();
    link.tell(Stop{});
    ASSERT_TRUE(comes([&] { return link.stopped(); }));
    EXPECT_EQ(link.status().reason->fault, Fault::STOPPED);
    EXPECT_EQ(::kill(pid, 0), -1);
    EXPECT_EQ(errno, ESRCH) << "no zombie either";
    link.tell(Start{});
    ASSERT_TRUE(gets(LinkState::up));
    EXPECT_EQ(link.status().restarts, 0U) << "what the operator asks for is no restart";
}

TEST_F(LinkProcessTest, StopsAStubbornProcessAllTheSame) {
    auto& link = start("stubborn");
    ASSERT_TRUE(gets(LinkState::up));
    link.tell(Stop{});
    ASSERT_TRUE(comes([&] { return link.stopped(); }));
}

TEST_F(LinkProcessTest, KillsAProcessThatGoesSilent) {
    around_.limits.ping_every = 50ms;
    around_.limits.silence = 1'500ms;
    auto& link = start("silent");
    ASSERT_TRUE(gets(LinkState::up));
    const auto before = *link.pid();
    ASSERT_TRUE(comes([&] { return link.pid() && *link.pid() != before; }));
}

TEST_F(LinkProcessTest, KillsAProcessThatNeverGetsReady) {
    around_.limits.silence = 300ms;
    auto& link = start("deaf");
    ASSERT_TRUE(gets(LinkState::waiting));
    EXPECT_EQ(link.status().reason->detail, "signal 9 (Killed)");
}

TEST_F(LinkProcessTest, KeepsAProcessThatAnswers) {
    around_.limits.ping_every = 20ms;
    around_.limits.silence = 2s;
    auto& link = start("good");
    ASSERT_TRUE(gets(LinkState::up));
    const auto before = *link.pid();
    const auto until = Steady::now() + 2'500ms;
    ASSERT_TRUE(comes([&] { return Steady::now() > until; }));
    EXPECT_EQ(link.pid(), before);
}

TEST_F(LinkProcessTest, DropsAProcessThatBreaksTheProtocol) {
    auto& link = start("garbled");
    ASSERT_TRUE(gets(LinkState::waiting));
    EXPECT_EQ(link.status().reason->fault, Fault::CHILD_DIED);
}

TEST_F(LinkProcessTest, SaysWhenTheProgramIsMissing) {
    around_.program = "/nowhere/tserver-link";
    auto& link = start("good");
    EXPECT_EQ(link.status().state, LinkState::waiting);
    ASSERT_TRUE(link.status().reason);
    EXPECT_EQ(link.status().reason->fault, Fault::UNREADABLE);
    EXPECT_EQ(link.status().reason->detail, "/nowhere/tserver-link: No such file or directory");
}

TEST_F(LinkProcessTest, PassesARequestOnAndItsAnswerBack) {
    auto& link = start("good");
    ASSERT_TRUE(gets(LinkState::up));
    const auto good = control::result_of(loop_, link.enrol(*AuthCode::parse("123456")));
    ASSERT_TRUE(good) << good.error().text();
    EXPECT_EQ(*good, "enrolled with 6 digits");
    const auto refused = control::result_of(loop_, link.enrol(*AuthCode::parse("9999")));
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().fault, Fault::CAPF_AUTH_CODE);
    EXPECT_EQ(refused.error().detail, "reason 7");
}

TEST_F(LinkProcessTest, AnswersARequestWhoseProcessDies) {
    auto& link = start("good");
    ASSERT_TRUE(gets(LinkState::up));
    const auto answer = control::result_of(loop_, link.enrol(*AuthCode::parse("0000")));
    ASSERT_FALSE(answer);
    EXPECT_EQ(answer.error().fault, Fault::CHILD_DIED);
}

TEST_F(LinkProcessTest, RefusesARequestWhileNoProcessRuns) {
    LinkProcess link{around_, named("good")};
    const auto answer = control::result_of(loop_, link.refresh_trust());
    ASSERT_FALSE(answer);
    EXPECT_EQ(answer.error().fault, Fault::STOPPED);
}

}  // namespace
}  // namespace tserver::supervisor
