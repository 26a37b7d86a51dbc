#include "control/channel.hpp"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include "control/blocking.hpp"

namespace tserver::control {
namespace {

using namespace std::chrono_literals;

class ChannelTest : public testing::Test {
protected:
    ChannelTest() {
        auto ends = channel_pair();
        ours_ = std::move(ends->first);
        theirs_ = std::move(ends->second);
    }
    void write(ByteView octets) {
        ASSERT_EQ(::write(theirs_.get(), octets.data(), octets.size()), std::ssize(octets));
    }

    net::Loop loop_;
    os::Fd ours_, theirs_;
};

TEST_F(ChannelTest, CarriesEveryMessageToTheLink) {
    Channel from{loop_, std::move(ours_)};
    Channel to{loop_, std::move(theirs_)};
    from.send(Configure{log::Level::trace, Secret{std::string_view{"a\0b", 3}}});
    from.send(Enrol{7, *AuthCode::parse("123456")});
    from.send(ConfirmTrust{8, true});
    from.send(RefreshTrust{9});
    from.send(Stop{});
    from.send(Ping{});
    const auto next = [&] { return *to_link(**result_of(loop_, to.receive())); };

    const auto configure = std::get<Configure>(next());
    EXPECT_EQ(configure.log_level, log::Level::trace);
    EXPECT_EQ(configure.link.reveal(), std::string_view("a\0b", 3));
    const auto enrol = std::get<Enrol>(next());
    EXPECT_EQ(enrol.request, 7U);
    EXPECT_EQ(enrol.code.reveal(), "123456");
    const auto confirm = std::get<ConfirmTrust>(next());
    EXPECT_EQ(confirm.request, 8U);
    EXPECT_TRUE(confirm.replace);
    EXPECT_EQ(std::get<RefreshTrust>(next()).request, 9U);
    EXPECT_TRUE(std::holds_alternative<Stop>(next()));
    EXPECT_TRUE(std::holds_alternative<Ping>(next()));
}

TEST_F(ChannelTest, CarriesEveryMessageFromTheLink) {
    Channel from{loop_, std::move(ours_)};
    Channel to{loop_, std::move(theirs_)};
    LinkStatus status;
    status.name = "a";
    from.send(Ready{});
    from.send(Report{status});
    from.send(Pong{});
    from.send(Answer{5, "enrolled"});
    from.send(Answer{6, fail(Fault::CAPF_AUTH_CODE, "reason 7")});
    Event happened;
    happened.id = 8103;
    happened.link = "a";
    happened.fields = {{"took", "12ms", false}, {"days_left", "-1", true}};
    from.send(Logged{happened});
    from.send(LastWords{{Fault::SANDBOX, "seccomp: Permission denied", {}}});
    const auto next = [&] { return *from_link(**result_of(loop_, to.receive())); };

    EXPECT_TRUE(std::holds_alternative<Ready>(next()));
    EXPECT_EQ(std::get<Report>(next()).status, status);
    EXPECT_TRUE(std::holds_alternative<Pong>(next()));
    const auto good = std::get<Answer>(next());
    EXPECT_EQ(good.request, 5U);
    EXPECT_EQ(good.outcome.value(), "enrolled");
    const auto bad = std::get<Answer>(next());
    EXPECT_EQ(bad.request, 6U);
    EXPECT_EQ(bad.outcome.error().fault, Fault::CAPF_AUTH_CODE);
    EXPECT_EQ(bad.outcome.error().detail, "reason 7");
    EXPECT_EQ(std::get<Logged>(next()).event, happened);
    const auto words = std::get<LastWords>(next());
    EXPECT_EQ(words.why.fault, Fault::SANDBOX);
    EXPECT_EQ(words.why.detail, "seccomp: Permission denied");
}

TEST_F(ChannelTest, JoinsAFrameThatComesOctetByOctet) {
    Channel to{loop_, std::move(ours_)};
    auto waiting = to.receive();
    waiting.start();
    for (const char octet : {'\0', '\0', '\0', '\2', '\2', 'h', 'i'}) {
        EXPECT_FALSE(waiting.started_and_done());
        const std::uint8_t one[] = {static_cast<std::uint8_t>(octet)};
        write(one);
        loop_.turn(1s);
    }
    ASSERT_TRUE(waiting.started_and_done());
    EXPECT_EQ(waiting.take().value()->payload.reveal(), "hi");
}

TEST_F(ChannelTest, GivesNothingAtTheEnd) {
    Channel to{loop_, std::move(ours_)};
    theirs_.reset();
    const auto got = result_of(loop_, to.receive());
    ASSERT_TRUE(got);
    EXPECT_FALSE(*got);
}

TEST_F(ChannelTest, RefusesAnEndInsideAFrame) {
    Channel to{loop_, std::move(ours_)};
    const std::uint8_t part[] = {0, 0, 0, 9, 2, 'x'};
    write(part);
    theirs_.reset();
    const auto got = result_of(loop_, to.receive());
    ASSERT_FALSE(got);
    EXPECT_EQ(got.error().fault, Fault::CONTROL_PROTOCOL);
    EXPECT_EQ(got.error().detail, "the channel ended inside a frame");
}

TEST_F(ChannelTest, RefusesAFrameAboveTheLimitBeforeItCame) {
    Channel to{loop_, std::move(ours_)};
    const std::uint8_t header[] = {0, 0x10, 0, 1, 2};
    write(header);
    const auto got = result_of(loop_, to.receive());
    ASSERT_FALSE(got);
    EXPECT_EQ(got.error().fault, Fault::CONTROL_PROTOCOL);
    EXPECT_EQ(got.error().detail, "a frame of 1048577 octets is too long");
}

TEST_F(ChannelTest, TakesAFrameOfExactlyTheLimit) {
    Channel from{loop_, std::move(ours_)};
    Channel to{loop_, std::move(theirs_)};
    const std::string large(largest_payload, 'x');
    from.send(Frame{FrameType::status, Secret{large}});
    from.send(Pong{});
    const auto got = result_of(loop_, to.receive());
    ASSERT_TRUE(got);
    EXPECT_EQ((*got)->payload.reveal(), large);
    EXPECT_EQ((**result_of(loop_, to.receive())).type, FrameType::pong);
}

TEST_F(ChannelTest, GivesUpAPeerThatStopsInsideAFrame) {
    Channel to{loop_, std::move(ours_), 30ms};
    const std::uint8_t part[] = {0, 0, 0, 9, 2, 'x'};
    write(part);
    const auto got = result_of(loop_, to.receive());
    ASSERT_FALSE(got);
    EXPECT_EQ(got.error().fault, Fault::TIMED_OUT);
}

TEST_F(ChannelTest, GivesUpAPeerThatReadsNothing) {
    Channel to{loop_, std::move(ours_), 30ms};
    to.send(Frame{FrameType::configure, Secret{std::string(largest_payload, 'x')}});
    const auto got = result_of(loop_, to.receive());
    ASSERT_TRUE(got);
    EXPECT_FALSE(*got);
}

TEST_F(ChannelTest, LosesNoFrameWhenAReceiverIsCancelled) {
    Channel to{loop_, std::move(ours_)};
    const std::uint8_t first[] = {0, 0, 0, 2, 2, 'h'};
    write(first);
    {
        auto cancelled = to.receive();
        cancelled.start();
        loop_.turn(10ms);
    }
    const std::uint8_t rest[] = {'i'};
    write(rest);
    EXPECT_EQ((**result_of(loop_, to.receive())).payload.reveal(), "hi");
}

struct Odd {
    const char* what;
    FrameType type;
    std::string_view payload;
};

TEST(ChannelMessages, RefuseWhatIsNotOne) {
    using enum FrameType;
    using namespace std::string_view_literals;
    const Odd rows[] = {
        {"no log level", configure, ""},
        {"unknown log level", configure, "\x05x"},
        {"no request number", enrol, "\0\0\0"sv},
        {"letters in the code", enrol, "\0\0\0\1abcd"sv},
        {"replace neither 0 nor 1", confirm_trust, "\0\0\0\1\2"sv},
        {"octets behind", refresh_trust, "\0\0\0\1x"sv},
        {"payload of stop", stop, "x"},
        {"from a link", pong, ""},
        {"unknown type", static_cast<FrameType>(99), ""},
    };
    for (const auto& odd : rows) {
        const auto read = to_link(Frame{odd.type, Secret{odd.payload}});
        ASSERT_FALSE(read) << odd.what;
        EXPECT_EQ(read.error().fault, Fault::CONTROL_PROTOCOL) << odd.what;
        EXPECT_EQ(read.error().detail.find("abcd"), std::string::npos);
    }
    const Odd answers[] = {
        {"no JSON", status, "{"},
        {"no link", status, "{}"},
        {"no request", answer, R"({"ok":true})"},
        {"no error", answer, R"({"request":1,"ok":false})"},
        {"to a link", ping, ""},
    };
    for (const auto& odd : answers) {
        const auto read = from_link(Frame{odd.type, Secret{odd.payload}});
        ASSERT_FALSE(read) << odd.what;
        EXPECT_EQ(read.error().fault, Fault::CONTROL_PROTOCOL) << odd.what;
    }
}

}  // namespace
}  // namespace tserver::control
