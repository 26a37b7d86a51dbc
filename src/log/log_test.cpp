#include "log/log.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <unistd.h>

#include <set>

#include "log/messages.hpp"

namespace tserver::log {
namespace {

using namespace std::chrono_literals;
using testing::ContainsRegex;
using testing::ElementsAre;
using testing::EndsWith;
using testing::HasSubstr;
using testing::StartsWith;

/// A log that writes into a pipe.
class LogTest : public testing::Test {
protected:
    LogTest() { EXPECT_EQ(::pipe2(ends_.data(), O_CLOEXEC | O_NONBLOCK), 0); }
    ~LogTest() override {
        for (const int end : ends_) ::close(end);
    }
    Log make(Level most = Level::interaction, bool journal = false) {
        return Log{{.descriptor = ends_[1], .most = most, .journal = journal}};
    }
    std::string written() {
        std::string out(65536, '\0');
        const auto got = ::read(ends_[0], out.data(), out.size());
        out.resize(static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
        return out;
    }
    std::vector<std::string> lines() {
        const auto all = written();
        std::vector<std::string> out;
        for (std::size_t at = 0; at < all.size();) {
            const auto end = all.find('\n', at);
            out.push_back(all.substr(at, end - at));
            at = end == std::string::npos ? all.size() : end + 1;
        }
        return out;
    }

private:
    std::array<int, 2> ends_{};
};

constexpr Message<Text> hostile{99001, Level::interaction, "peer said", {"detail"}};
constexpr Message<Number> traced{99002, Level::trace, "step", {"n"}};
constexpr Message<Text> alarming{99003, Level::alarm, "it burns", {"where"}};

TEST_F(LogTest, a_line_is_time_level_id_words_and_fields) {
    auto log = make();
    log.write(session_failed, {"l1"}, {Fault::CTI_REFUSED}, {"10.1.1.5:2749: Connection refused"},
              {"start it"}, {1500ms});
    EXPECT_THAT(written(),
                ContainsRegex("^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\\.[0-9]{3}Z Alr 8102 "
                              "connection failed link=l1 fault=CTI_REFUSED "
                              "detail=\"10.1.1.5:2749: Connection refused\" action=\"start it\" "
                              "retry_in=1500ms\n$"));
}

TEST_F(LogTest, for_the_journal_a_priority_stands_where_the_time_would) {
    auto log = make(Level::debug, true);
    log.write(alarming, {"x"});
    log.write(tserver_stopped);
    log.write(hostile, {"x"});
    log.write(traced, {1});
    EXPECT_THAT(lines(), ElementsAre("<3>Alr 99003 it burns where=x", "<5>Std 24002 tserver stopped",
                                     "<6>Int 99001 peer said detail=x", "<7>Trc 99002 step n=1"));
}

TEST_F(LogTest, hostile_text_stays_one_field_of_one_line) {
    struct Row {
        std::string_view said, shown;
    };
    const Row rows[]{
        {"a\nAlr 8102 forged", "detail=\"a\\x0aAlr 8102 forged\""},
        {"x action=none", "detail=\"x action=none\""},
        {"say \"hi\"", "detail=\"say \\\"hi\\\"\""},
        {"end\\", "detail=end\\\\"},
        {"end \\", "detail=\"end \\\\\""},
        {"\x1b]0;t\x07", "detail=\\x1b]0;t\\x07"},
        {"\xff", "detail=\\xff"},
        {"", "detail=\"\""},
    };
    for (const auto& row : rows) {
        auto log = make();
        log.write(hostile, {row.said});
        const auto got = lines();
        ASSERT_EQ(got.size(), 1U) << row.said;
        EXPECT_THAT(got[0], EndsWith(fmt::format(" peer said {}", row.shown)));
    }
}

TEST_F(LogTest, long_text_is_cut) {
    auto log = make();
    log.write(hostile, {std::string(100'000, 'x')});
    EXPECT_LT(written().size(), 700U);
}

TEST_F(LogTest, writes_up_to_its_level_only) {
    auto log = make(Level::standard);
    log.write(hostile, {"x"});
    log.write(traced, {1});
    EXPECT_EQ(written(), "");
    log.write(tserver_stopped);
    EXPECT_EQ(lines().size(), 1U);
    log.set_level(Level::trace);
    log.write(traced, {2});
    EXPECT_THAT(written(), HasSubstr("step n=2"));
}

TEST_F(LogTest, F69_a_line_that_repeats_within_a_minute_is_written_once) {
    auto log = make();
    for (int i = 0; i < 1000; ++i) log.write(alarming, {"here"});
    log.write(alarming, {"there"});
    const auto got = lines();
    ASSERT_EQ(got.size(), 2U);
    EXPECT_THAT(got[0], EndsWith("where=here"));
    EXPECT_THAT(got[1], EndsWith("where=there"));
}

/// Notes what it hears.
struct Heard final : Listener {
    void logged(const Row& row, std::span<const Field> fields, unsigned repeated) override {
        told.push_back(fmt::format("{} {} {}", row.id, fields.empty() ? "" : fields[0].value, repeated));
    }
    std::vector<std::string> told;
};

TEST_F(LogTest, a_listener_hears_events_whatever_the_level_and_each_repeat_once) {
    auto log = make(Level::alarm);
    Heard heard;
    log.listen(&heard);
    log.write(tserver_stopped);
    log.write(hostile, {"x"});
    for (int i = 0; i < 9; ++i) log.write(alarming, {"say \"hi\""});
    log.write(link_state, {"a"}, {"up"}, {"waiting"}, {"CTI_CLOSED"}, {"bye"});
    EXPECT_THAT(heard.told, ElementsAre("24002  0", "99003 say \"hi\" 0", "35110 a 0"));
    EXPECT_EQ(lines().size(), 1U) << "the log itself keeps to its level";
    log.listen(nullptr);
    log.write(tserver_started, {"1"}, {"f"});
    EXPECT_EQ(heard.told.size(), 3U);
}

TEST_F(LogTest, a_log_that_cannot_be_written_stops_nobody) {
    Log log{{.descriptor = -1}};
    log.write(alarming, {"x"});
    EXPECT_TRUE(log.writes(Level::alarm));
}

TEST(LevelTest, is_named_by_its_short_and_its_full_name) {
    for (const auto level : {Level::alarm, Level::standard, Level::interaction, Level::trace, Level::debug}) {
        EXPECT_EQ(level_named(short_name(level)), level);
    }
    EXPECT_EQ(level_named("interaction"), Level::interaction);
    for (const auto* name : {"", "info", "Alarm", "al"}) EXPECT_FALSE(level_named(name)) << name;
}

TEST(MessageTableTest, ids_are_unique_and_alarms_that_clear_name_a_message_of_another_id) {
    std::set<unsigned> ids;
    for (const auto& row : message_rows()) {
        EXPECT_TRUE(ids.insert(row.id).second) << row.id;
        EXPECT_FALSE(row.text.empty()) << row.id;
        EXPECT_NE(row.cleared_by, row.id);
    }
}

}  // namespace
}  // namespace tserver::log
