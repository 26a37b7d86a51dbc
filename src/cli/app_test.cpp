#include "cli/app.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>

namespace tserver::cli {
namespace {

using testing::HasSubstr;

struct Outcome {
    int code;
    std::string out, err;
};
Outcome call(std::vector<std::string> arguments) {
    std::ostringstream out;
    std::ostringstream err;
    const int code = run(std::move(arguments), out, err);
    return {code, out.str(), err.str()};
}

const std::vector<std::vector<std::string>> commands{{"status"},
                                                     {"events"},
                                                     {"reload"},
                                                     {"config", "check"},
                                                     {"config", "show"},
                                                     {"config", "plan"},
                                                     {"config", "explain"},
                                                     {"link", "start"},
                                                     {"link", "stop"},
                                                     {"link", "restart"},
                                                     {"link", "enrol"},
                                                     {"trust", "show"},
                                                     {"trust", "verify"},
                                                     {"trust", "diff"},
                                                     {"trust", "confirm"},
                                                     {"trust", "refresh"},
                                                     {"store", "list"},
                                                     {"store", "check"},
                                                     {"store", "export"},
                                                     {"store", "confirm"}};

TEST(CommandLine, EveryCommandHelpsWithAnExampleAndItsExitCodes) {
    for (auto command : commands) {
        command.emplace_back("--help");
        const auto help = call(command);
        EXPECT_EQ(help.code, 0) << command[0];
        EXPECT_THAT(help.out, HasSubstr("Example: tserverctl " + command[0])) << command[0];
        EXPECT_THAT(help.out, HasSubstr("Exit: 0")) << command[0];
    }
}

TEST(CommandLine, F94_NoCommandTakesASecretAsArgument) {
    EXPECT_EQ(call({"link", "enrol", "a", "123456"}).code, 2);
    EXPECT_EQ(call({"link", "enrol", "a", "--code", "123456"}).code, 2);
    EXPECT_EQ(call({"store", "check", "--passphrase", "x"}).code, 2);
}

TEST(CommandLine, ExitsWith2WhenItIsNotUnderstood) {
    EXPECT_EQ(call({}).code, 2);
    EXPECT_EQ(call({"fly"}).code, 2);
    EXPECT_EQ(call({"config", "check"}).code, 2);
}

TEST(CommandLine, SaysWhatToDoWhenTserverDoesNotAnswer) {
    for (const std::vector<std::string>& command : {std::vector<std::string>{"status"},
                                                    {"reload"},
                                                    {"link", "stop", "a"},
                                                    {"trust", "confirm"},
                                                    {"config", "plan", "f"}}) {
        std::vector<std::string> arguments{"--control", "/nowhere/control"};
        arguments.insert(arguments.end(), command.begin(), command.end());
        const auto said = call(arguments);
        EXPECT_EQ(said.code, 2) << command[0];
        EXPECT_THAT(said.err, HasSubstr("DAEMON_UNREACHABLE: tserver does not answer on its control socket "
                                        "(/nowhere/control: No such file or directory)\n→ start it"));
    }
}

TEST(CommandLine, TakesJsonBeforeAndBehindTheCommand) {
    const auto before = call({"--json", "--control", "/nowhere/control", "status"});
    const auto behind = call({"status", "--control", "/nowhere/control", "--json"});
    EXPECT_EQ(before.code, 2);
    EXPECT_EQ(before.out, behind.out);
    EXPECT_THAT(before.out, HasSubstr(R"({"error":{"fault":"DAEMON_UNREACHABLE")"));
    EXPECT_EQ(before.err, "");
}

TEST(CommandLine, ExplainsAnOptionAndGuessesAMisspeltOne) {
    EXPECT_THAT(call({"config", "explain", "tls-instance-id"}).out, HasSubstr("tls-instance-id"));
    const auto misspelt = call({"config", "explain", "tls-instance"});
    EXPECT_EQ(misspelt.code, 2);
}

}  // namespace
}  // namespace tserver::cli
