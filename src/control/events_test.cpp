#include "control/events.hpp"

#include <gmock/gmock.h>

#include <boost/json.hpp>

#include "control/blocking.hpp"
#include "control/recorder.hpp"
#include "log/messages.hpp"

namespace tserver::control {
namespace {

namespace json = boost::json;
using namespace std::chrono_literals;
using testing::HasSubstr;

/// A log that is written nowhere, and four events are kept.
class EventsTest : public testing::Test {
protected:
    EventsTest() { log_.listen(&events_); }
    void happen(int count) {
        for (int i = 0; i < count; ++i) {
            const auto name = "l" + std::to_string(++happened_);
            log_.write(log::link_process_started, {name}, {happened_});
        }
    }
    [[nodiscard]] std::vector<std::uint64_t> numbers_after(std::uint64_t last) {
        const auto found = events_.after({events_.cursor().run, last});
        std::vector<std::uint64_t> out;
        if (!found) return {0};
        for (const auto& event : *found) out.push_back(event.sequence);
        return out;
    }
    Result<json::object> ask(json::object request) {
        return result_of(loop_, events_.answer(std::move(request)));
    }

    net::Loop loop_;
    log::Log log_{{.descriptor = -1, .most = log::Level::alarm}};
    Recorder recorder_;
    EventLog events_{loop_, recorder_, 4};
    int happened_ = 0;
};

TEST_F(EventsTest, AreNumberedWithoutAGapFromOne) {
    happen(3);
    EXPECT_THAT(numbers_after(0), testing::ElementsAre(1, 2, 3));
    EXPECT_THAT(numbers_after(2), testing::ElementsAre(3));
    EXPECT_THAT(numbers_after(3), testing::IsEmpty());
    EXPECT_EQ(events_.cursor().last, 3U);
}

TEST_F(EventsTest, DoNotDependOnTheLevelOfTheLog) {
    log_.write(log::tserver_stopped);              // standard
    log_.write(log::control_request, {"reload"});  // interaction
    log_.write(log::link_state, {"a"}, {"up"}, {"waiting"}, {"CTI_CLOSED"}, {"bye"});
    const auto found = events_.after({events_.cursor().run, 0});
    ASSERT_TRUE(found);
    ASSERT_EQ(found->size(), 2U);
    EXPECT_EQ((*found)[0].id, log::tserver_stopped.row.id);
    EXPECT_EQ((*found)[1].id, log::link_state.row.id);
}

TEST_F(EventsTest, ThatAreNotKeptAreRefusedAndNotSkipped) {
    happen(6);
    EXPECT_THAT(numbers_after(2), testing::ElementsAre(3, 4, 5, 6));
    const auto old = events_.after({events_.cursor().run, 1});
    ASSERT_FALSE(old);
    EXPECT_EQ(old.error().fault, Fault::EVENTS_TOO_OLD);
    EXPECT_EQ(old.error().detail, "asked for those after 1, kept are 3 to 6");
}

TEST_F(EventsTest, OfAnotherRunOrTheFutureAreRefused) {
    happen(1);
    const auto other = events_.after({"0123", 1});
    ASSERT_FALSE(other);
    EXPECT_EQ(other.error().fault, Fault::EVENTS_TOO_OLD);
    EXPECT_THAT(other.error().detail, HasSubstr("run \"0123\" has ended"));
    const auto future = events_.after({events_.cursor().run, 2});
    ASSERT_FALSE(future);
    EXPECT_EQ(future.error().fault, Fault::EVENTS_TOO_OLD);
}

TEST_F(EventsTest, TwoLogsHaveTwoRuns) {
    const EventLog again{loop_, recorder_};
    EXPECT_NE(again.cursor().run, events_.cursor().run);
}

TEST_F(EventsTest, ARequestWithoutPlaceBeginsWithTheOldestKept) {
    happen(6);
    const auto answer = ask({});
    ASSERT_TRUE(answer) << answer.error().text();
    EXPECT_EQ(answer->at("events").as_array().size(), 4U);
    EXPECT_EQ(answer->at("last").to_number<int>(), 6);
    EXPECT_EQ(answer->at("more"), json::value(false));
    EXPECT_EQ(answer->at("run").as_string(), json::string_view{events_.cursor().run});
}

TEST_F(EventsTest, ComeInPartsThatSayWhetherThereIsMore) {
    EventLog many{loop_, recorder_, 1000};
    for (int i = 0; i < 300; ++i) many.add(event_of(log::tserver_stopped.row, {}, 0));
    const auto answer = result_of(loop_, many.answer({{"after", 0}}));
    ASSERT_TRUE(answer);
    EXPECT_EQ(answer->at("events").as_array().size(), EventLog::most_at_once);
    EXPECT_EQ(answer->at("last").to_number<std::size_t>(), EventLog::most_at_once);
    EXPECT_EQ(answer->at("more"), json::value(true));
}

TEST_F(EventsTest, WaitingEndsWithTheNextEventForEveryoneWhoWaits) {
    auto one = events_.answer({{"after", 0}, {"wait_ms", 20'000}});
    auto two = events_.answer({{"after", 0}, {"wait_ms", 20'000}});
    one.start();
    two.start();
    loop_.turn(0ms);
    EXPECT_FALSE(one.started_and_done());
    happen(1);
    for (const auto until = Steady::now() + 5s; Steady::now() < until && !two.started_and_done();)
        loop_.turn(10ms);
    ASSERT_TRUE(one.started_and_done());
    ASSERT_TRUE(two.started_and_done());
    EXPECT_EQ(one.take()->at("events").as_array().size(), 1U);
    EXPECT_EQ(two.take()->at("events").as_array().size(), 1U);
}

TEST_F(EventsTest, WaitingEndsAtItsLimitWithNothing) {
    const auto answer = ask({{"after", 0}, {"wait_ms", 20}});
    ASSERT_TRUE(answer);
    EXPECT_TRUE(answer->at("events").as_array().empty());
    EXPECT_EQ(answer->at("last").to_number<int>(), 0);
}

TEST_F(EventsTest, ARequestOfAnotherShapeIsRefused) {
    for (const json::object& request : {json::object{{"after", "1"}}, json::object{{"after", -1}},
                                        json::object{{"run", 1}}, json::object{{"wait_ms", "x"}}}) {
        const auto answer = ask(request);
        ASSERT_FALSE(answer) << json::serialize(request);
        EXPECT_EQ(answer.error().fault, Fault::CONTROL_PROTOCOL) << json::serialize(request);
    }
}

TEST_F(EventsTest, KeepTheirFieldsThroughJson) {
    log_.write(log::link_process_died, {"a"}, {"signal 9 (Killed)"}, {1500ms});
    log_.write(log::identity_expiring, {"a"}, {-3});
    const auto found = *events_.after({events_.cursor().run, 0});
    for (const auto& event : found) {
        const auto again = event_from_json(json::parse(json::serialize(to_json(event))));
        ASSERT_TRUE(again) << again.error().text();
        EXPECT_EQ(*again, event);
    }
    const auto shown = to_json(found[1]);
    EXPECT_EQ(shown.at("link").as_string(), "a");
    EXPECT_EQ(shown.at("level").as_string(), "Std");
    EXPECT_EQ(shown.at("text").as_string(), "client certificate expires");
    EXPECT_EQ(shown.at("fields"), (json::value{{"days_left", -3}}));
    EXPECT_THAT(
        text(found[0]),
        HasSubstr(" 1 Alr 35103 link process died link=a status=\"signal 9 (Killed)\" restart_in=1500ms"));
}

TEST_F(EventsTest, OfALinkCannotForgeALine) {
    const auto read = [](std::string_view text) {
        return event_from_json(json::parse({text.data(), text.size()}));
    };
    ASSERT_TRUE(read(R"({"id":8103,"link":"a","fields":{"from_2":"x y"}})"));
    for (const auto* text :
         {R"({"id":8103,"fields":{"a\nb":"x"}})", R"({"id":8103,"fields":{"a b":"x"}})",
          R"({"id":8103,"fields":{"":"x"}})", R"({"id":8103,"fields":{"a":"x\ny"}})",
          R"({"id":8103,"fields":{"a":"x\u007fy"}})", R"({"id":8103,"link":"a\nb","fields":{}})"}) {
        const auto event = read(text);
        ASSERT_FALSE(event) << text;
        EXPECT_EQ(event.error().fault, Fault::CONTROL_PROTOCOL);
    }
}

TEST_F(EventsTest, OfALinkAreCheckedAgainstTheTable) {
    const auto with = [](const char* text) { return event_from_json(json::parse(text)); };
    EXPECT_TRUE(with(R"({"id":8103,"fields":{"took":5}})"));
    for (
        const auto* text :
        {R"(7)", R"({})", R"({"id":1,"fields":{}})", R"({"id":"8103","fields":{}})", R"({"id":8103})",
         R"({"id":8103,"fields":[]})", R"({"id":8103,"fields":{"a":[1]}})",
         R"({"id":8103,"fields":{"a":1,"b":1,"c":1,"d":1,"e":1,"f":1,"g":1,"h":1,"i":1,"j":1,"k":1,"l":1,"m":1}})",
         R"({"id":8103,"fields":{},"time":"yesterday"})",
         R"({"id":8103,"fields":{},"time":"1091-11-25T10:00:00.123Z"})",
         R"({"id":8103,"fields":{},"time":"2262-11-25T10:00:00.123Z"})"}) {
        const auto event = with(text);
        ASSERT_FALSE(event) << text;
        EXPECT_EQ(event.error().fault, Fault::CONTROL_PROTOCOL) << text;
    }
    const auto long_one = json::object{{"id", 8103}, {"fields", {{"a", std::string(5000, 'x')}}}};
    EXPECT_FALSE(event_from_json(long_one));
}

}  // namespace
}  // namespace tserver::control
