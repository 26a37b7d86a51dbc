#include "config/options.hpp"

#include <gtest/gtest.h>

#include <set>

#include "base/secret.hpp"
#include "config/values.hpp"

namespace tserver::config {
namespace {

template <class Visit>
void each_of_a_link(Visit visit) {
    for (const auto& option : options()) {
        if (const auto* access = std::get_if<Access<LinkConfig>>(&option.access)) visit(option, *access);
    }
}

TEST(OptionsTable, EveryNameIsThereOnce) {
    std::set<std::string_view> names;
    for (const auto& option : options()) EXPECT_TRUE(names.insert(option.name).second) << option.name;
}

TEST(OptionsTable, DefaultsSaidAreDefaultsHad) {
    const LinkConfig defaults;
    each_of_a_link([&](const Option& option, const auto& access) {
        const auto had = access.get(defaults);
        if (!had) return;  // not set: the table says nothing, or words that depend on other options
        EXPECT_EQ(*had, option.fallback) << option.name;
    });
    for (const auto& option : options()) {
        const auto* access = std::get_if<Access<DaemonConfig>>(&option.access);
        if (access != nullptr) { EXPECT_EQ(access->get({}).value_or(""), option.fallback) << option.name; }
    }
}

TEST(OptionsTable, ExamplesAreValidAndReadBackTheSame) {
    each_of_a_link([&](const Option& option, const auto& access) {
        LinkConfig link;
        const auto good = access.set(link, option.example);
        ASSERT_TRUE(good) << option.name << ": " << good.error().text();
        EXPECT_NE(link, LinkConfig{})
            << option.name << ": set changes nothing (or the example is the default)";
        const auto written = access.get(link);
        ASSERT_TRUE(written) << option.name;
        LinkConfig again;
        ASSERT_TRUE(access.set(again, *written)) << option.name;
        EXPECT_EQ(again, link) << option.name;
    });
}

TEST(OptionsTable, EveryFieldOfALinkIsWrittenBySomeOption) {
    LinkConfig link;
    each_of_a_link([&](const Option& option, const auto& access) { (void)access.set(link, option.example); });
    EXPECT_TRUE(link.passphrase && link.capf_host && link.capf_port && link.tftp_host && link.tftp_port);
    EXPECT_TRUE(link.ctl_fingerprint && link.instance_id && link.auth_code && link.port && link.listen);
    EXPECT_FALSE(link.password_file.empty() || link.store.empty() || link.hostname.empty());
}

TEST(OptionsTable, F93_SecretsAreThePassphraseAndTheCode) {
    std::set<std::string_view> secrets;
    for (const auto& option : options()) {
        if (option.shown == Shown::as_stars) secrets.insert(option.name);
    }
    EXPECT_EQ(secrets, (std::set<std::string_view>{"password", "tls-auth-code"}));
}

TEST(OptionsTable, DocumentedOptionsTakeEffectAsDocumented) {
    for (const auto* name : {"link-1-name", "password", "tls-cert-path", "tls-capf-host", "tls-capf-port",
                             "tls-tftp-host", "tls-tftp-port"})
        EXPECT_EQ(option_named(name)->takes, Takes::restart) << name;
    for (const auto* name : {"tls-instance-id", "tls-auth-code"})
        EXPECT_EQ(option_named(name)->takes, Takes::link_reset) << name;
}

TEST(LinkNumber, IsOneTo999WithoutLeadingZeros) {
    EXPECT_EQ(link_number("link-1-name"), 1U);
    EXPECT_EQ(link_number("link-999-name"), 999U);
    for (const auto* bad : {"link-0-name", "link-01-name", "link-1000-name", "link--name", "link-name",
                            "link-x-name", "link--1-name", "link-1-names"})
        EXPECT_EQ(link_number(bad), std::nullopt) << bad;
}

struct Time {
    const char* text;
    long milliseconds;  ///< -1 = refused
    const char* canonical;
};
class TimeText : public testing::TestWithParam<Time> {};
TEST_P(TimeText, IsReadInItsUnit) {
    const auto& c = GetParam();
    const auto value = read_duration(c.text, std::chrono::milliseconds{0}, std::chrono::hours{48});
    EXPECT_EQ(value ? value->count() : -1, c.milliseconds);
    EXPECT_EQ(value ? duration_text(*value) : "", c.canonical);
}
INSTANTIATE_TEST_SUITE_P(, TimeText,
                         testing::Values(Time{"10", 10'000, "10s"}, Time{"10s", 10'000, "10s"},
                                         Time{"90 s", 90'000, "90s"}, Time{"120s", 120'000, "2m"},
                                         Time{"1500ms", 1'500, "1500ms"}, Time{"2h", 7'200'000, "2h"},
                                         Time{"1d", 86'400'000, "1d"}, Time{"0", 0, "0s"},
                                         Time{"49h", -1, ""}, Time{"-1s", -1, ""}, Time{"1.5s", -1, ""},
                                         Time{"s", -1, ""}, Time{"10x", -1, ""},
                                         Time{"99999999999d", -1, ""}));

TEST(Loopback, IsTheWholeOf127AndTheOneOfIpv6) {
    for (const auto* yes : {"127.0.0.1", "127.255.3.4", "::1", "::ffff:127.0.0.1"})
        EXPECT_TRUE(is_loopback(*Host::parse(yes))) << yes;
    for (const auto* no : {"10.0.0.1", "::", "0.0.0.0", "fe80::1", "localhost"})
        EXPECT_FALSE(is_loopback(*Host::parse(no))) << no;
}

}  // namespace
}  // namespace tserver::config
