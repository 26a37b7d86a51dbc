#include "cli/config_commands.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <boost/json.hpp>
#include <cstdlib>
#include <fstream>
#include <sstream>

#include "tests/support/scratch.hpp"

namespace tserver::cli {
namespace {

namespace fs = std::filesystem;
namespace json = boost::json;

constexpr std::string_view good = R"([TServer]
link-1-name = one
link-2-name = two
[link-tls]
password = canary
tls-cert-path = /tmp
tls-capf-host = cucm
tls-capf-port = 3804
tls-tftp-host = cucm
tls-tftp-port = 69
[one]
tls-instance-id = cti01
tls-auth-code = 9876543210
hostname = sub1
[two]
tls-instance-id = cti02
hostname = sub2
)";

std::string replaced(std::string_view from, std::string_view to) {
    std::string text{good};
    return text.replace(text.find(from), from.size(), to);
}

class ConfigCommands : public testing::Test {
protected:
    ConfigCommands() {
        fs::create_directory(dir / "store");
        ::chmod((dir / "store").c_str(), 0700);
        file = dir / "tserver.conf";
    }

    void write(std::string text) {
        if (const auto at = text.find("/tmp"); at != std::string::npos)
            text.replace(at, 4, (dir / "store").string());
        std::ofstream{file} << text;
        ::chmod(file.c_str(), 0600);
    }
    json::value answer() const { return json::parse(out.str()); }
    void expect_no_secret() const {
        for (const auto* secret : {"canary", "9876543210"})
            EXPECT_EQ((out.str() + err.str()).find(secret), std::string::npos);
    }

    const testing_support::Scratch scratch;
    const fs::path dir = scratch.path;
    fs::path file;
    std::ostringstream out, err;
};

TEST_F(ConfigCommands, CheckOfACompleteFileEndsWith0) {
    write(std::string{good});
    EXPECT_EQ(config_check(out, err, file, ConfigFormat::text), 0);
    EXPECT_EQ(out.str(), file.string() + ": accepted, 2 links, 0 warnings\n");
    EXPECT_EQ(err.str(), "");
}

TEST_F(ConfigCommands, CheckOfAnIncompleteTlsSetEndsWith1AndNamesWhatIsMissing) {
    write(replaced("tls-capf-port = 3804\n", ""));
    EXPECT_EQ(config_check(out, err, file, ConfigFormat::text), 1);
    EXPECT_NE(out.str().find("warning: " + file.string() +
                             ":10:1: TLS is off for one, two, which go in clear: not "
                             "set: tls-capf-port\n    remedy: "),
              std::string::npos)
        << out.str();
}

TEST_F(ConfigCommands, CheckOfAWrongFileEndsWith2AndSaysEveryProblem) {
    write(replaced("3804", "0") + "hostnam = x\n");
    EXPECT_EQ(config_check(out, err, file, ConfigFormat::text), 2);
    EXPECT_EQ(out.str(), "");
    EXPECT_NE(err.str().find(":8:17: tls-capf-port: \"0\" is not a port (1 to 65535)\n"), std::string::npos);
    EXPECT_NE(err.str().find(":18:1: hostnam is not an option of [two]; did you mean hostname?\n"),
              std::string::npos);
    EXPECT_NE(err.str().find(": refused, 2 problems\n"), std::string::npos);
}

TEST_F(ConfigCommands, CheckAnswersInJson) {
    write(replaced("cti02", "cti01"));
    EXPECT_EQ(config_check(out, err, file, ConfigFormat::json), 2);
    const auto a = answer();
    EXPECT_EQ(a.at("accepted"), false);
    const auto& p = a.at("problems").at(0);
    EXPECT_EQ(p.at("fault"), "CONFIG_CONFLICT");
    EXPECT_EQ(p.at("line"), 16);
    EXPECT_EQ(p.at("column"), 19);
    EXPECT_EQ(p.at("other").at("line"), 12);
    EXPECT_EQ(err.str(), "");
}

TEST_F(ConfigCommands, ShowHidesSecretsInBothFormats) {
    write(std::string{good});
    EXPECT_EQ(config_show(out, err, file, ConfigFormat::text), 0);
    EXPECT_NE(out.str().find("password = ********\n"), std::string::npos);
    expect_no_secret();
    out.str("");
    EXPECT_EQ(config_show(out, err, file, ConfigFormat::json), 0);
    expect_no_secret();
    const auto link = answer().at("links").at(0);
    EXPECT_EQ(link.at("security"), "tls");
    EXPECT_EQ(link.at("port"), 2749);
    EXPECT_EQ(link.at("listen"), "127.0.1.1:2748");
    EXPECT_EQ(link.at("options").at("tls-auth-code"), "********");
    EXPECT_TRUE(answer().at("links").at(1).at("options").at("tls-auth-code").is_null());
}

TEST_F(ConfigCommands, PlanSaysWhatDropsAndWhatWaits) {
    write(std::string{good});
    const auto running = config::load(file);
    ASSERT_TRUE(running);
    write(replaced("3804", "3805").replace(good.find("cti02"), 5, "cti03"));
    EXPECT_EQ(config_plan(out, err, *running, file, ConfigFormat::text), 0);
    EXPECT_EQ(out.str(),
              "pending restart        tls-capf-port        one, two\n"
              "                       3804 -> 3805\n"
              "                       is read at the start of tserver\n"
              "drops and reconnects   tls-instance-id      two\n"
              "                       cti02 -> cti03\n"
              "                       the session was made with the old value\n"
              "drops and reconnects: two; restart tserver for what is pending\n");
    out.str("");
    EXPECT_EQ(config_plan(out, err, *running, file, ConfigFormat::json), 0);
    EXPECT_EQ(answer().at("drops"), (json::array{"two"}));
    EXPECT_EQ(answer().at("pending_restart"), true);
    EXPECT_EQ(answer().at("changes").at(0).at("effect"), "restart");
}

TEST_F(ConfigCommands, PlanOfTheSameFileChangesNothing) {
    write(std::string{good});
    const auto running = config::load(file);
    EXPECT_EQ(config_plan(out, err, *running, file, ConfigFormat::text), 0);
    EXPECT_EQ(out.str(), "no change\n");
}

TEST_F(ConfigCommands, PlanThatTakesWhatAnotherLinkHoldsEndsWith2) {
    write(std::string{good});
    const auto running = config::load(file);
    auto text = replaced("link-2-name = two\n", "");
    text.replace(text.find("cti01"), 5, "cti02");
    write(text);
    EXPECT_EQ(config_plan(out, err, *running, file, ConfigFormat::text), 2);
    EXPECT_NE(out.str().find("one has it until tserver is restarted"), std::string::npos) << out.str();
}

TEST_F(ConfigCommands, ExplainOfANameThatIsNoneSuggestsOne) {
    EXPECT_EQ(config_explain(out, err, "tls-capf-prt", ConfigFormat::text), 2);
    EXPECT_EQ(err.str(), "tls-capf-prt is not an option; did you mean tls-capf-port?\n");
}

TEST_F(ConfigCommands, ExplainAnswersInJson) {
    EXPECT_EQ(config_explain(out, err, "tls-auth-code", ConfigFormat::json), 0);
    EXPECT_EQ(answer().at("takes_effect"), "link_reset");
    EXPECT_EQ(answer().at("secret"), true);
    EXPECT_TRUE(answer().at("default").is_null());
    out.str("");
    EXPECT_EQ(config_explain(out, err, std::nullopt, ConfigFormat::json), 0);
    EXPECT_GT(answer().at("options").as_array().size(), 30U);
}

}  // namespace
}  // namespace tserver::cli
