#include "sim/cti_server.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>

#include <boost/json.hpp>
#include <deque>
#include <sstream>

#include "sim/control.hpp"
#include "sim/cti_session.hpp"
#include "sim/scratch_test.hpp"

namespace tserver::sim {
namespace {

using namespace std::chrono_literals;

Fd connected(const Address& server) {
    Fd fd{::socket(AF_INET, SOCK_STREAM, 0)};
    if (::connect(fd.get(), server.raw(), server.length()) != 0) return {};
    if (::fcntl(fd.get(), F_SETFL, O_NONBLOCK) != 0) return {};
    return fd;
}

/// A client in clear, or over TLS when it has a context.
class CtiClient {
public:
    explicit CtiClient(const Address& server) : stream_{connected(server)} {}
    CtiClient(const Address& server, SSL_CTX* context) : stream_{connected(server), context} {
        SSL_set_connect_state(stream_.tls());
        const auto done = stream_.handshake(never_, Steady::now() + 60s);
        error_ = done ? "" : done.error().detail;
    }
    void send(std::string_view text) {
        const auto sent = write_all(stream_, as_bytes(text), never_, Steady::now() + 60s);
        if (!sent) note(sent.error().detail);
    }
    /// Up to `count` octets; what came before the end if it ends earlier, the end itself as error().
    std::string receive(std::size_t count, std::chrono::milliseconds time = 60s) {
        std::string out(count, '\0');
        std::size_t have = 0;
        while (have < count) {
            const auto into = std::span{reinterpret_cast<std::uint8_t*>(out.data()), count}.subspan(have);
            const auto got = read_some(stream_, into, never_, Steady::now() + time);
            if (!got) note(got.error().fault == Fault::TIMED_OUT ? "silence" : got.error().detail);
            if (got && *got == 0) note("end");
            if (!got || *got == 0) break;
            have += *got;
        }
        out.resize(have);
        return out;
    }
    void end_writing() { stream_.finish_writing(); }
    const std::string& error() const { return error_; }
    SSL* tls() { return stream_.tls(); }

private:
    /// The first of them: a reset may show in a write, and the read behind it sees only the end.
    void note(const std::string& error) {
        if (error_.empty()) error_ = error;
    }
    Stream stream_;
    Stop never_;
    std::string error_;
};

struct CtiServerTest : testing::Test {
    Scratch scratch;
    std::ostringstream notes;
    std::unique_ptr<Simulator> simulator;
    crypto::SslCtxPtr context{SSL_CTX_new(TLS_client_method())};

    void start(std::initializer_list<const char*> faults = {}, const char* mode = "echo") {
        scratch.give_certificates();
        Settings settings;
        settings.state = scratch.path();
        settings.record = scratch.path() / "record";
        settings.faults = {faults.begin(), faults.end()};
        settings.mode = parse_mode(mode).value();
        settings.rules.collisions = 2;
        for (int node = 0; node < 2; ++node) {
            settings.cti.push_back(Address::parse("127.0.0.1:0").value());
            settings.cti_tls.push_back(Address::parse("127.0.0.1:0").value());
        }
        settings.profiles = {parse_profile("instance=link1,code=12345", wall_now()).value()};
        simulator = std::make_unique<Simulator>(settings, notes);
        ASSERT_TRUE(simulator->start());
        SSL_CTX_set_security_level(context.get(), 0);
    }
    Address plain(std::size_t node = 0) { return simulator->cti.plain_addresses().at(node); }
    Address tls(std::size_t node = 0) { return simulator->cti.tls_addresses().at(node); }
    std::string obey(std::string_view command) { return sim::obey(*simulator, command); }

    /// Gives the client context a certificate; issued ones are known to the cluster.
    void enrol(bool known = true, std::chrono::seconds validity = 1h,
               const char* usage = "serverAuth,clientAuth") {
        static const auto key = crypto::PrivateKey::make_rsa(2048).value();
        auto& cluster = simulator->cluster;
        CertificatePlan plan;
        plan.common_name = "link1";
        plan.not_before = wall_now() - 2h;
        plan.not_after = wall_now() + validity;
        plan.extended_key_usage = usage;
        const auto capf = cluster.authority.capf();
        const auto certificate =
            make_certificate(plan, key.public_half(), capf->key, &capf->certificate).value();
        cluster.profiles.set(parse_profile("instance=link1,code=12345", wall_now()).value());
        if (known) {
            const auto admitted = cluster.profiles.admit("CTI-link1", "12345", wall_now()).profile;
            ASSERT_TRUE(cluster.profiles.issue(admitted, certificate, wall_now()));
        }
        ASSERT_EQ(SSL_CTX_use_certificate(context.get(), certificate.raw()), 1);
        ASSERT_EQ(SSL_CTX_use_PrivateKey(context.get(), key.raw()), 1);
    }
    /// What a client learns when its certificate is judged (in TLS 1.3 with its first read).
    std::string verdict() {
        CtiClient client{tls(), context.get()};
        if (client.error().empty()) {
            client.send("x");
            if (client.receive(1) == "x") return "taken";
        }
        return client.error();
    }
    std::string recorded(int n) {
        return read_file(scratch.path() / "record" / (std::to_string(n) + ".in")).value();
    }
    void wait_for_end_of_all() {
        while (!simulator->cti.connections_json().empty()) std::this_thread::sleep_for(1ms);
    }
};

TEST_F(CtiServerTest, EchoesBehindAHalfCloseAndRecordsEachConnection) {
    start();
    const std::string much(300'000, 'e');
    CtiClient one{plain()};
    one.send("one");
    EXPECT_EQ(one.receive(3), "one");  // answered, so it is the first that was accepted
    CtiClient two{plain(1)};
    two.send(much);
    two.end_writing();
    EXPECT_EQ(two.receive(much.size() + 1), much);
    EXPECT_EQ(two.error(), "end");
    one.end_writing();
    EXPECT_EQ(one.receive(1), "");
    EXPECT_EQ(one.error(), "end");
    wait_for_end_of_all();
    EXPECT_EQ(recorded(1), "one");
    EXPECT_EQ(recorded(2), much);
}

class CtiVersion : public CtiServerTest, public testing::WithParamInterface<int> {};
TEST_P(CtiVersion, EchoesOverTlsAndEndsWithCloseNotify) {
    start();
    enrol();
    SSL_CTX_set_max_proto_version(context.get(), GetParam());
    CtiClient client{tls(), context.get()};
    ASSERT_EQ(client.error(), "");
    EXPECT_EQ(SSL_version(client.tls()), GetParam());
    const std::string much(300'000, 'e');
    client.send(much);
    client.end_writing();
    EXPECT_EQ(client.receive(much.size() + 1), much);
    EXPECT_EQ(client.error(), "end");
}
INSTANTIATE_TEST_SUITE_P(, CtiVersion, testing::Values(TLS1_2_VERSION, TLS1_3_VERSION));

TEST_F(CtiServerTest, SinkAnswersNothing) {
    start({}, "sink");
    CtiClient client{plain()};
    client.send("abc");
    client.end_writing();
    EXPECT_EQ(client.receive(1), "");
    EXPECT_EQ(client.error(), "end");
    wait_for_end_of_all();
    EXPECT_EQ(recorded(1), "abc");
}

TEST_F(CtiServerTest, BurstBeginsWithTheFirstOctetsAndHoldsTheCountingPattern) {
    start({}, "burst=100*300");
    CtiClient client{plain()};
    EXPECT_EQ(client.receive(1, 50ms), "");
    client.send("go");
    const auto got = client.receive(30'000);
    ASSERT_EQ(got.size(), 30'000U);
    for (std::size_t i = 0; i < got.size(); ++i)
        ASSERT_EQ(static_cast<std::uint8_t>(got[i]), i % 251) << "octet " << i;
    EXPECT_EQ(client.receive(1, 50ms), "");
}

TEST_F(CtiServerTest, NoCertificateIsRejectedByTheLibrarysAlert) {
    start();
    EXPECT_THAT(verdict(), testing::HasSubstr("alert certificate required"));
    SSL_CTX_set_max_proto_version(context.get(), TLS1_2_VERSION);
    EXPECT_THAT(verdict(), testing::HasSubstr("alert handshake failure"));
}

TEST_F(CtiServerTest, JudgesDatesUsageAndTheProfileOfACertificate) {
    start();
    enrol();
    EXPECT_EQ(verdict(), "taken");
    enrol(true, -1h);
    EXPECT_THAT(verdict(), testing::HasSubstr("alert certificate expired"));
    enrol(true, 1h, "serverAuth");
    EXPECT_THAT(verdict(), testing::HasSubstr("alert unsupported certificate"));
    enrol(false);
    EXPECT_THAT(verdict(), testing::HasSubstr("alert bad certificate"));
}

TEST_F(CtiServerTest, ForgottenAuthorityIsUnknownCa) {
    start();
    enrol();
    ASSERT_EQ(obey("list renew-capf"), R"({"ok":true})");
    EXPECT_EQ(verdict(), "taken");
    ASSERT_EQ(obey("list forget-capf"), R"({"ok":true})");
    EXPECT_THAT(verdict(), testing::HasSubstr("alert unknown ca"));
}

TEST_F(CtiServerTest, TheSameCertificateTwiceDropsBothAndIsCompromisedInTheEnd) {
    start();
    enrol();
    for (int round = 1; round <= 2; ++round) {
        CtiClient first{tls(0), context.get()};
        first.send("1");
        ASSERT_EQ(first.receive(1), "1");
        CtiClient second{tls(1), context.get()};
        second.send("2");
        EXPECT_EQ(second.receive(1), "");
        EXPECT_EQ(first.receive(1), "");
        EXPECT_EQ(first.error(), "end");
        EXPECT_EQ(simulator->cluster.counters.cti_collisions, static_cast<unsigned>(round));
    }
    EXPECT_THAT(verdict(), testing::HasSubstr("alert certificate revoked"));
    enrol();
    EXPECT_EQ(verdict(), "taken");
}

TEST_F(CtiServerTest, ComingBackAtOnceIsNoCollision) {
    start();
    enrol();
    for (int i = 0; i < 30; ++i) ASSERT_EQ(verdict(), "taken");
    EXPECT_EQ(simulator->cluster.counters.cti_collisions, 0U);
}

TEST_F(CtiServerTest, ANodeThatIsDownRefusesAndItsConnectionsEnd) {
    start();
    CtiClient client{plain(0)};
    client.send("a");
    ASSERT_EQ(client.receive(1), "a");
    CtiClient other{plain(1)};
    const auto address = plain(0);
    EXPECT_EQ(obey("cti down 1"), R"({"ok":true})");
    EXPECT_EQ(client.receive(1), "");
    EXPECT_EQ(client.error(), "end");
    EXPECT_FALSE(connected(address));
    other.send("b");
    EXPECT_EQ(other.receive(1), "b");
    EXPECT_EQ(obey("cti up"), R"({"ok":true})");
    EXPECT_EQ(plain(0), address);
    EXPECT_TRUE(connected(address));
}

TEST_F(CtiServerTest, DropsAndResetsOnCommand) {
    start();
    CtiClient dropped{plain()};
    dropped.send("a");
    ASSERT_EQ(dropped.receive(1), "a");
    EXPECT_EQ(obey("cti drop"), R"({"ok":true,"connections":1})");
    EXPECT_EQ(dropped.receive(1), "");
    EXPECT_EQ(dropped.error(), "end");
    dropped.end_writing();
    wait_for_end_of_all();
    CtiClient reset{plain()};
    reset.send("a");
    ASSERT_EQ(reset.receive(1), "a");
    EXPECT_EQ(obey("cti reset"), R"({"ok":true,"connections":1})");
    EXPECT_EQ(reset.receive(1), "");
    EXPECT_EQ(reset.error(), "Connection reset by peer");
}

struct PlainFault {
    const char* fault;
    const char* answer;  ///< to "abc"
    const char* end;
};
class CtiPlainFault : public CtiServerTest, public testing::WithParamInterface<PlainFault> {};
TEST_P(CtiPlainFault, IsWhatTheMenuSays) {
    start({GetParam().fault});
    CtiClient client{plain()};
    client.send("abc");
    EXPECT_EQ(client.receive(100, 300ms), GetParam().answer);
    EXPECT_EQ(client.error(), GetParam().end);
}
INSTANTIATE_TEST_SUITE_P(, CtiPlainFault,
                         testing::Values(PlainFault{"cti-accept-close", "", "end"},
                                         PlainFault{"cti-accept-reset", "", "Connection reset by peer"},
                                         PlainFault{"cti-silent", "", "silence"},
                                         PlainFault{"cti-stall=0", "", "silence"},
                                         PlainFault{"cti-banner=ssh", "SSH-2.0-OpenSSH_9.2\r\n", "silence"},
                                         PlainFault{"cti-idle=50", "abc", "end"},
                                         PlainFault{"cti-close-after=2", "", "end"},
                                         PlainFault{"cti-reset-after=2", "", "Connection reset by peer"},
                                         PlainFault{"cti-close-at-once", "", "end"}));

TEST_F(CtiServerTest, PresentsWhatTheListHoldsUnlessTold) {
    start();
    enrol();
    const auto shown = [this](std::size_t node) {
        CtiClient client{tls(node), context.get()};
        return crypto::Certificate{SSL_get1_peer_certificate(client.tls())};
    };
    const auto listed = [this](const crypto::Certificate& certificate) {
        const auto list = simulator->cluster.authority.file("CTLFile.tlv").value();
        return behind(list, certificate.der()).has_value();
    };
    EXPECT_TRUE(listed(shown(0)));
    EXPECT_TRUE(listed(shown(1)));
    EXPECT_FALSE(shown(0) == shown(1));
    obey("fault cti-server=expired");
    EXPECT_LT(shown(0).not_after(), wall_now());
    EXPECT_TRUE(listed(shown(0)));
    obey("fault cti-server=unlisted");
    EXPECT_FALSE(listed(shown(0)));
    obey("clear");
    obey("list renew-only 2");
    EXPECT_FALSE(listed(shown(1)));
    obey("list update");
    EXPECT_TRUE(listed(shown(1)));
    obey("fault list-multisan");
    EXPECT_TRUE(shown(0) == shown(1));
}

TEST_F(CtiServerTest, ServesFourHundredConnectionsAtOnce) {
    start();
    std::deque<CtiClient> clients;
    for (int i = 0; i < 400; ++i) clients.emplace_back(plain(static_cast<std::size_t>(i % 2)));
    for (auto& client : clients) client.send("x");
    int answered = 0;
    for (auto& client : clients) answered += client.receive(1) == "x" ? 1 : 0;
    EXPECT_EQ(answered, 400);
}

}  // namespace
}  // namespace tserver::sim
