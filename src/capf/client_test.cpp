// Enrolment over real sockets and TLS.
#include "capf/client.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "net/tcp.hpp"
#include "tests/support/capf_script.hpp"
#include "tests/support/capf_server.hpp"

namespace tserver::capf {
namespace {

using namespace test;
using testing::HasSubstr;
using testing::IsEmpty;
using tserver::test::CapfServer;
using tserver::test::LoopbackListener;

std::string path(const std::string& name) { return fmt::format("{}/capf/{}", TSERVER_TEST_DATA, name); }

std::vector<Bytes> octets(const std::vector<Message>& messages) {
    std::vector<Bytes> out;
    for (const auto& message : messages) out.push_back(encode(message));
    return out;
}

class Client : public testing::Test {
protected:
    Result<Enrolled> enrol_at(std::uint16_t port) {
        const Endpoint server{*Host::parse("127.0.0.1"), port};
        auto task = enrol_over_network(loop_, server, TlsProfile::cluster, wanted_, keeper_, progress_);
        task.start();
        const auto end = Steady::now() + 30s;
        while (!task.started_and_done() && Steady::now() < end) loop_.turn(100ms);
        if (!task.started_and_done()) return fail(Fault::INTERNAL, "the task does not end");
        return task.take();
    }

    net::Loop loop_;
    Request wanted_ = request();
    Keeper keeper_;
    Progress progress_;
};

TEST_F(Client, EnrolsOverTlsThoughTheServerClosesWithoutCloseNotify) {
    CapfServer server{path("keys/capf-server.crt.pem"), path("keys/capf-server.key.pem"), octets(install())};
    const auto enrolled = enrol_at(server.port());
    ASSERT_TRUE(enrolled) << enrolled.error().text();
    EXPECT_EQ(enrolled->certificate, certificate("keys/01-client.pem"));
    std::vector<Command> commands;
    for (const auto& message : server.received()) commands.push_back(decode(message)->command);
    EXPECT_THAT(commands, testing::ElementsAre(Command::auth_response, Command::key_generate_response,
                                               Command::store_certificate_response));
}

TEST_F(Client, RefusesAServerThatIsNotListedBeforeItSaysAnything) {
    CapfServer server{path("keys/15-client.pem"), path("keys/15-client.pem"), octets(install())};
    const auto enrolled = enrol_at(server.port());
    ASSERT_FALSE(enrolled);
    EXPECT_EQ(id(enrolled.error().fault), "CAPF_TLS_UNTRUSTED");
    EXPECT_EQ(enrolled.error().detail,
              fmt::format("OU=Lab,O=Example,L=Testville,ST=TS,C=US,CN=ctiuser with SHA-256 {} is not among "
                          "the 1 CAPF certificates of the list",
                          certificate("keys/15-client.pem").sha256()));
    EXPECT_EQ(enrolled.error().during, "TLS");
    EXPECT_THAT(server.received(), IsEmpty());
    EXPECT_EQ(progress_.code, CodeState::untouched);
}

TEST_F(Client, F21_SaysProbablyUsedWhenTheServerGoesAfterThePublicKey) {
    auto script = octets({auth_request(), key_request(), say(Command::request_in_progress)});
    CapfServer server{path("keys/capf-server.crt.pem"), path("keys/capf-server.key.pem"), script};
    const auto enrolled = enrol_at(server.port());
    ASSERT_FALSE(enrolled);
    EXPECT_EQ(id(enrolled.error().fault), "CAPF_CODE_PROBABLY_USED");
    EXPECT_EQ(progress_.code, CodeState::probably_used);
}

TEST_F(Client, F96_HasTheKeyBeforeItConnects) {
    LoopbackListener listener;
    bool connected = true;
    keeper_.when_asked = [&] {
        const auto waiting = net::accept_now(listener.get());
        connected = waiting.has_value() && static_cast<bool>(*waiting);
    };
    ASSERT_EQ(fcntl(listener.get(), F_SETFL, O_NONBLOCK), 0);
    wanted_.expected_key = Rsa{4096};
    wanted_.limits.handshake = 50ms;
    EXPECT_FALSE(enrol_at(listener.port()));
    EXPECT_THAT(keeper_.asked, testing::ElementsAre(KeySpec{Rsa{4096}}));
    EXPECT_FALSE(connected);
}

TEST_F(Client, SaysUnreachableWhereNobodyListens) {
    std::uint16_t port = 0;
    { port = LoopbackListener{}.port(); }
    const auto enrolled = enrol_at(port);
    ASSERT_FALSE(enrolled);
    EXPECT_EQ(id(enrolled.error().fault), "CAPF_UNREACHABLE");
    EXPECT_THAT(enrolled.error().detail, HasSubstr(fmt::format("127.0.0.1:{}", port)));
    EXPECT_EQ(enrolled.error().during, "connect");
}

/// A port that is listened at, and where connecting never ends: its queue is full.
class FullQueue {
public:
    FullQueue() {
        const auto any = net::Address::literal({*Host::parse("127.0.0.1"), 0}).value();
        EXPECT_EQ(::bind(listening_.get(), any.raw(), any.length()), 0);
        EXPECT_EQ(::listen(listening_.get(), 0), 0);
        const auto here = net::local_address(listening_.get());
        for (auto& each : waiting_) static_cast<void>(::connect(each.get(), here.raw(), here.length()));
    }
    [[nodiscard]] std::uint16_t port() const { return net::local_address(listening_.get()).port(); }

private:
    static os::Fd tcp() { return os::Fd{::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)}; }
    os::Fd listening_{tcp()};
    std::array<os::Fd, 3> waiting_{tcp(), tcp(), tcp()};
};

TEST_F(Client, SaysUnreachableWhereConnectingTakesTooLong) {
    const FullQueue server;
    const auto whole = wanted_.limits;
    for (auto* limit : {&wanted_.limits.connect, &wanted_.limits.total}) {
        wanted_.limits = whole;
        *limit = 50ms;
        const auto enrolled = enrol_at(server.port());
        ASSERT_FALSE(enrolled);
        EXPECT_EQ(id(enrolled.error().fault), "CAPF_UNREACHABLE") << enrolled.error().text();
        EXPECT_EQ(enrolled.error().during, "connect");
    }
}

TEST_F(Client, SaysStalledWhenTheHandshakeIsNotAnswered) {
    LoopbackListener listener;
    wanted_.limits.handshake = 50ms;
    const auto enrolled = enrol_at(listener.port());
    ASSERT_FALSE(enrolled);
    EXPECT_EQ(id(enrolled.error().fault), "CAPF_STALLED");
    EXPECT_EQ(enrolled.error().detail, "handshake not finished within 50 ms");
}

TEST_F(Client, F28_EndsWithItsWholeTimeWhateverTheStepsMayTake) {
    LoopbackListener listener;
    wanted_.limits.total = 50ms;
    const auto enrolled = enrol_at(listener.port());
    ASSERT_FALSE(enrolled);
    EXPECT_EQ(id(enrolled.error().fault), "CAPF_STALLED");
}

TEST_F(Client, SaysNotTlsWhenSomethingElseAnswers) {
    LoopbackListener listener;
    std::thread peer{[&] {
        const int socket = accept(listener.get(), nullptr, nullptr);
        constexpr std::string_view page = "HTTP/1.1 400 Bad Request\r\n\r\n";
        EXPECT_EQ(send(socket, page.data(), page.size(), MSG_NOSIGNAL), static_cast<ssize_t>(page.size()));
        std::array<char, 1024> rest{};
        while (recv(socket, rest.data(), rest.size(), 0) > 0) continue;
        ::close(socket);
    }};
    const auto enrolled = enrol_at(listener.port());
    peer.join();
    ASSERT_FALSE(enrolled);
    EXPECT_EQ(id(enrolled.error().fault), "CAPF_PROTOCOL");
}

TEST_F(Client, AsksNobodyWithoutACapfCertificate) {
    wanted_.authorities.clear();
    const auto enrolled = enrol_at(1);
    ASSERT_FALSE(enrolled);
    EXPECT_EQ(id(enrolled.error().fault), "CTL_NO_CAPF");
    EXPECT_THAT(keeper_.asked, IsEmpty());
}

TEST_F(Client, PassesOnWhyThereIsNoKey) {
    keeper_.no_key = Error{Fault::STORE_IO, "pending.p12", {}};
    const auto enrolled = enrol_at(1);
    ASSERT_FALSE(enrolled);
    EXPECT_EQ(id(enrolled.error().fault), "STORE_IO");
    EXPECT_EQ(enrolled.error().during, "make key");
}

}  // namespace
}  // namespace tserver::capf
