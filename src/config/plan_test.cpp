#include "config/plan.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "config/clash.hpp"
#include "config/options.hpp"

namespace tserver::config {
namespace {

constexpr std::string_view base = R"([TServer]
link-1-name = one
link-2-name = two
[link-tls]
password = s3cret
tls-cert-path = /var/lib/tserver
tls-capf-host = cucm
tls-capf-port = 3804
tls-tftp-host = cucm
tls-tftp-port = 69
[one]
tls-instance-id = cti01
tls-auth-code = 12345
hostname = sub1
[two]
tls-instance-id = cti02
hostname = sub1, sub2
)";

std::string edited(std::string text, std::string_view from, std::string_view to) {
    const auto at = text.find(from);
    if (at == std::string::npos) ADD_FAILURE() << "no such text: " << from;
    return text.replace(at, from.size(), to);
}
std::string edited(std::string_view from, std::string_view to) { return edited(std::string{base}, from, to); }

Config parsed(std::string_view text) {
    auto config = parse(text, "f");
    if (!config) {
        ADD_FAILURE() << as_error(config.error()).text();
        return {};
    }
    return *std::move(config);
}

std::string lines_of(const Plan& plan) {
    std::string out;
    for (const auto& c : plan.changes) {
        out += fmt::format("{}{} {}: {} [{}>{}]", out.empty() ? "" : "\n", c.link, c.option,
                           config::text(c.effect), c.from, c.to);
        EXPECT_FALSE(c.reason.empty()) << c.option;
    }
    return out;
}

struct Row {
    const char* name;
    std::string running, fresh;
    const char* lines;
};
void PrintTo(const Row& r, std::ostream* out) { *out << r.name; }
class ReloadPlan : public testing::TestWithParam<Row> {};

TEST_P(ReloadPlan, SaysPerOptionWhatItDoes) {
    const auto running = parsed(GetParam().running);
    const auto fresh = parsed(GetParam().fresh);
    EXPECT_EQ(lines_of(plan(running, fresh)), GetParam().lines);
}

TEST_P(ReloadPlan, CarriedOutLeavesExactlyWhatIsPending) {
    const auto running = parsed(GetParam().running);
    const auto fresh = parsed(GetParam().fresh);
    const auto first = plan(running, fresh);
    if (first.refused()) {
        EXPECT_EQ(first.after, running);
        return;
    }
    const auto again = plan(first.after, fresh);
    for (const auto& c : again.changes) EXPECT_EQ(c.effect, Effect::restart) << c.link << " " << c.option;
    std::vector<std::string> links{""};
    for (const auto& l : running.links) links.push_back(l.name);
    for (const auto& l : fresh.links) links.push_back(l.name);
    for (const auto& l : links) EXPECT_EQ(again.pending(l), first.pending(l)) << l;
}

const std::string old{base};

INSTANTIATE_TEST_SUITE_P(
    , ReloadPlan,
    testing::Values(
        Row{"NothingChanged", old, "# a comment\n" + old, ""},
        Row{"UsedCodeTakenOut", old, edited("tls-auth-code = 12345\n", ""),
            "one tls-auth-code: nothing [********>]"},
        Row{"AnotherCode", old, edited("12345", "54321"),
            "one tls-auth-code: drops and reconnects [********>********]"},
        Row{"FirstCode", old, edited("cti02", "cti02\ntls-auth-code = 11111"),
            "two tls-auth-code: drops and reconnects [>********]"},
        Row{"AnotherInstanceId", old, edited("cti02", "cti03"),
            "two tls-instance-id: drops and reconnects [cti02>cti03]"},
        Row{"InstanceIdTakenOut", old, edited("tls-instance-id = cti02\n", ""),
            "two tls-instance-id: drops and reconnects [cti02>]"},
        Row{"SwappedInstanceIds", old,
            edited(edited(edited("cti01", "cti09"), "cti02", "cti01"), "cti09", "cti02"),
            "one tls-instance-id: drops and reconnects [cti01>cti02]\n"
            "two tls-instance-id: drops and reconnects [cti02>cti01]"},
        Row{"SharedOptionWaitsForTheRestart", old, edited("3804", "3805"),
            "one tls-capf-port: pending restart [3804>3805]\ntwo tls-capf-port: pending restart [3804>3805]"},
        Row{"SharedOptionTakenOutLeavesTlsOn", old, edited("tls-tftp-port = 69\n", ""),
            "one tls-tftp-port: pending restart [69>]\ntwo tls-tftp-port: pending restart [69>]"},
        Row{"AnotherPassphrase", old, edited("s3cret", "other"),
            "one password: pending restart [********>********]\ntwo password: pending restart "
            "[********>********]"},
        Row{"CtiManagerAdded", old, edited("hostname = sub1\n", "hostname = sub2, sub1\n"),
            "one hostname: at once [sub1>sub2, sub1]"},
        Row{"CtiManagerTakenOut", old, edited("sub1, sub2", "sub2"),
            "two hostname: drops and reconnects [sub1, sub2>sub2]"},
        Row{"TimeLimit", old, edited("cti02", "cti02\nconnect-timeout = 5s"),
            "two connect-timeout: at once [10s>5s]"},
        Row{"ListenWrittenOut", old, edited("cti02", "cti02\nlisten = 127.0.1.2:2748"),
            "two listen: nothing [>127.0.1.2:2748]"},
        Row{"ListenMoved", old, edited("cti02", "cti02\nlisten = 127.0.9.9:2748"),
            "two listen: drops and reconnects [>127.0.9.9:2748]"},
        Row{"PortWrittenOut", old, edited("cti02", "cti02\nport = 2749"), "two port: nothing [>2749]"},
        Row{"Profile", old, edited("cti02", "cti02\ntls-profile = modern"),
            "two tls-profile: drops and reconnects [cluster>modern]"},
        Row{"ProfileOfALinkInClear", edited("tls-tftp-port = 69\n", ""),
            edited(edited("tls-tftp-port = 69\n", ""), "cti02", "cti02\ntls-profile = modern"),
            "two tls-profile: at once [cluster>modern]"},
        Row{"TlsRequiredWhileTlsIsOn", old, edited("cti02", "cti02\ntls-required = true"),
            "two tls-required: at once [false>true]"},
        Row{"TlsRequiredOfALinkInClear", edited("tls-tftp-port = 69\n", ""),
            edited(edited("tls-tftp-port = 69\n", ""), "cti02", "cti02\ntls-required = true"),
            "two tls-required: drops and reconnects [false>true]"},
        Row{"LinkAdded", old,
            edited("link-2-name = two\n", "link-2-name = two\nlink-3-name = three\n") +
                "[three]\nhostname = sub3\n",
            "three link-3-name: pending restart [>three]"},
        Row{"LinkTakenOut", old, edited("link-2-name = two\n", ""),
            "two link-2-name: pending restart [two>]"},
        Row{"LinkRenumbered", old, edited("link-2-name", "link-5-name"),
            "two link-5-name: pending restart [link-2-name>link-5-name]"},
        Row{"LogLevel", old, edited("[TServer]\n", "[TServer]\nlog-level = debug\n"),
            " log-level: at once [standard>debug]"},
        Row{"ControlSocket", old, edited("[TServer]\n", "[TServer]\ncontrol-socket = /tmp/x\n"),
            " control-socket: pending restart [/run/tserver/control>/tmp/x]"},
        Row{"InstanceIdOfALinkThatRunsUntilTheRestart", old,
            edited(edited("link-2-name = two\n", ""), "cti01", "cti02"),
            "one tls-instance-id: drops and reconnects [cti01>cti02]\n"
            "two link-2-name: pending restart [two>]\n"
            "two tls-instance-id: refused [>cti02]"}),
    [](const auto& row) { return std::string{row.param.name}; });

TEST(Plan, PendingOptionsKeepTheirRunningValueAndTheOthersChange) {
    const auto after = plan(parsed(base), parsed(edited(edited("3804", "3805"), "cti02", "cti03"))).after;
    ASSERT_EQ(after.links.size(), 2U);
    EXPECT_EQ(after.links[1].capf_port, Port{3804});
    EXPECT_EQ(after.links[1].instance_id->str(), "cti03");
}

TEST(Plan, NamesTheLinksThatDropOnceEach) {
    const auto p =
        plan(parsed(base), parsed(edited(edited("cti02", "cti03\nlisten = 127.0.9.1"), "12345", "11111")));
    EXPECT_EQ(p.resets(), (std::vector<std::string>{"one", "two"}));
    EXPECT_EQ(p.on("two"), Effect::link_reset);
    EXPECT_EQ(p.on("three"), Effect::nothing);
}

/// A configuration of up to four links with a random choice of options set to their examples.
Config random_config(std::minstd_rand& random) {
    const auto one_in = [&](unsigned n) { return random() % n == 0; };
    Config config;
    LinkConfig shared;
    const auto set_some = [&](LinkConfig& link, std::initializer_list<Where> sections) {
        for (const auto& option : options()) {
            const auto* access = std::get_if<Access<LinkConfig>>(&option.access);
            if (access == nullptr || std::ranges::find(sections, option.where) == sections.end() || one_in(2))
                continue;
            EXPECT_TRUE(access->set(link, option.example));
        }
    };
    set_some(shared, {Where::shared});
    for (unsigned n = 1; n <= 4; ++n) {
        if (one_in(4)) continue;
        auto link = shared;
        link.name = fmt::format("link-{}", n);
        link.number = one_in(8) ? n + 10 : n;
        set_some(link, {Where::link, Where::shared_or_link});
        if (link.instance_id) link.instance_id = *InstanceId::parse(fmt::format("cti{}", random() % 6));
        if (link.listen)
            link.listen = Endpoint{*Host::parse(fmt::format("127.0.1.{}", 1 + random() % 6)), 2748};
        config.links.push_back(link);
    }
    return config;
}

TEST(Plan, OfThousandRandomChangeSetsLeavesExactlyWhatIsPending) {
    std::minstd_rand random{20261125};
    int taken = 0;
    while (taken < 1000) {
        const auto running = random_config(random);
        const auto fresh = random_config(random);
        if (!clashes(running.links).empty() || !clashes(fresh.links).empty()) continue;
        const auto p = plan(running, fresh);
        if (p.refused()) {
            ASSERT_EQ(p.after, running);
            continue;
        }
        ++taken;
        ASSERT_TRUE(clashes(p.after.links).empty());
        ASSERT_EQ(p.after.links.size(), running.links.size());
        for (const auto& c : plan(p.after, fresh).changes)
            ASSERT_EQ(c.effect, Effect::restart) << c.link << " " << c.option;
        for (std::size_t i = 0; i < running.links.size(); ++i) {
            const auto& before = running.links[i];
            const auto& after = p.after.links[i];
            ASSERT_EQ(p.pending(before.name), plan(p.after, fresh).pending(before.name));
            if (p.on(before.name) == Effect::link_reset) continue;
            // What a running session rests on is the same unless the plan says that the link drops.
            ASSERT_EQ(security(after), security(before));
            ASSERT_EQ(listen_on(after), listen_on(before));
            ASSERT_EQ(cti_port(after), cti_port(before));
            ASSERT_TRUE(security(after) != Security::tls || after.instance_id == before.instance_id);
        }
    }
}

TEST(Plan, PassphraseMovedIntoAFileIsNoChange) {
    const auto running = parsed(base);
    auto fresh = parsed(edited("password = s3cret", "password-file = /etc/tserver/p"));
    for (auto& link : fresh.links) link.passphrase = Secret{"s3cret"};
    const auto p = plan(running, fresh);
    EXPECT_EQ(lines_of(p),
              "one password-file: nothing [>/etc/tserver/p]\ntwo password-file: nothing [>/etc/tserver/p]");
    EXPECT_EQ(p.after, fresh);
}

TEST(Plan, F93_ShowsNoSecret) {
    const auto p = plan(parsed(base), parsed(edited(edited("12345", "9876543210"), "s3cret", "canary")));
    for (const auto& c : p.changes) {
        for (const auto* secret : {"12345", "9876543210", "s3cret", "canary"})
            EXPECT_EQ((c.from + c.to + c.reason).find(secret), std::string::npos);
    }
}

}  // namespace
}  // namespace tserver::config
