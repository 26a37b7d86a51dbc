#include "config/config.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "config/options.hpp"

namespace tserver::config {
namespace {

constexpr std::string_view complete = R"([TServer]
link-1-name = link-tls-1
link-2-name = link-tls-2

[link-tls]
password = s3cret # not a comment
tls-cert-path = /var/lib/tserver
tls-capf-host = cucm-pub.example.com
tls-capf-port = 3804
tls-tftp-host = 10.1.1.5
tls-tftp-port = 69

[link-tls-1]
tls-instance-id = cti01
tls-auth-code = 12345
hostname = sub1.example.com, sub2.example.com.

[link-tls-2]
tls-instance-id = cti02
hostname = [fe80::1%eth0]
)";

std::string replaced(std::string_view from, std::string_view to) {
    std::string text{complete};
    const auto at = text.find(from);
    if (at == std::string::npos) ADD_FAILURE() << "no such text: " << from;
    return text.replace(at, from.size(), to);
}

std::string problems_of(const Checked<Config>& config) {
    if (config) return "accepted";
    std::string out;
    for (const auto& p : config.error()) {
        out += fmt::format("{}{} {}: {}", out.empty() ? "" : "\n", id(p.fault), p.at.str(), p.text);
        if (p.other) out += fmt::format(" <- {}", p.other->str());
    }
    return out;
}

TEST(Configuration, GivesEveryLinkItsTypedOptions) {
    const auto config = parse(complete, "tserver.conf");
    ASSERT_TRUE(config) << problems_of(config);
    ASSERT_EQ(config->links.size(), 2U);
    const auto& one = config->links[0];
    EXPECT_EQ(one.name, "link-tls-1");
    EXPECT_EQ(one.number, 1U);
    EXPECT_EQ(one.passphrase, Secret{"s3cret # not a comment"});
    EXPECT_EQ(one.store, "/var/lib/tserver");
    EXPECT_EQ(one.capf_port, Port{3804});
    EXPECT_EQ(one.auth_code->reveal(), "12345");
    EXPECT_EQ(config->links[1].auth_code, std::nullopt);
    EXPECT_TRUE(config->warnings.empty());
    EXPECT_EQ(config->source, "tserver.conf");
    EXPECT_EQ(config->link("link-tls-2"), &config->links[1]);
    EXPECT_EQ(config->link("link-tls-3"), nullptr);
}

TEST(Configuration, F62_F63_HostsAreTakenInEveryForm) {
    const auto config = parse(complete, "f");
    ASSERT_TRUE(config);
    ASSERT_EQ(config->links[0].hostname.size(), 2U);
    EXPECT_EQ(config->links[0].hostname[1].str(), "sub2.example.com");
    EXPECT_EQ(config->links[1].hostname[0].str(), "fe80::1%eth0");
}

TEST(Configuration, SharedValueIsTheLinksUnlessItsOwnSectionSaysOtherwise) {
    const auto config = parse(
        replaced("tls-tftp-port = 69", "tls-tftp-port = 69\ntls-profile = modern") + "tls-profile = legacy\n",
        "f");
    ASSERT_TRUE(config);
    EXPECT_EQ(config->links[0].tls_profile, TlsProfile::modern);
    EXPECT_EQ(config->links[1].tls_profile, TlsProfile::legacy);
}

TEST(Configuration, DefaultsFollowTheLinksNumberAndTls) {
    const auto config = parse(replaced("link-2-name", "link-300-name"), "f");
    ASSERT_TRUE(config);
    EXPECT_EQ(listen_on(config->links[0]).str(), "127.0.1.1:2748");
    EXPECT_EQ(listen_on(config->links[1]).str(), "127.0.2.44:2748");
    EXPECT_EQ(cti_port(config->links[0]), 2749);
    const auto plain = parse(replaced("tls-instance-id = cti02\n", ""), "f");
    ASSERT_TRUE(plain);
    EXPECT_EQ(cti_port(plain->links[1]), 2748);
}

struct Refusal {
    const char* name;
    std::string text;
    const char* problems;
};
void PrintTo(const Refusal& r, std::ostream* out) { *out << r.name; }
class Refused : public testing::TestWithParam<Refusal> {};

TEST_P(Refused, WithFaultPlaceAndText) {
    EXPECT_EQ(problems_of(parse(GetParam().text, "f")), GetParam().problems);
}

INSTANTIATE_TEST_SUITE_P(
    , Refused,
    testing::Values(
        Refusal{"F12_PasswordWithoutValue", replaced("password = s3cret # not a comment", "password ="),
                "STORE_EMPTY_PASSPHRASE f:6:11: password: the passphrase is empty"},
        Refusal{"PasswordOfQuotesOnly", replaced("s3cret # not a comment", "\"\""),
                "STORE_EMPTY_PASSPHRASE f:6:12: password: the passphrase is empty"},
        Refusal{"OptionWithoutValue", replaced("12345", ""),
                "CONFIG_VALUE f:15:16: tls-auth-code: there is no value"},
        Refusal{"CodeTooShort", replaced("12345", "123"),
                "CONFIG_VALUE f:15:17: tls-auth-code: an authentication code is 4 to 10 digits"},
        Refusal{"CodeNotDigits", replaced("12345", "1234a"),
                "CONFIG_VALUE f:15:17: tls-auth-code: an authentication code is 4 to 10 digits"},
        Refusal{
            "InstanceIdWithBlank", replaced("cti01", "cti 01"),
            "CONFIG_VALUE f:14:19: tls-instance-id: an instance ID has letters and digits only; character "
            "at offset 3 is not"},
        Refusal{"SameInstanceIdTwice", replaced("cti02", "cti01"),
                "CONFIG_CONFLICT f:19:19: tls-instance-id: cti01 of [link-tls-2] is taken by [link-tls-1] <- "
                "f:14:19"},
        Refusal{"SameListenAddressTwice", replaced("cti02", "cti02\nlisten = 127.0.1.1"),
                "CONFIG_CONFLICT f:20:10: listen: 127.0.1.1:2748 of [link-tls-2] is taken by [link-tls-1] <- "
                "f:13:1"},
        Refusal{"AnyAddressTakesEveryAddress", replaced("cti02", "cti02\nlisten = 0.0.0.0:2748"),
                "CONFIG_CONFLICT f:20:10: listen: 0.0.0.0:2748 of [link-tls-2] is taken by [link-tls-1] <- "
                "f:13:1"},
        Refusal{"AnyIpv6AddressTakesIpv4Too", replaced("cti02", "cti02\nlisten = [::]:2748"),
                "CONFIG_CONFLICT f:20:10: listen: [::]:2748 of [link-tls-2] is taken by [link-tls-1] <- "
                "f:13:1"},
        Refusal{"SameAddressInTwoSpellings", replaced("cti02", "cti02\nlisten = [::ffff:127.0.1.1]:2748"),
                "CONFIG_CONFLICT f:20:10: listen: [::ffff:127.0.1.1]:2748 of [link-tls-2] is taken by "
                "[link-tls-1] <- f:13:1"},
        Refusal{"ListenOnAName", replaced("cti02", "cti02\nlisten = localhost:2748"),
                "CONFIG_VALUE f:20:10: listen: \"localhost:2748\" is not an address of this host (a name is "
                "not taken here)"},
        Refusal{"UnknownOption", replaced("tls-capf-port", "tls-capf-prt"),
                "CONFIG_UNKNOWN f:9:1: tls-capf-prt is not an option of [link-tls]; did you mean "
                "tls-capf-port?"},
        Refusal{"OptionInTheWrongSection", replaced("tls-tftp-port = 69", "tls-instance-id = cti09"),
                "CONFIG_UNKNOWN f:11:1: tls-instance-id does not belong in [link-tls]"},
        Refusal{"LinkNumberWithLeadingZero", replaced("link-2-name", "link-02-name"),
                "CONFIG_UNKNOWN f:3:1: link-02-name: n of link-<n>-name is a number from 1 to 999, without "
                "leading zeros"},
        Refusal{"UnknownSection", replaced("[link-tls]", "[link-tsl]"),
                "CONFIG_UNKNOWN f:5:1: section [link-tsl] is not known; did you mean link-tls?"},
        Refusal{"LinkNamesNoSection", replaced("[link-tls-2]", "[link-tls-3]"),
                "CONFIG_MISSING f:3:15: link-2-name: there is no section [link-tls-2]; did you mean "
                "link-tls-3?"},
        Refusal{"LinkNamesAFixedSection", replaced("link-1-name = link-tls-1", "link-1-name = link-tls"),
                "CONFIG_CONFLICT f:2:15: link-1-name: [link-tls] cannot be the section of a link"},
        Refusal{"TwoLinksNameOneSection", replaced("link-2-name = link-tls-2", "link-2-name = link-tls-1"),
                "CONFIG_CONFLICT f:3:15: link-2-name: link-1-name names the same section <- f:2:15"},
        Refusal{"LinkNameWithBlank", replaced("link-1-name = link-tls-1", "link-1-name = link tls 1"),
                "CONFIG_VALUE f:2:15: link-1-name: the name of a link is 1 to 64 letters, digits, dots, - or "
                "_"},
        Refusal{"NoHostname", replaced("hostname = [fe80::1%eth0]", ""),
                "CONFIG_MISSING f:18:1: [link-tls-2] has no hostname"},
        Refusal{"NoLink", "[TServer]\n", "CONFIG_MISSING f:1:1: [TServer] names no link"},
        Refusal{"Empty", "", "CONFIG_MISSING f: there is no section [TServer]"},
        Refusal{"HostThatLooksLikeAnAddress", replaced("10.1.1.5", "10.1.1.500"),
                "CONFIG_VALUE f:10:17: tls-tftp-host: \"10.1.1.500\" is neither a name nor a valid address"},
        Refusal{"EmptyHostInAList", replaced("sub1.example.com,", "sub1.example.com,,"),
                "CONFIG_VALUE f:16:12: hostname: a host is missing between two commas or at an end"},
        Refusal{"PortTooLarge", replaced("3804", "65536"),
                "CONFIG_VALUE f:9:17: tls-capf-port: \"65536\" is not a port (1 to 65535)"},
        Refusal{"CommentBehindAValue", replaced("3804", "3804 # CAPF"),
                "CONFIG_VALUE f:9:17: tls-capf-port: \"3804 # CAPF\" is not a port (1 to 65535)"},
        Refusal{"RelativePath", replaced("/var/lib", "var/lib"),
                "CONFIG_VALUE f:7:17: tls-cert-path: the path must be absolute, beginning with /"},
        Refusal{
            "ShortFingerprint",
            replaced("tls-tftp-port = 69", "tls-tftp-port = 69\ntls-ctl-fingerprint = AB:CD"),
            "CONFIG_VALUE f:12:23: tls-ctl-fingerprint: a SHA-256 fingerprint has 32 octets, this one has 2"},
        Refusal{"PasswordTwice", replaced("tls-tftp-port = 69", "tls-tftp-port = 69\npassword-file = /etc/p"),
                "CONFIG_DUPLICATE f:12:1: password and password-file are both set <- f:6:1"},
        Refusal{"WaitsTheWrongWayRound", replaced("cti02", "cti02\nreconnect-min = 40s"),
                "CONFIG_VALUE f:20:17: reconnect-max (30s) is less than reconnect-min (40s)"},
        Refusal{"TimeOutOfRange", replaced("cti02", "cti02\nconnect-timeout = 1h"),
                "CONFIG_VALUE f:20:19: connect-timeout: \"1h\" is not a time from 100ms to 5m"},
        Refusal{"TimeNotInWholeSeconds", replaced("cti02", "cti02\nkeepalive-idle = 1500ms"),
                "CONFIG_VALUE f:20:18: keepalive-idle: the time must be in whole seconds"},
        Refusal{
            "WordWithTypingError", replaced("cti02", "cti02\ntls-profile = legasy"),
            "CONFIG_VALUE f:20:15: tls-profile: \"legasy\" is not modern, cluster or legacy; \"legacy\"?"},
        Refusal{"F89_DuplicateOption", replaced("cti02", "cti02\ntls-instance-id = cti03"),
                "CONFIG_DUPLICATE f:20:1: tls-instance-id is given twice in [link-tls-2] <- f:19:1"},
        Refusal{"F89_DuplicateSection", std::string{complete} + "[link-tls]\ntls-capf-port = 1\n",
                "CONFIG_DUPLICATE f:21:1: section [link-tls] is there twice <- f:5:1\n"
                "CONFIG_DUPLICATE f:22:1: tls-capf-port is given twice in [link-tls] <- f:9:1"},
        Refusal{"F89_Nul", replaced("cti02", std::string_view{"cti\0002", 5}),
                "CONFIG_SYNTAX f:19:22: the line holds a NUL octet"},
        Refusal{"F89_InvalidUtf8", replaced("cti02", "cti\xFF"),
                "CONFIG_SYNTAX f:19:22: the line is not valid UTF-8"},
        Refusal{"F89_LineOfOneMebibyte", replaced("cti02", "cti" + std::string(std::size_t{1} << 20U, 'a')),
                "CONFIG_SYNTAX f:19:8193: the line is 1048597 octets long, more than 8192"},
        Refusal{"LoneCarriageReturn", replaced("cti02", "cti02\rport = 1"),
                "CONFIG_SYNTAX f:19:24: the line holds a control character (0x0d)"},
        Refusal{"F87_Utf16LittleEndian", std::string{"\xFF\xFE[\0T\0", 6},
                "CONFIG_SYNTAX f:1:1: the file is UTF-16, not UTF-8"},
        Refusal{"F87_Utf16WithoutMark", std::string{"\0[\0T\0S", 6},
                "CONFIG_SYNTAX f:1:1: the file is UTF-16, not UTF-8"},
        Refusal{"LineThatIsNothing", replaced("tls-capf-port = 3804", "tls-capf-port 3804"),
                "CONFIG_SYNTAX f:9:1: the line is neither `name = value` nor [section] nor a comment"},
        Refusal{"SectionNotClosed", replaced("[link-tls-2]", "[link-tls-2"),
                "CONFIG_MISSING f:3:15: link-2-name: there is no section [link-tls-2]\n"
                "CONFIG_SYNTAX f:18:1: a section is written [name], alone on its line"},
        Refusal{"OptionBeforeTheFirstSection", "port = 1\nport = 2\n" + std::string{complete},
                "CONFIG_SYNTAX f:1:1: an option stands before the first section"}),
    [](const auto& row) { return std::string{row.param.name}; });

TEST(Configuration, EveryProblemOfAFileIsReportedInTheOrderOfItsLines) {
    auto text = replaced("3804", "none");
    text.replace(text.find("12345"), 5, "1");
    text.replace(text.find("[fe80::1%eth0]"), 14, "a..b");
    EXPECT_EQ(problems_of(parse(text, "f")),
              "CONFIG_VALUE f:9:17: tls-capf-port: \"none\" is not a port (1 to 65535)\n"
              "CONFIG_VALUE f:15:17: tls-auth-code: an authentication code is 4 to 10 digits\n"
              "CONFIG_VALUE f:20:12: hostname: \"a..b\" is not a host name or address");
}

TEST(Configuration, AHostileFileGetsABoundedReport) {
    std::string text{complete};
    for (int i = 0; i < 10'000; ++i) text += "nonsense\n";
    const auto config = parse(text, "f");
    ASSERT_FALSE(config);
    ASSERT_EQ(config.error().size(), 101U);
    EXPECT_EQ(config.error().back().text, "9900 more problems are not listed");
}

TEST(Configuration, F87_ByteOrderMarkAndCrlfAreAccepted) {
    std::string text{"\xEF\xBB\xBF"};
    for (const char c : complete) text += c == '\n' ? std::string{"\r\n"} : std::string{c};
    const auto config = parse(text, "f");
    ASSERT_TRUE(config) << problems_of(config);
    EXPECT_EQ(*config, *parse(complete, "f"));
}

TEST(Configuration, F90_PathsKeepBlanksQuotesAndOtherLetters) {
    const auto config = parse(replaced("/var/lib/tserver", "/srv/mein 'Tresor' \"ä\""), "f");
    ASSERT_TRUE(config) << problems_of(config);
    EXPECT_EQ(config->links[0].store, "/srv/mein 'Tresor' \"ä\"");
}

struct Quoting {
    const char *written, *value;
};
class PassphraseText : public testing::TestWithParam<Quoting> {};
TEST_P(PassphraseText, IsTakenAsGiven) {
    const auto config = parse(replaced("s3cret # not a comment", GetParam().written), "f");
    ASSERT_TRUE(config) << problems_of(config);
    EXPECT_EQ(config->links[0].passphrase->reveal(), GetParam().value);
}
INSTANTIATE_TEST_SUITE_P(, PassphraseText,
                         testing::Values(Quoting{"a;b#c=d", "a;b#c=d"}, Quoting{"#first", "#first"},
                                         Quoting{" \t blanks around \t", "blanks around"},
                                         Quoting{"\"  blanks kept \"", "  blanks kept "},
                                         Quoting{"\"\"quoted\"\"", "\"quoted\""}, Quoting{"\"", "\""},
                                         Quoting{"back\\slash\\n", "back\\slash\\n"},
                                         Quoting{"Straße", "Straße"}));

TEST(Configuration, NoProblemRepeatsASecret) {
    for (const auto* text : {"password = canary\npassword = canary", "password canary",
                             "tls-auth-code = canary", "passwort = canary", "[password = canary"}) {
        const auto config = parse(
            std::string{complete} + "[link-tls]\n" + text + "\n[link-tls-1]\ntls-auth-code=canary", "f");
        ASSERT_FALSE(config);
        for (const auto& p : config.error()) EXPECT_EQ(p.str().find("canary"), std::string::npos) << p.str();
    }
}

TEST(Problem, SaysPlaceTextOtherPlaceAndRemedyOnLinesOfTheirOwn) {
    const auto config = parse(replaced("cti02", "cti01"), "/etc/tserver.conf");
    ASSERT_FALSE(config);
    EXPECT_EQ(config.error().front().str(),
              "/etc/tserver.conf:19:19: tls-instance-id: cti01 of [link-tls-2] is taken by [link-tls-1]\n"
              "    see also: /etc/tserver.conf:14:19\n"
              "    remedy: give each link its own tls-instance-id and its own listen address");
    EXPECT_EQ(
        as_error(config.error()).detail,
        "/etc/tserver.conf:19:19: tls-instance-id: cti01 of [link-tls-2] is taken by [link-tls-1] (see also "
        "/etc/tserver.conf:14:19)");
}

std::string warnings_of(const Checked<Config>& config) {
    if (!config) return problems_of(config);
    std::string out;
    for (const auto& w : config->warnings)
        out += fmt::format("{}{} {}: {}", out.empty() ? "" : "\n", id(w.fault), w.at.str(), w.text);
    return out;
}

TEST(Warning, NamesWhatIsMissingForTlsOnceForAllLinks) {
    auto text = replaced("tls-capf-port = 3804\n", "");
    EXPECT_EQ(warnings_of(parse(text, "f")),
              "CONFIG_INCOMPLETE f:12:1: TLS is off for link-tls-1, link-tls-2, which go in clear: not set: "
              "tls-capf-port");
    text.replace(text.find("password = s3cret # not a comment"), 33, "tls-required = true");
    EXPECT_EQ(
        warnings_of(parse(text, "f")),
        "CONFIG_INCOMPLETE f:12:1: TLS is off for link-tls-1, link-tls-2, which stay down (tls-required): "
        "not set: password, tls-capf-port");
}

TEST(Warning, NoneWhenNoTlsOptionIsSetAtAll) {
    EXPECT_EQ(warnings_of(parse("[TServer]\nlink-1-name=a\n[a]\nhostname=cucm\n", "f")), "");
}

TEST(Warning, LinkSectionThatNobodyNamesIsNotUsed) {
    EXPECT_EQ(warnings_of(parse(std::string{complete} + "[link-tls-3]\nhostname = cucm\n", "f")),
              "CONFIG_UNKNOWN f:21:1: section [link-tls-3] is not used: no link-<n>-name names it");
}

TEST(Warning, ListenerThatOtherHostsReach) {
    EXPECT_EQ(
        warnings_of(parse(replaced("cti02", "cti02\nlisten = 10.1.1.9:2748"), "f")),
        "CONFIG_VALUE f:20:10: listen: 10.1.1.9:2748 is not a loopback address; what comes there is not "
        "encrypted");
}

TEST(Warning, PortThatBelongsToTheOtherMode) {
    EXPECT_EQ(warnings_of(parse(replaced("cti02", "cti02\nport = 2748"), "f")),
              "CONFIG_VALUE f:20:8: port: 2748 is the plain port of CTIManager, and TLS is on for this link");
}

TEST(Tls, IsOffAsSoonAsOneNeededOptionIsMissing) {
    for (const auto& option : options()) {
        if (option.tls == ForTls::not_needed) continue;
        std::string text{complete};
        for (std::size_t at = 0; (at = text.find(option.name, at)) != std::string::npos;)
            text.erase(at, text.find('\n', at) - at + 1);
        const auto config = parse(text, "f");
        ASSERT_TRUE(config) << option.name << problems_of(config);
        EXPECT_FALSE(tls_on(config->links[0])) << option.name;
        EXPECT_EQ(security(config->links[0]), Security::plain) << option.name;
        EXPECT_EQ(missing_for_tls(config->links[0]), std::vector{option.name});
    }
}

TEST(Tls, PasswordFileCountsAsPassword) {
    const auto config =
        parse(replaced("password = s3cret # not a comment", "password-file = credential:store"), "f");
    ASSERT_TRUE(config);
    EXPECT_TRUE(tls_on(config->links[0]));
}

TEST(Tls, RequiredKeepsALinkWithoutAnyTlsOptionDown) {
    const auto config = parse("[TServer]\nlink-1-name=a\n[a]\nhostname=cucm\ntls-required=yes\n", "f");
    ASSERT_TRUE(config);
    EXPECT_EQ(security(config->links[0]), Security::down);
    EXPECT_EQ(missing_for_tls(config->links[0]).size(), 7U);
}

}  // namespace
}  // namespace tserver::config
