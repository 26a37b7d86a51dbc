#include "sim/control.hpp"

#include <gmock/gmock.h>
#include <sys/un.h>

#include <boost/json.hpp>
#include <fstream>
#include <sstream>

#include "sim/scratch_test.hpp"

namespace tserver::sim {
namespace {

using namespace std::chrono_literals;

struct ControlTest : testing::Test {
    Scratch scratch;
    std::ostringstream notes;
    std::unique_ptr<Simulator> simulator;

    void SetUp() override {
        scratch.give_certificates();
        Settings settings;
        settings.state = scratch.path();
        const auto any = Address::parse("127.0.0.1:0").value();
        settings.tftp = settings.capf = settings.http = any;
        settings.cti = settings.cti_tls = {any, any};
        settings.served = {{"sample.bin", scratch.path() / "sample"}};
        std::ofstream{scratch.path() / "sample"} << "sample";
        simulator = std::make_unique<Simulator>(settings, notes);
        ASSERT_TRUE(simulator->start());
    }
    boost::json::value obey(std::string_view line) { return boost::json::parse(sim::obey(*simulator, line)); }
    /// The whole answer to an HTTP request.
    std::string http(std::string_view request) {
        const auto server = simulator->http.address();
        Fd fd{::socket(AF_INET, SOCK_STREAM, 0)};
        EXPECT_EQ(::connect(fd.get(), server.raw(), server.length()), 0);
        Stream stream{std::move(fd)};
        const Stop never;
        EXPECT_TRUE(write_all(stream, as_bytes(request), never, std::nullopt));
        std::string out;
        std::array<std::uint8_t, 4096> octets{};
        for (auto got = read_some(stream, octets, never, std::nullopt); got && *got > 0;
             got = read_some(stream, octets, never, std::nullopt))
            out += as_text(ByteView{octets}.first(*got));
        return out;
    }
};

TEST_F(ControlTest, ReadyLineNamesEveryServiceWithItsPort) {
    EXPECT_THAT(simulator->ready_line(),
                testing::MatchesRegex(
                    "ready tftp=127.0.0.1:[0-9]+ capf=127.0.0.1:[0-9]+ cti=127.0.0.1:[0-9]+,127.0.0.1:[0-9]+ "
                    "cti-tls=127.0.0.1:[0-9]+,127.0.0.1:[0-9]+ http=127.0.0.1:[0-9]+"));
}

TEST_F(ControlTest, StatusShowsProfilesCountsAndFaults) {
    EXPECT_EQ(obey("profile user=u,instance=link1,code=12345"), boost::json::parse(R"({"ok":true})"));
    EXPECT_EQ(obey("fault tftp-drop=5@3").at("ok"), true);
    const auto status = obey("status");
    EXPECT_EQ(status.at("faults"), boost::json::parse(R"({"tftp-drop":"5@3"})"));
    const auto& profile = status.at("profiles").at(0);
    EXPECT_EQ(profile.at("instance"), "link1");
    EXPECT_EQ(profile.at("status"), "Operation Pending");
    EXPECT_EQ(profile.at("code_pending"), true);
    EXPECT_FALSE(profile.as_object().contains("code"));
    EXPECT_EQ(status.at("counts").at("tftp_requests"), 0);
    obey("clear");
    EXPECT_EQ(obey("status").at("faults"), boost::json::object{});
    EXPECT_EQ(obey("unprofile link1").at("ok"), true);
    EXPECT_EQ(obey("status").at("profiles"), boost::json::array{});
}

struct Mistake {
    const char* line;
    const char* error;
};
class ControlMistake : public ControlTest, public testing::WithParamInterface<Mistake> {};
TEST_P(ControlMistake, IsAnsweredByItsReason) {
    const auto answer = obey(GetParam().line);
    EXPECT_EQ(answer.at("ok"), false);
    EXPECT_THAT(std::string{answer.at("error").as_string()}, testing::HasSubstr(GetParam().error));
}
INSTANTIATE_TEST_SUITE_P(, ControlMistake,
                         testing::Values(Mistake{"", "no command"}, Mistake{"jump", "not a command: jump"},
                                         Mistake{"fault nothing", "no fault nothing"},
                                         Mistake{"cti down 3", "no such node"},
                                         Mistake{"cti sideways", "needs down, up, drop or reset"},
                                         Mistake{"list burn", "needs rollover"},
                                         Mistake{"list renew 9", "NODE from 1"},
                                         Mistake{"unprofile x", "no such profile"}));

TEST_F(ControlTest, DownFaultsCloseAndOpenThePortsAtOnce) {
    const auto open = [](const Address& address) {
        Fd fd{::socket(AF_INET, SOCK_STREAM, 0)};
        return ::connect(fd.get(), address.raw(), address.length()) == 0;
    };
    const auto capf = simulator->capf.address();
    EXPECT_TRUE(open(capf));
    obey("fault capf-down");
    EXPECT_FALSE(open(capf));
    obey("clear capf-down");
    EXPECT_TRUE(open(capf));
}

TEST_F(ControlTest, AnswersOverItsSocketAndRemovesIt) {
    ControlSocket socket{*simulator};
    const auto path = scratch.path() / "control";
    ASSERT_TRUE(socket.start(path));
    sockaddr_un name{};
    name.sun_family = AF_UNIX;
    path.native().copy(std::begin(name.sun_path), path.native().size());
    Fd fd{::socket(AF_UNIX, SOCK_STREAM, 0)};
    ASSERT_EQ(::connect(fd.get(), reinterpret_cast<const sockaddr*>(&name), sizeof name), 0);
    Stream stream{std::move(fd)};
    const Stop never;
    ASSERT_TRUE(write_all(stream, as_bytes("clear\nju"), never, std::nullopt));
    ASSERT_TRUE(write_all(stream, as_bytes("mp\n"), never, std::nullopt));
    std::string got;
    std::array<std::uint8_t, 512> octets{};
    while (std::ranges::count(got, '\n') < 2)
        got += as_text(ByteView{octets}.first(read_some(stream, octets, never, std::nullopt).value()));
    EXPECT_EQ(got, "{\"ok\":true}\n{\"ok\":false,\"error\":\"not a command: jump\"}\n");
    socket.stop();
    EXPECT_FALSE(std::filesystem::exists(path));
}

TEST_F(ControlTest, HttpServesTheFilesOfTftp) {
    EXPECT_THAT(
        http("GET /sample.bin HTTP/1.1\r\nHost: x\r\n\r\n"),
        testing::AllOf(testing::StartsWith("HTTP/1.1 200 OK\r\n"),
                       testing::HasSubstr("Content-Length: 6\r\n"), testing::EndsWith("\r\n\r\nsample")));
    const auto list = simulator->cluster.authority.file("CTLFile.tlv").value();
    EXPECT_THAT(http("GET /CTLFile.tlv HTTP/1.1\r\n\r\n"), testing::EndsWith(std::string{as_text(list)}));
    EXPECT_THAT(http("GET /other HTTP/1.1\r\n\r\n"), testing::StartsWith("HTTP/1.1 404 "));
    EXPECT_THAT(http("POST /CTLFile.tlv HTTP/1.1\r\n\r\n"), testing::StartsWith("HTTP/1.1 400 "));
    obey("fault http-busy");
    EXPECT_THAT(http("GET /CTLFile.tlv HTTP/1.1\r\n\r\n"), testing::StartsWith("HTTP/1.1 503 "));
}

}  // namespace
}  // namespace tserver::sim
