#include "control/status.hpp"

#include <gtest/gtest.h>

#include <boost/json.hpp>

namespace tserver::control {
namespace {

namespace json = boost::json;

Instant at(std::string_view text) { return *from_rfc3339(text); }

LinkStatus full() {
    LinkStatus out;
    out.name = "link-tls-1";
    out.state = LinkState::up;
    out.since = at("2026-11-25T10:00:00Z");
    out.tls = true;
    out.instance_id = "cti01";
    out.ctimanager = "10.1.1.5:2749";
    out.listen = "127.0.1.1:2748";
    out.reason = Reason{Fault::CTI_CLOSED, "the peer said \"bye\""};
    out.identity =
        IdentityStatus{at("2026-11-01T00:00:00Z"), at("2031-11-01T00:00:00Z"), "ab12", "CN=CTI-cti01"};
    out.trust = TrustStatus{
        TrustState::kept,           "CN=signer", "cd34",
        at("2026-11-25T09:59:58Z"), true,        {{"CN=capf", {"CAPF"}, at("2030-01-01T00:00:00Z")}}};
    out.application = {true, at("2026-11-25T10:00:01Z"),
                       HalfClosed{Closer::ctimanager, at("2026-11-25T10:05:00Z")}};
    out.bytes = {9'007'199'254'740'993, 2};
    out.profile = "cluster";
    out.tls_version = "TLSv1.2";
    out.tls_suite = "ECDHE-RSA-AES256-GCM-SHA384";
    out.times.start_to_up = std::chrono::milliseconds{812};
    out.times.recovery = std::chrono::milliseconds{40};
    out.counters = {1, 2, 3, 4, 5, 6};
    out.notes = {"memory locked: no"};
    out.restarts = 3;
    out.pending_restart = {"tls-capf-host"};
    out.pid = 4711;
    out.failures = {{Fault::CTI_REFUSED, 3}, {Fault::CHILD_DIED, 1}};
    return out;
}

TEST(StatusJson, KeepsEveryFieldOfALinkThroughARoundTrip) {
    const auto before = full();
    const auto again = link_status_from_json(json::parse(json::serialize(to_json(before))));
    ASSERT_TRUE(again) << again.error().text();
    EXPECT_EQ(*again, before);
}

TEST(StatusJson, KeepsALinkThatHasNothingYet) {
    LinkStatus before;
    before.name = "a";
    const auto again = link_status_from_json(to_json(before));
    ASSERT_TRUE(again) << again.error().text();
    EXPECT_EQ(*again, before);
}

TEST(StatusJson, F71_ReadsAnApplicationOfAnOlderTserver) {
    auto older = to_json(full());
    older["application"].as_object().erase("half_closed");
    const auto read = link_status_from_json(older);
    ASSERT_TRUE(read) << read.error().text();
    EXPECT_FALSE(read->application.half_closed);
}

TEST(StatusJson, KeepsAWholeStatus) {
    const Status before{"0.1.0", 7, {full(), {}}, {"control-socket"}, {"cafe", 42}, {"no port"}};
    const auto again = status_from_json(json::parse(json::serialize(to_json(before))));
    ASSERT_TRUE(again) << again.error().text();
    EXPECT_EQ(*again, before);
}

TEST(StatusJson, HasTheShapeThatOthersRelyOn) {
    const auto now = at("2031-10-31T12:00:00Z");
    const auto link = to_json(full(), now);
    for (const auto* field :
         {"name", "state", "since", "tls", "instance_id", "ctimanager", "listen", "reason", "identity",
          "trust", "application", "bytes", "restarts", "pending_restart"})
        EXPECT_TRUE(link.contains(field)) << field;
    EXPECT_EQ(link.at("state"), "up");
    EXPECT_EQ(link.at("since"), "2026-11-25T10:00:00Z");
    EXPECT_EQ(link.at("reason").at("fault"), "CTI_CLOSED");
    EXPECT_EQ(link.at("reason").at("action"), json::string(row(Fault::CTI_CLOSED).action));
    EXPECT_EQ(link.at("identity").at("days_left"), 0);
    EXPECT_EQ(link.at("trust").at("state"), "kept");
    EXPECT_EQ(link.at("trust").at("certificates").at(0).at("days_left"), -669);
    EXPECT_TRUE(to_json(LinkStatus{}).at("reason").is_null());
}

TEST(StatusJson, SaysWhatTheCertificateIsWorth) {
    LinkStatus link;
    link.identity = IdentityStatus{at("2026-01-01T00:00:00Z"), at("2031-01-01T00:00:00Z"), {}, {}};
    const auto at_time = [&link](std::string_view time) {
        return to_json(link, at(time)).at("identity").at("validity").as_string();
    };
    EXPECT_EQ(at_time("2025-12-31T23:59:59Z"), "not yet valid");
    EXPECT_EQ(at_time("2026-01-01T00:00:00Z"), "valid");
    EXPECT_EQ(at_time("2030-12-02T00:00:00Z"), "valid");
    EXPECT_EQ(at_time("2030-12-02T00:00:01Z"), "expiring");
    EXPECT_EQ(at_time("2030-12-31T23:59:59Z"), "expiring");
    EXPECT_EQ(at_time("2031-01-01T00:00:00Z"), "expired");
}

struct Damage {
    const char* field;
    json::value value;
    const char* detail;
};

TEST(StatusJson, RefusesAFieldOfAnotherTypeAndNamesIt) {
    const Damage rows[] = {
        {"state", "flying", "state is not known"},
        {"since", "yesterday", "since is missing or of another type"},
        {"tls", "true", "tls is missing or of another type"},
        {"restarts", -1, "restarts is missing or of another type"},
        {"bytes", json::object{{"to_ctimanager", 1}}, "bytes.to_application is missing or of another type"},
        {"reason", json::object{{"fault", "X"}, {"detail", ""}}, "reason.fault is not known"},
        {"notes", json::array{1}, "notes is missing or of another type"},
    };
    for (const auto& damage : rows) {
        auto link = to_json(full());
        link[damage.field] = damage.value;
        const auto read = link_status_from_json(link);
        ASSERT_FALSE(read) << damage.field;
        EXPECT_EQ(read.error().fault, Fault::CONTROL_PROTOCOL);
        EXPECT_EQ(read.error().detail, damage.detail);
    }
    EXPECT_FALSE(link_status_from_json(json::value{1}));
}

TEST(ErrorJson, KeepsFaultDetailAndSteps) {
    const Error before{Fault::CAPF_AUTH_CODE, "reason 7", "enrol: authenticate"};
    const auto again = error_from_json(to_json(before));
    ASSERT_TRUE(again);
    EXPECT_EQ(again->fault, before.fault);
    EXPECT_EQ(again->detail, before.detail);
    EXPECT_EQ(again->during, before.during);
}

}  // namespace
}  // namespace tserver::control
