#include "console/metrics.hpp"

#include <gmock/gmock.h>

#include <regex>
#include <set>
#include <sstream>

namespace tserver::console {
namespace {

using testing::HasSubstr;
using testing::Not;

Instant at(std::string_view text) { return *from_rfc3339(text); }

control::Status with_one_link() {
    control::LinkStatus link;
    link.name = "a";
    link.state = control::LinkState::up;
    link.since = at("2026-11-25T10:00:00Z");
    link.tls = true;
    link.identity =
        control::IdentityStatus{at("2026-11-01T00:00:00Z"), at("2031-11-01T00:00:00Z"), "ab", "CN=a"};
    link.trust = control::TrustStatus{};
    link.trust->state = control::TrustState::kept;
    link.trust->certificates = {{"CN=\"x\"\\\n", {"CAPF", "TFTP"}, at("2030-01-01T00:00:00Z")}};
    link.bytes = {5, 7};
    link.counters.handshake_ms = 12;
    link.counters.applications_refused = 3;
    link.failures = {{Fault::CTI_REFUSED, 4}};
    return {"0.1.0", 2, {link}, {}, {"cafe", 9}};
}

std::string text_of(const std::optional<control::Status>& status, Expiries& expiries,
                    Instant now = at("2026-11-25T10:00:00Z")) {
    if (status) expiries.learn(*status);
    return metrics_text(status, expiries, {}, now);
}

TEST(MetricsTest, ShowALinkWithItsStateBytesAndFailures) {
    Expiries expiries;
    const auto text = text_of(with_one_link(), expiries);
    for (const auto* line :
         {"tserver_up 1\n", "tserver_info{version=\"0.1.0\"} 1\n", "tserver_link_up{link=\"a\"} 1\n",
          "tserver_link_state{link=\"a\",state=\"up\"} 1\n",
          "tserver_link_state{link=\"a\",state=\"waiting\"} 0\n",
          "tserver_link_bytes_total{link=\"a\",direction=\"to_ctimanager\"} 5\n",
          "tserver_link_bytes_total{link=\"a\",direction=\"to_application\"} 7\n",
          "tserver_link_failures_total{link=\"a\",fault=\"CTI_REFUSED\"} 4\n",
          "tserver_link_applications_refused_total{link=\"a\"} 3\n",
          "tserver_link_handshake_seconds{link=\"a\"} 0.012\n",
          "tserver_trust_list_state{link=\"a\",state=\"kept\"} 1\n", "tserver_events_total 9\n"})
        EXPECT_THAT(text, HasSubstr(line));
}

TEST(MetricsTest, EscapeWhatACertificateSays) {
    Expiries expiries;
    EXPECT_THAT(
        text_of(with_one_link(), expiries),
        HasSubstr("tserver_trust_certificate_not_after_seconds{link=\"a\",subject=\"CN=\\\"x\\\"\\\\\\n\","
                  "roles=\"CAPF,TFTP\"} 1893456000\n"));
}

TEST(MetricsTest, F92_KeepTheEndsOfCertificatesWhileALinkOrTserverIsDown) {
    constexpr auto client = "tserver_client_certificate_not_after_seconds{link=\"a\"} 1951257600\n";
    Expiries expiries;
    auto status = with_one_link();
    EXPECT_THAT(text_of(status, expiries), HasSubstr(client));
    status.links[0].identity.reset();
    status.links[0].trust.reset();
    auto text = text_of(status, expiries);
    EXPECT_THAT(text, HasSubstr(client));
    EXPECT_THAT(text, HasSubstr("roles=\"CAPF,TFTP\"} 1893456000\n"));
    text = text_of(std::nullopt, expiries);
    EXPECT_THAT(text, HasSubstr("tserver_up 0\n"));
    EXPECT_THAT(text, HasSubstr(client));
    EXPECT_THAT(text, Not(HasSubstr("tserver_link_up{")));
    status.links.clear();
    EXPECT_THAT(text_of(status, expiries), Not(HasSubstr(client))) << "a link that was taken out";
}

TEST(MetricsTest, F92_TheEndStaysWhenItIsOverAndValidSaysSo) {
    constexpr auto* client_ends = "tserver_client_certificate_not_after_seconds{link=\"a\"} 1951257600\n";
    constexpr auto* listed_ends = "roles=\"CAPF,TFTP\"} 1893456000\n";
    struct Case {
        std::string_view now;
        int client, listed;
    };
    const Case cases[]{{"2026-10-31T23:59:59Z", 0, 1},  // before its begin
                       {"2026-11-25T10:00:00Z", 1, 1}, {"2029-12-31T23:59:59Z", 1, 1},
                       {"2030-01-01T00:00:00Z", 1, 0}, {"2031-10-31T23:59:59Z", 1, 0},
                       {"2031-11-01T00:00:00Z", 0, 0}, {"2040-01-01T00:00:00Z", 0, 0}};
    for (const auto& each : cases) {
        Expiries expiries;
        for (const bool answers : {true, false}) {  // tserver
            const auto status = answers ? std::optional{with_one_link()} : std::nullopt;
            const auto text = text_of(status, expiries, at(each.now));
            EXPECT_THAT(text, HasSubstr(client_ends)) << each.now;
            EXPECT_THAT(text, HasSubstr(listed_ends)) << each.now;
            EXPECT_THAT(text, HasSubstr(fmt::format("tserver_client_certificate_valid{{link=\"a\"}} {}\n",
                                                    each.client)))
                << each.now;
            EXPECT_THAT(text,
                        testing::ContainsRegex(fmt::format(
                            "tserver_trust_certificate_valid\\{{link=\"a\",.*roles=\"CAPF,TFTP\"\\}} {}\n",
                            each.listed)))
                << each.now;
        }
    }
}

TEST(MetricsTest, F92_ALinkThatHasNoCertificateYetHasNoneThatIsValid) {
    auto status = with_one_link();
    status.links[0].identity.reset();
    Expiries expiries;
    EXPECT_THAT(text_of(status, expiries), HasSubstr("tserver_client_certificate_valid{link=\"a\"} 0\n"));
    status.links[0].tls = false;
    Expiries in_clear;
    EXPECT_THAT(text_of(status, in_clear), Not(HasSubstr("tserver_client_certificate_valid{")));
}

TEST(MetricsTest, OfTwoCertificatesOfOneNameTheFirstToEndCounts) {
    auto status = with_one_link();
    auto& listed = status.links[0].trust->certificates;
    listed = {{"CN=x", {"CAPF"}, at("2030-01-01T00:00:00Z")}, {"CN=x", {"CAPF"}, at("2027-01-01T00:00:00Z")}};
    Expiries expiries;
    const auto text = text_of(status, expiries);
    EXPECT_THAT(text, HasSubstr("subject=\"CN=x\",roles=\"CAPF\"} 1798761600\n"));
    EXPECT_THAT(text, Not(HasSubstr("1893456000")));
}

/// As a scraper reads it: each family announced once, its samples behind it and nowhere else, no sample
/// twice.
TEST(MetricsTest, AreWellFormed) {
    Expiries expiries;
    std::istringstream text{text_of(with_one_link(), expiries)};
    const std::regex sample{
        R"(([a-z_]+)(\{[a-z_]+="(\\.|[^"\\])*"(,[a-z_]+="(\\.|[^"\\])*")*\})? [0-9.e+-]+)"};
    std::set<std::string> families, samples;
    std::string family;
    for (std::string line; std::getline(text, line);) {
        if (line.starts_with("# TYPE ")) {
            family = line.substr(7, line.find(' ', 7) - 7);
            EXPECT_TRUE(families.insert(family).second) << line;
            continue;
        }
        if (line.starts_with("# HELP ")) continue;
        std::smatch parts;
        ASSERT_TRUE(std::regex_match(line, parts, sample)) << line;
        EXPECT_EQ(parts[1], family) << line;
        EXPECT_TRUE(samples.insert(line.substr(0, line.rfind(' '))).second) << line;
    }
    EXPECT_EQ(families.size(), metric_families().size());
}

TEST(MetricsTest, CountersAreNamedSo) {
    for (const auto& family : metric_families())
        EXPECT_EQ(family.name.ends_with("_total"), family.type == "counter") << family.name;
}

}  // namespace
}  // namespace tserver::console
