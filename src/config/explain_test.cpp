#include "config/explain.hpp"

#include <gtest/gtest.h>
#include "tests/support/page.hpp"

namespace tserver::config {
namespace {

constexpr std::string_view text = R"([TServer]
link-3-name = one
link-12-name = two
log-level = trace
[link-tls]
password = "  canary; "
tls-cert-path = /srv/a b/"c"
tls-capf-host = cucm
tls-profile = modern
[one]
tls-instance-id = cti01
tls-auth-code = 9876543210
hostname = sub1, [::1]
listen = [::1]:9000
keepalive-idle = 90s
[two]
hostname = sub2
tls-profile = legacy
)";

Config config_of(std::string_view from) {
    auto config = parse(from, "f");
    if (!config) ADD_FAILURE() << as_error(config.error()).text();
    return config ? *std::move(config) : Config{};
}

TEST(Show, PrintedAndReadAgainChangesNothing) {
    const auto config = config_of(text);
    EXPECT_EQ(config_of(show(config, Secrets::in_clear)), config);
}

TEST(Show, EveryOptionWithItsExampleIsReadAgain) {
    std::string file = "[TServer]\nlink-1-name = a\n";
    std::string sections[2];
    for (const auto& option : options()) {
        if (option.name == "password-file" || std::holds_alternative<Structure>(option.access)) continue;
        const auto line = std::string{option.name} + " = " + std::string{option.example} + "\n";
        (option.where == Where::daemon ? file : sections[option.where == Where::shared ? 0 : 1]) += line;
    }
    const auto config = config_of(file + "[link-tls]\n" + sections[0] + "[a]\n" + sections[1]);
    EXPECT_EQ(config_of(show(config, Secrets::in_clear)), config);
}

TEST(Show, F93_SecretsAreStarsOfOneLength) {
    const auto shown = show(config_of(text));
    EXPECT_EQ(shown.find("canary"), std::string::npos);
    EXPECT_EQ(shown.find("9876543210"), std::string::npos);
    EXPECT_NE(shown.find("password = ********\n"), std::string::npos);
    EXPECT_NE(shown.find("tls-auth-code = ********\n"), std::string::npos);
}

TEST(Show, SaysWhereThePassphraseComesFromAndWhatIsDefault) {
    auto config = config_of("[TServer]\nlink-1-name=a\n[link-tls]\npassword-file=/etc/p\n[a]\nhostname=h\n");
    config.links[0].passphrase = Secret{"canary"};
    const auto shown = show(config, Secrets::in_clear);
    EXPECT_EQ(shown.find("canary"), std::string::npos);
    EXPECT_NE(shown.find("# password: from password-file\n"), std::string::npos);
    EXPECT_NE(shown.find("# listen: 127.0.1.<n>:2748\n"), std::string::npos);
    EXPECT_NE(shown.find("# tls-auth-code: not set\n"), std::string::npos);
}

TEST(Explain, SaysEverythingTheTableKnowsOfAnOption) {
    EXPECT_EQ(explain("tls-capf-port"),
              "tls-capf-port\n\n"
              "  TCP port of the CAPF service; 3804 unless it was changed on the cluster.\n\n"
              "  section        [link-tls]\n"
              "  valid          port\n"
              "  default        not set\n"
              "  takes effect   after a restart of tserver\n"
              "  needed for TLS yes\n"
              "  example        tls-capf-port = 3804\n");
    EXPECT_EQ(explain("link-7-name"), explain("link-<n>-name"));
    EXPECT_EQ(explain("nonsense"), std::nullopt);
}

TEST(Explain, ListsEveryOption) {
    const auto all = explain_all();
    for (const auto& option : options())
        EXPECT_NE(all.find("  " + std::string{option.name} + " "), std::string::npos) << option.name;
}

TEST(OptionsDocument, F73_CommittedOneIsTheGeneratedOne) {
    EXPECT_EQ(test::committed_page("options.md"), options_document())
        << "make it anew: tserverctl config explain --markdown > doc/options.md";
}

}  // namespace
}  // namespace tserver::config
