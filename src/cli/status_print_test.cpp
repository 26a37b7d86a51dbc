#include "cli/status_print.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tserver::cli {
namespace {

using control::LinkState;
using testing::HasSubstr;
using testing::Not;

const Instant now = *from_rfc3339("2026-11-25T12:00:00Z");

control::LinkStatus link(std::string name, LinkState state) {
    control::LinkStatus out;
    out.name = std::move(name);
    out.state = state;
    out.since = now - std::chrono::minutes{200};
    out.tls = true;
    out.listen = "127.0.1.1:2748";
    return out;
}

TEST(StatusText, ShowsALinkThatIsUpInOneLine) {
    auto up = link("link-tls-1", LinkState::up);
    up.ctimanager = "10.1.1.5:2749";
    up.identity = control::IdentityStatus{now, now + std::chrono::hours{24 * 400 + 1}, "ab", "CN=x"};
    up.application = {true, now - std::chrono::seconds{42}, {}};
    up.bytes = {1'234'567, 980};
    const auto text = status_text({"0.1.0", 2, {up}, {}}, now, Colour::off);
    EXPECT_EQ(
        text,
        "LINK        STATE  SINCE   CTIMANAGER     LISTEN          CERT   APPLICATION  BYTES UP / DOWN\n"
        "link-tls-1  up     3h 20m  10.1.1.5:2749  127.0.1.1:2748  400 d  42s          1.2M / 980\n"
        "\n"
        "1 link: 1 up · configuration 2 · tserver 0.1.0\n");
}

TEST(StatusText, SaysWhatSeenWhereAndWhatToDoForALinkThatIsNotUp) {
    auto down = link("link-tls-2", LinkState::stopped);
    down.reason = control::Reason{Fault::CAPF_AUTH_CODE, "reason 7"};
    const auto text = status_text({"0.1.0", 1, {down}, {}}, now, Colour::off);
    EXPECT_THAT(text, HasSubstr("link-tls-2 is stopped: CAPF refused the authentication code\n"
                                "  CAPF_AUTH_CODE since 2026-11-25T08:40:00Z; it waits for you\n"
                                "  seen: reason 7\n"
                                "  → in CUCM open the CAPF profile"));
}

TEST(StatusText, SaysWhatFailedLastOfALinkThatTriesAgain) {
    struct {
        LinkState state;
        const char* line;
    } const rows[] = {
        {LinkState::waiting, "CTI_REFUSED since 2026-11-25T08:40:00Z; it tries again by itself"},
        {LinkState::trust, "CTI_REFUSED was the last failure; it is trying again"},
        {LinkState::enrolling, "CTI_REFUSED was the last failure; it is trying again"},
        {LinkState::connecting, "CTI_REFUSED was the last failure; it is trying again"},
    };
    for (const auto& row : rows) {
        auto down = link("link-tls-2", row.state);
        down.reason = control::Reason{Fault::CTI_REFUSED, "10.1.1.5:2749: Connection refused"};
        EXPECT_THAT(status_text({"0.1.0", 1, {down}, {}}, now, Colour::off), HasSubstr(row.line));
    }
}

struct NoticeCase {
    const char* reason;
    std::function<void(control::LinkStatus&)> change;
    const char* expected;
};

TEST(StatusText, GivesNotice) {
    using std::chrono::hours;
    const NoticeCase rows[] = {
        {"TLS off",
         [](auto& l) {
             l.state = LinkState::plain;
             l.tls = false;
         },
         "! a: TLS is off for this link: CTI traffic travels in clear\n"},
        {"first use",
         [](auto& l) {
             l.trust = control::TrustStatus{control::TrustState::current, "CN=s", "cafe", now, true, {}};
         },
         "is unverified (SHA-256 cafe); compare it with `show ctl` on the publisher, then `tserverctl trust "
         "confirm a`\n"},
        {"list kept",
         [](auto& l) {
             l.trust = control::TrustStatus{control::TrustState::kept, "CN=s", "cafe", now, false, {}};
         },
         "! a: the cluster's trust list could not be fetched or verified; the held one stays in use\n"},
        {"F71 half-closed",
         [](auto& l) {
             l.application = {
                 true, now - hours{2},
                 control::HalfClosed{control::Closer::application, now - std::chrono::seconds{42}}};
         },
         "! a: the session is half-closed for 42s: the application has closed its side, the CTIManager has "
         "not\n"},
        {"own certificate ends",
         [](auto& l) {
             l.identity = control::IdentityStatus{now, now + hours{24 * 7}, "ab", "CN=x"};
         },
         "! a: the client certificate expires in 7 days, on 2026-12-02T12:00:00Z\n"},
        {"own certificate ended",
         [](auto& l) {
             l.identity = control::IdentityStatus{now, now - hours{1}, "ab", "CN=x"};
         },
         "! a: the client certificate expired on 2026-11-25T11:00:00Z\n"},
        {"listed certificate ends",
         [](auto& l) {
             l.trust = control::TrustStatus{control::TrustState::current,
                                            "CN=s",
                                            "cafe",
                                            now,
                                            false,
                                            {{"CN=ccm", {"CCM", "TFTP"}, now + hours{25}}}};
         },
         "! a: CN=ccm (CCM, TFTP) expires in 1 day, on 2026-11-26T13:00:00Z\n"},
        {"pending",
         [](auto& l) {
             l.pending_restart = {"tls-capf-host", "tls-capf-port"};
         },
         "! a: takes effect after a restart of tserver: tls-capf-host, tls-capf-port\n"},
        {"restarts", [](auto& l) { l.restarts = 1; },
         "! a: the link process was started again 1 time after it died\n"},
        {"notes are escaped", [](auto& l) { l.notes = {"\x1b[2Jhm"}; }, "! a: \\x1b[2Jhm\n"},
    };
    for (const auto& row : rows) {
        auto one = link("a", LinkState::up);
        row.change(one);
        EXPECT_THAT(status_text({"0.1.0", 1, {one}, {}}, now, Colour::off), HasSubstr(row.expected))
            << row.reason;
    }
    EXPECT_THAT(status_text({"0.1.0", 1, {link("a", LinkState::up)}, {}}, now, Colour::off),
                Not(HasSubstr("!")));
}

TEST(StatusText, HasColoursOnlyWhenAsked) {
    const control::Status status{"0.1.0", 1, {link("a", LinkState::up)}, {}};
    EXPECT_THAT(status_text(status, now, Colour::off), Not(HasSubstr("\x1b")));
    EXPECT_THAT(status_text(status, now, Colour::on), HasSubstr("\x1b[32mup\x1b[0m"));
}

TEST(StatusExitCode, CountsLinksInClearAsUp) {
    const auto code = [](std::vector<LinkState> states) {
        control::Status status;
        for (const auto state : states) status.links.push_back(link("a", state));
        return status_exit_code(status);
    };
    EXPECT_EQ(code({LinkState::up, LinkState::plain}), 0);
    EXPECT_EQ(code({LinkState::up, LinkState::waiting}), 1);
    EXPECT_EQ(code({LinkState::stopped, LinkState::waiting}), 2);
}

TEST(StatusCheck, F100_NamesWhatIsNotWellAndFailsForIt) {
    control::Status status{"0.1.0", 1, {link("a", LinkState::up), link("b", LinkState::plain)}, {}};
    EXPECT_EQ(check_text(status), "2 links, all well\n");
    EXPECT_EQ(check_exit_code(status), 0);

    status.notes = {"tserver-console cannot serve: \x1b[2J"};
    EXPECT_EQ(check_text(status), "tserver: tserver-console cannot serve: \\x1b[2J\n");
    EXPECT_EQ(check_exit_code(status), 1);
    EXPECT_EQ(status_exit_code(status), 0) << "every link carries traffic";
    EXPECT_THAT(status_text(status, now, Colour::off),
                HasSubstr("! tserver: tserver-console cannot serve: \\x1b[2J\n"));

    status.links[1].state = LinkState::waiting;
    status.links[1].reason = control::Reason{Fault::CTI_REFUSED, "10.1.1.5:2748"};
    EXPECT_THAT(check_text(status),
                testing::StartsWith("b is waiting: CTI_REFUSED: 10.1.1.5:2748\ntserver: "));
    EXPECT_EQ(check_exit_code(status), 1);
    status.links[0].state = LinkState::stopped;
    EXPECT_EQ(check_exit_code(status), 2);
}

TEST(Shown, DurationsAndCountsAreShort) {
    using namespace std::chrono_literals;
    EXPECT_EQ(duration_text(59s), "59s");
    EXPECT_EQ(duration_text(61min), "1h 1m");
    EXPECT_EQ(duration_text(2h), "2h");
    EXPECT_EQ(duration_text(52h), "2d 4h");
    EXPECT_EQ(octets_text(999), "999");
    EXPECT_EQ(octets_text(1'000), "1.0k");
    EXPECT_EQ(octets_text(999'400), "999k");
    EXPECT_EQ(octets_text(999'600), "1.0M");
    EXPECT_EQ(octets_text(12'000'000'000), "12G");
}

}  // namespace
}  // namespace tserver::cli
