#include "sim/settings.hpp"

#include <gmock/gmock.h>

namespace tserver::sim {
namespace {

Parsed parse(std::vector<const char*> words) {
    words.insert(words.begin(), "ucmsim");
    return parse_command_line(static_cast<int>(words.size()), words.data());
}

TEST(CommandLine, TakesEveryServiceNodesProfilesAndFaults) {
    const auto parsed = parse({"--tftp",     "127.0.0.1:0",
                               "--capf",     "127.0.0.1:3804",
                               "--cti",      "127.0.0.1:0",
                               "--cti",      "127.0.0.2:0",
                               "--cti-tls",  "127.0.0.1:0,127.0.0.2:0",
                               "--state",    "/s",
                               "--profile",  "user=u,instance=a,code=12345,key-size=4096",
                               "--profile",  "instance=b,code=6789",
                               "--tls",      "legacy",
                               "--cti-mode", "burst=10*300",
                               "--fault",    "tftp-drop=5",
                               "--record",   "/r",
                               "--control",  "/c",
                               "--http",     "[::1]:6970",
                               "--serve",    "a.bin=/tmp/a"});
    ASSERT_TRUE(std::holds_alternative<Settings>(parsed)) << std::get<Said>(parsed).text;
    const auto& s = std::get<Settings>(parsed);
    EXPECT_EQ(s.nodes(), 2U);
    EXPECT_EQ(s.cti_tls.at(1).str(), "127.0.0.2:0");
    EXPECT_EQ(s.http->str(), "[::1]:6970");
    EXPECT_EQ(s.profiles.at(0).key_size, 4096U);
    EXPECT_EQ(s.profiles.at(1).instance, "b");
    EXPECT_EQ(s.tls, TlsMode::legacy);
    EXPECT_EQ(s.mode.records, 10U);
    EXPECT_EQ(s.mode.octets, 300U);
    EXPECT_THAT(s.faults, testing::ElementsAre("tftp-drop=5"));
    EXPECT_EQ(s.served.at(0).first, "a.bin");
}

struct SettingsCase {
    std::vector<const char*> words;
    int exit_code;
    const char* text;
};
class CommandLineText : public testing::TestWithParam<SettingsCase> {};
TEST_P(CommandLineText, EndsWithTheNamedCodeAndText) {
    const auto parsed = parse(GetParam().words);
    ASSERT_TRUE(std::holds_alternative<Said>(parsed));
    EXPECT_EQ(std::get<Said>(parsed).exit_code, GetParam().exit_code);
    EXPECT_THAT(std::get<Said>(parsed).text, testing::HasSubstr(GetParam().text));
}
INSTANTIATE_TEST_SUITE_P(
    , CommandLineText,
    testing::Values(SettingsCase{{"--help"}, 0, "list renew-only"},
                    SettingsCase{{"--list-faults"}, 0, "tftp-drop=percent"},
                    SettingsCase{{"--tftp", "127.0.0.1:0"}, 2, "--state is needed"},
                    SettingsCase{{"--state", "/s", "--tftp", "localhost:69"}, 2, "not a numeric address"},
                    SettingsCase{{"--state", "/s", "--tftp", "127.0.0.1"}, 2, "ADDRESS:PORT is needed"},
                    SettingsCase{{"--state", "/s", "--tftp", "127.0.0.1:70000"}, 2, "a port is 0 to 65535"},
                    SettingsCase{{"--state", "/s", "--fault", "tftp-drip=1"}, 2, "perhaps tftp-drop"},
                    SettingsCase{{"--state", "/s", "--profile", "instance=a"}, 2, "code is missing"},
                    SettingsCase{{"--state", "/s", "--cti-mode", "loud"}, 2, "echo, sink, burst"},
                    SettingsCase{{"--state", "/s", "--tls", "old"}, 2, "old"},
                    SettingsCase{{"--state", "/s", "--serve", "a/b=/tmp/x"}, 2, "NAME without /"},
                    SettingsCase{{"--state", "/s", "--nonsense"}, 2, "--nonsense"}));

}  // namespace
}  // namespace tserver::sim
