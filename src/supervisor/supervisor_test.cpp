#include "supervisor/supervisor.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <functional>

#include "control/blocking.hpp"
#include "supervisor/file_watch.hpp"
#include "supervisor/requests.hpp"
#include "tests/support/scratch.hpp"

namespace tserver::supervisor {
namespace {

namespace json = boost::json;
using control::LinkState;
using namespace std::chrono_literals;

constexpr auto long_enough = 20s;

/// Two links in clear over the stand-in process; a link's frames are counted in <name>.frames.
class SupervisorTest : public testing::Test {
protected:
    SupervisorTest() {
        file_ = directory_ / "tserver.conf";
        program_ = directory_ / "stand_in_link.py";
        std::filesystem::copy_file(TSERVER_TEST_DATA "/supervisor/stand_in_link.py", program_);
        for (const auto* name : {"a", "b"}) std::ofstream{directory_ / (std::string{name} + ".frames")};
        write(plain);
        auto config = config::load(file_);
        supervisor_ = std::make_unique<Supervisor>(loop_, log_, *std::move(config), program_);
    }

    void write(std::string_view text) { std::ofstream{file_} << text; }
    void start() {
        supervisor_->start();
        ASSERT_TRUE(comes([&] { return up("a") && up("b"); }));
    }
    [[nodiscard]] bool up(std::string_view name) {
        return (*supervisor_->link(name))->status().state == LinkState::up;
    }
    [[nodiscard]] bool comes(const std::function<bool()>& condition) {
        for (const auto until = Steady::now() + long_enough; !condition();) {
            if (Steady::now() > until) return false;
            loop_.turn(50ms);
        }
        return true;
    }
    /// Configure frames that a link process was given.
    [[nodiscard]] long configured(const std::string& name) {
        std::ifstream notes{directory_ / (name + ".frames")};
        long count = 0;
        for (std::string line; std::getline(notes, line);) count += line == "1";
        return count;
    }
    [[nodiscard]] pid_t pid(std::string_view name) { return *(*supervisor_->link(name))->pid(); }

    static constexpr std::string_view plain =
        "[TServer]\nlink-1-name = a\nlink-2-name = b\n[link-tls]\n"
        "[a]\nhostname = 10.1.1.5\nlisten = 127.0.1.1\n[b]\nhostname = 10.1.1.5\nlisten = 127.0.1.2\n";

    const testing_support::Scratch scratch_;
    const std::filesystem::path directory_ = scratch_.path;
    std::string file_;
    std::string program_;
    os::Fd nowhere_{::open("/dev/null", O_WRONLY | O_CLOEXEC)};
    net::Loop loop_;
    log::Log log_{{.descriptor = nowhere_.get()}};
    std::unique_ptr<Supervisor> supervisor_;
};

std::string changed(std::string_view text, std::string_view from, std::string_view to) {
    std::string out{text};
    out.replace(out.find(from), from.size(), to);
    return out;
}

TEST_F(SupervisorTest, StopsEveryLinkWithinTwoSeconds) {
    start();
    const auto begun = Steady::now();
    auto stopping = supervisor_->stop();
    stopping.start();
    ASSERT_TRUE(comes([&] { return stopping.started_and_done(); }));
    EXPECT_LT(Steady::now() - begun, 2s);
    for (const auto& link : supervisor_->status().links) EXPECT_EQ(link.state, LinkState::stopped);
}

TEST_F(SupervisorTest, ReloadTouchesOnlyTheLinkThatChanged) {
    start();
    const auto a = pid("a");
    write(changed(plain, "127.0.1.2", "127.0.1.9"));
    const auto plan = supervisor_->reload();
    ASSERT_TRUE(plan);
    EXPECT_EQ(plan->on("b"), config::Effect::link_reset);
    ASSERT_TRUE(comes([&] { return configured("b") == 2; }));
    EXPECT_EQ(configured("a"), 1);
    EXPECT_EQ(pid("a"), a);
    EXPECT_EQ(supervisor_->status().generation, 2U);
    EXPECT_EQ((*supervisor_->link("b"))->config().listen->str(), "127.0.1.9:2748");
}

// Otherwise a link that gets the value back sees no change where the plan sees one, and keeps its session.
TEST_F(SupervisorTest, TellsALinkWhatHasNoEffectNow) {
    start();
    std::filesystem::permissions(file_, std::filesystem::perms{0600});
    write(changed(plain, "listen = 127.0.1.2", "tls-auth-code = 123456\nlisten = 127.0.1.2"));
    ASSERT_TRUE(supervisor_->reload());
    write(plain);
    const auto plan = supervisor_->reload();
    ASSERT_TRUE(plan);
    ASSERT_FALSE(plan->changes.empty());
    EXPECT_EQ(plan->on("b"), config::Effect::nothing);
    EXPECT_TRUE(comes([&] { return configured("b") == 3; }));
    EXPECT_EQ(configured("a"), 1);
}

TEST_F(SupervisorTest, F75_ARefusedFileChangesNothing) {
    start();
    write(changed(plain, "127.0.1.2", "127.0.1.9") + "nonsense = 1\n");
    const auto plan = supervisor_->reload();
    ASSERT_FALSE(plan);
    ASSERT_EQ(plan.error().size(), 1U);
    EXPECT_EQ(plan.error()[0].fault, Fault::CONFIG_UNKNOWN);
    EXPECT_EQ(plan.error()[0].at.line, 11U);
    EXPECT_EQ(supervisor_->status().generation, 1U);
    EXPECT_EQ((*supervisor_->link("b"))->config().listen->str(), "127.0.1.2:2748");
    EXPECT_EQ(configured("b"), 1);
}

TEST_F(SupervisorTest, KeepsWhatNeedsARestartBackAndShowsIt) {
    start();
    write(changed(plain, "[link-tls]\n", "[link-tls]\ntls-capf-host = 10.9.9.9\n"));
    ASSERT_TRUE(supervisor_->reload());
    const auto status = supervisor_->status();
    EXPECT_EQ(status.links[0].pending_restart, std::vector<std::string>{"tls-capf-host"});
    EXPECT_FALSE((*supervisor_->link("a"))->config().capf_host) << "the old value stays in force";
    EXPECT_EQ(configured("a"), 1);
    write(plain);
    ASSERT_TRUE(supervisor_->reload());
    EXPECT_TRUE(supervisor_->status().links[0].pending_restart.empty());
    EXPECT_EQ(supervisor_->status().generation, 3U);
}

TEST_F(SupervisorTest, LinksThatSwapAnAddressBothStopBeforeOneStarts) {
    start();
    const auto a = pid("a");
    const auto b = pid("b");
    auto swapped = changed(plain, "127.0.1.1", "127.0.1.3");
    swapped = changed(changed(swapped, "127.0.1.2", "127.0.1.1"), "127.0.1.3", "127.0.1.2");
    write(swapped);
    ASSERT_TRUE(supervisor_->reload());
    const auto of = [&](std::string_view name) { return (*supervisor_->link(name))->pid().value_or(0); };
    ASSERT_TRUE(comes([&] { return of("a") != a && of("a") != 0; }));
    EXPECT_NE(of("b"), b) << "a runs again, so b has ended";
    ASSERT_TRUE(comes([&] { return up("a") && up("b"); }));
    EXPECT_NE(pid("a"), a);
    EXPECT_NE(pid("b"), b);
    EXPECT_EQ((*supervisor_->link("a"))->config().listen->str(), "127.0.1.2:2748");
}

TEST_F(SupervisorTest, KnowsATouchedFileFromAChangedOne) {
    write(plain);
    EXPECT_FALSE(supervisor_->file_says_something_new());
    write(changed(plain, "127.0.1.2", "127.0.1.9"));
    EXPECT_TRUE(supervisor_->file_says_something_new());
    write("nonsense");
    EXPECT_FALSE(supervisor_->reload());
    write(plain);
    EXPECT_TRUE(supervisor_->file_says_something_new()) << "that it is good again is news";
}

TEST_F(SupervisorTest, NamesTheLinksThereAreWhenOneIsUnknown) {
    const auto none = supervisor_->link("x\n");
    ASSERT_FALSE(none);
    EXPECT_EQ(none.error().fault, Fault::LINK_UNKNOWN);
    EXPECT_EQ(none.error().detail, "\"x\\x0a\"; there are: a, b");
}

class RequestsTest : public SupervisorTest {
protected:
    json::object ask(json::object request) {
        return control::result_of(loop_, requests_.answer(std::move(request)));
    }
    static std::string fault_of(const json::object& answer) {
        return std::string{answer.at("error").at("fault").as_string().c_str()};
    }
    os::Notify silent_{""};
    Requests requests_{*supervisor_, log_, silent_};
};

TEST_F(RequestsTest, RefusesWhatIsNoCommand) {
    EXPECT_EQ(fault_of(ask({})), "CONTROL_PROTOCOL");
    EXPECT_EQ(fault_of(ask({{"command", 1}})), "CONTROL_PROTOCOL");
    EXPECT_EQ(fault_of(ask({{"command", "fly"}})), "CONTROL_PROTOCOL");
    EXPECT_EQ(fault_of(ask({{"command", "link"}, {"link", "a"}, {"do", "fly"}})), "CONTROL_PROTOCOL");
    EXPECT_EQ(fault_of(ask({{"command", "link"}, {"link", "x"}, {"do", "stop"}})), "LINK_UNKNOWN");
    EXPECT_EQ(fault_of(ask({{"command", "enrol"}, {"link", "a"}})), "CONTROL_PROTOCOL");
}

TEST_F(RequestsTest, F93_ARefusedCodeIsNotRepeated) {
    const auto answer = json::serialize(ask({{"command", "enrol"}, {"link", "a"}, {"code", "12ab56"}}));
    EXPECT_NE(answer.find("CONFIG_VALUE"), std::string::npos) << answer;
    EXPECT_EQ(answer.find("12ab56"), std::string::npos) << answer;
}

TEST_F(RequestsTest, AnswersStatusReloadAndPlan) {
    EXPECT_EQ(ask({{"command", "status"}}).at("status").at("links").as_array().size(), 2U);
    write(changed(plain, "127.0.1.2", "127.0.1.9"));
    const auto plan = ask({{"command", "plan"}, {"file", file_}});
    EXPECT_EQ(plan.at("plan").at("changes").at(0).at("option"), "listen");
    EXPECT_EQ(supervisor_->generation(), 1U) << "a plan changes nothing";
    EXPECT_EQ(ask({{"command", "reload"}}).at("generation"), 2U);
    write("[x]\n");
    const auto refused = ask({{"command", "reload"}});
    EXPECT_EQ(fault_of(refused), "RELOAD_REFUSED");
    EXPECT_FALSE(refused.at("problems").as_array().empty());
}

TEST_F(RequestsTest, F100_AConsoleWithoutItsPortIsANoteUntilItServes) {
    const json::object trouble{{"fault", "PORT_IN_USE"}, {"detail", "127.0.0.1:9748: in use"}};
    const auto notes = [&] { return json::serialize(ask({{"command", "status"}}).at("status").at("notes")); };
    EXPECT_EQ(notes(), "[]");
    EXPECT_EQ(ask({{"command", "console"}, {"address", "127.0.0.1:9748"}, {"trouble", trouble}}).at("ok"),
              true);
    EXPECT_EQ(
        notes(),
        "[\"tserver-console cannot serve http://127.0.0.1:9748: PORT_IN_USE: 127.0.0.1:9748: in use\"]");
    EXPECT_EQ(ask({{"command", "console"}, {"address", "127.0.0.1:9748"}, {"trouble", nullptr}}).at("ok"),
              true);
    EXPECT_EQ(notes(), "[]");
    EXPECT_EQ(fault_of(ask({{"command", "console"}})), "CONTROL_PROTOCOL");
    EXPECT_EQ(fault_of(ask({{"command", "console"}, {"address", "x"}, {"trouble", 1}})), "CONTROL_PROTOCOL");
}

TEST(FileWatch, TellsOneStoryOfAReplacedFileAndIgnoresItsNeighbours) {
    const testing_support::Scratch scratch;
    const auto& directory = scratch.path;
    const auto file = directory / "tserver.conf";
    std::ofstream{file} << "1";
    net::Loop loop;
    auto watch = FileWatch::open(loop, file);
    ASSERT_TRUE(watch) << watch.error().text();
    auto changed = watch->changed();
    changed.start();
    std::ofstream{directory / "other.conf"} << "1";
    const auto until = Steady::now() + 2 * FileWatch::quiet;
    while (Steady::now() < until) loop.turn(20ms);
    EXPECT_FALSE(changed.started_and_done());

    std::ofstream{file} << "2";
    std::ofstream{directory / "new"} << "3";
    std::filesystem::rename(directory / "new", file);
    while (!changed.started_and_done()) loop.turn(1s);
    auto again = watch->changed();
    again.start();
    loop.turn(20ms);
    EXPECT_FALSE(again.started_and_done()) << "both changes were one";
}

}  // namespace
}  // namespace tserver::supervisor
