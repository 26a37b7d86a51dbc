#include "sim/capf_server.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>

#include <boost/json.hpp>
#include <sstream>

#include "sim/scratch_test.hpp"

namespace tserver::sim {
namespace {

using namespace std::chrono_literals;
using capf::Command;
using capf::Message;
using capf::Tag;

/// Speaks in clear (fault capf-plain): what is tested here is the exchange, not TLS.
class CapfClient {
public:
    explicit CapfClient(const Address& server) : stream_{connected(server)} {}

    /// "closed" and "silent" are what they say; everything else is the frame.
    std::optional<Message> next(std::chrono::milliseconds time = 60s) {
        const auto head = octets(8, time);
        if (head.size() < 8) return std::nullopt;
        const auto header = capf::read_header(head);
        const auto body = octets(header.length, time);
        auto elements = capf::read_elements(body);
        if (!elements) return std::nullopt;
        session_ = header.session;
        return Message{static_cast<Command>(header.command), header.session, *std::move(elements)};
    }
    Bytes octets(std::size_t count, std::chrono::milliseconds time = 60s) {
        Bytes out(count);
        std::size_t have = 0;
        while (have < count) {
            const auto got = read_some(stream_, std::span{out}.subspan(have), never_, Steady::now() + time);
            if (!got || *got == 0) break;
            have += *got;
        }
        out.resize(have);
        return out;
    }
    void send(const Message& message) { send(capf::encode(message)); }
    void send(const Bytes& octets) { ASSERT_TRUE(write_all(stream_, octets, never_, Steady::now() + 60s)); }
    Message message(Command command) const { return {command, session_, {}}; }

    void authenticate(std::string_view name, std::string_view code, std::uint8_t version = 1) {
        next();
        auto m = message(Command::auth_response);
        m.add(Tag::reason, std::uint8_t{1}).add(Tag::reason_info, to_bytes(as_bytes("some text")));
        m.add(Tag::version, version).add(Tag::password, to_bytes(as_bytes(code)));
        send(m.add(Tag::device_name, to_bytes(as_bytes(name))));
    }
    void give_key(const crypto::PrivateKey& key) {
        auto m = message(Command::key_generate_response);
        send(m.add(Tag::reason, std::uint8_t{1}).add(Tag::public_key, key.public_half().spki()));
    }
    void stored() {
        auto m = message(Command::store_certificate_response);
        send(m.add(Tag::reason, std::uint8_t{1}));
    }

private:
    static Stream connected(const Address& server) {
        Fd fd{::socket(AF_INET, SOCK_STREAM, 0)};
        EXPECT_EQ(::connect(fd.get(), server.raw(), server.length()), 0);
        const int now_nonblocking = ::fcntl(fd.get(), F_SETFL, O_NONBLOCK);
        EXPECT_EQ(now_nonblocking, 0);
        return Stream{std::move(fd)};
    }
    Stream stream_;
    Stop never_;
    std::uint32_t session_ = 0;
};

const crypto::PrivateKey& rsa_key() {
    static const auto key = crypto::PrivateKey::make_rsa(2048).value();
    return key;
}

std::string reason_of(const std::optional<Message>& m) {
    if (!m) return "closed";
    const auto* reason = m->find(Tag::reason);
    return std::string{m->command == Command::end_session ? "end " : "other "} +
           (reason != nullptr ? hex(*reason) : "");
}

crypto::Certificate certificate_of(const Message& store) {
    const auto& value = *store.find(Tag::certificate);
    EXPECT_EQ(hex(ByteView{value}.first(1)), "01");
    EXPECT_EQ(hex(ByteView{value}.subspan(3, 2)), "0001");
    return crypto::Certificate::from_der(ByteView{value}.subspan(5)).value();
}

struct CapfServerTest : testing::Test {
    Scratch scratch;
    std::ostringstream notes;
    std::unique_ptr<Cluster> cluster;
    std::unique_ptr<CapfServer> server;

    void start(const std::string& profile = "user=u,instance=link1,code=12345",
               const std::string& fault = {}) {
        Settings settings;
        settings.state = scratch.path();
        settings.faults = {"capf-plain"};
        if (!fault.empty()) settings.faults.push_back(fault);
        settings.profiles = {parse_profile(profile, wall_now()).value()};
        if (!cluster) scratch.give_certificates();
        cluster = std::make_unique<Cluster>(settings, notes);
        ASSERT_TRUE(cluster->open());
        server = std::make_unique<CapfServer>(*cluster);
        ASSERT_TRUE(server->start(Address::parse("127.0.0.1:0").value()));
    }
    std::int64_t issued() const {
        const auto all = cluster->profiles.issued_json();
        return all.contains("link1") ? all.at("link1").as_int64() : 0;
    }
    /// Up to KEY_GENERATE_REQUEST.
    std::optional<Message> key_request(CapfClient& client, std::uint8_t version = 1) {
        client.authenticate("CTI-link1", "12345", version);
        return client.next();
    }
};

TEST_F(CapfServerTest, AsksAVersionOneClientForAKeySizeAlone) {
    start();
    CapfClient client{server->address()};
    const auto request = key_request(client);
    ASSERT_TRUE(request);
    EXPECT_EQ(request->command, Command::key_generate_request);
    EXPECT_THAT(request->elements, testing::ElementsAre(capf::Element{10, {8, 0}}));
}

TEST_F(CapfServerTest, AsksAVersionThreeClientForSizeAndType) {
    start();
    CapfClient client{server->address()};
    EXPECT_THAT(key_request(client, 3)->elements,
                testing::ElementsAre(capf::Element{10, {8, 0}}, capf::Element{17, {0}}));
}

TEST_F(CapfServerTest, IssuesACertificateForTheKeyWithTheUsagesAndAnExactAnswer) {
    start();
    CapfClient client{server->address()};
    key_request(client);
    client.give_key(rsa_key());
    const auto store = client.next();
    ASSERT_TRUE(store);
    const auto certificate = certificate_of(*store);
    EXPECT_TRUE(rsa_key().pairs_with(certificate.public_key().value()));
    EXPECT_TRUE(certificate.issued_by(cluster->authority.capf()->certificate));
    EXPECT_TRUE(certificate.allows_client_auth());
    EXPECT_EQ(certificate.subject(), "CN=link1,OU=Lab,O=Example,L=Testville,ST=TS,C=US");
    client.stored();
    EXPECT_EQ(reason_of(client.next()), "end 01");
    EXPECT_FALSE(client.next());
}

TEST_F(CapfServerTest, TakesNameAndStringWithAFinalNul) {
    start();
    CapfClient client{server->address()};
    client.authenticate({"CTI-link1\0", 10}, {"12345\0", 6}, 3);
    EXPECT_EQ(client.next()->command, Command::key_generate_request);
}

struct Refusal {
    const char* profile;
    const char* name;
    const char* code;
    const char* answer;
};
class CapfRefusal : public CapfServerTest, public testing::WithParamInterface<Refusal> {};
TEST_P(CapfRefusal, IsOneEndSessionWithTheNamedReason) {
    start(GetParam().profile);
    CapfClient client{server->address()};
    client.authenticate(GetParam().name, GetParam().code);
    EXPECT_EQ(reason_of(client.next()), GetParam().answer);
    EXPECT_FALSE(client.next());
    EXPECT_EQ(issued(), 0);
}
INSTANTIATE_TEST_SUITE_P(
    , CapfRefusal,
    testing::Values(Refusal{"instance=link1,code=12345", "CTI-link1", "12346", "end 07"},
                    Refusal{"instance=link1,code=12345", "CTI-link2", "12345", "end 09"},
                    Refusal{"instance=link1,operation=none", "CTI-link1", "12345", "end 00"},
                    Refusal{"instance=link1,code=12345,key=ec256", "CTI-link1", "12345", "end 07"}));

TEST_F(CapfServerTest, TheCodeIsUsedBeforeTheCertificateIsSent) {
    start("user=u,instance=link1,code=12345", "capf-drop=store-request");
    CapfClient client{server->address()};
    key_request(client);
    client.give_key(rsa_key());
    EXPECT_FALSE(client.next());
    EXPECT_EQ(issued(), 1);
    CapfClient again{server->address()};
    again.authenticate("CTI-link1", "12345");
    EXPECT_EQ(reason_of(again.next()), "end 00");
}

TEST_F(CapfServerTest, ALineLostBeforeTheKeyLeavesTheCode) {
    start("user=u,instance=link1,code=12345", "capf-drop=key-response@1");
    CapfClient client{server->address()};
    key_request(client);
    client.give_key(rsa_key());
    EXPECT_FALSE(client.next());
    CapfClient again{server->address()};
    EXPECT_EQ(key_request(again)->command, Command::key_generate_request);
    EXPECT_EQ(issued(), 0);
}

TEST_F(CapfServerTest, RefusesAKeyThatWasNotAskedFor) {
    start();
    const auto small = crypto::PrivateKey::make_rsa(1024).value();
    const auto curve = crypto::PrivateKey::make_ec(crypto::Curve::p256).value();
    for (const auto* key : {&small, &curve}) {
        CapfClient client{server->address()};
        key_request(client);
        client.give_key(*key);
        EXPECT_EQ(reason_of(client.next()), "end 07");
    }
    EXPECT_EQ(issued(), 0);
}

TEST_F(CapfServerTest, TakesRequestInProgressOnceFromVersionThreeAndNeverFromVersionOne) {
    start();
    CapfClient three{server->address()};
    key_request(three, 3);
    three.send(three.message(Command::request_in_progress));
    three.send(three.message(Command::request_in_progress));
    EXPECT_EQ(reason_of(three.next()), "end 07");
    CapfClient one{server->address()};
    key_request(one, 1);
    one.send(one.message(Command::request_in_progress));
    EXPECT_EQ(reason_of(one.next()), "end 07");
}

struct BadFrame {
    const char* what;
    const char* hex;  ///< in place of AUTH_RESPONSE of session 1
};
class CapfBadFrame : public CapfServerTest, public testing::WithParamInterface<BadFrame> {};
TEST_P(CapfBadFrame, IsAnsweredByEndSessionSeven) {
    start();
    CapfClient client{server->address()};
    client.next();
    client.send(from_hex(GetParam().hex).value());
    EXPECT_EQ(reason_of(client.next()), "end 07");
}
INSTANTIATE_TEST_SUITE_P(, CapfBadFrame,
                         testing::Values(BadFrame{"protocol id", "5702000000010000"},
                                         BadFrame{"session id", "5502000000020000"},
                                         BadFrame{"command", "5504000000010000"},
                                         BadFrame{"no device name", "55020000000100040700 0101"},
                                         BadFrame{"element past the frame", "550200000001000407000901"}));

TEST_F(CapfServerTest, DeletesAndFetchesAsTheReferenceSays) {
    start("instance=link1,code=12345,operation=delete");
    CapfClient client{server->address()};
    client.authenticate("CTI-link1", "12345");
    EXPECT_EQ(client.next()->command, Command::delete_certificate_request);
    auto answer = client.message(Command::delete_certificate_response);
    client.send(answer.add(Tag::reason, std::uint8_t{7}));
    EXPECT_EQ(reason_of(client.next()), "end 01");
    cluster->profiles.set(parse_profile("instance=link1,code=12345,operation=fetch", wall_now()).value());
    CapfClient fetched{server->address()};
    fetched.authenticate("CTI-link1", "12345");
    EXPECT_EQ(fetched.next()->command, Command::fetch_certificate_request);
    answer = fetched.message(Command::fetch_certificate_response);
    fetched.send(answer.add(Tag::reason, std::uint8_t{7}));
    EXPECT_EQ(reason_of(fetched.next()), "end 00");
}

struct Issue {
    const char* fault;
    bool our_key, our_issuer, now_valid;
};
class CapfIssueFault : public CapfServerTest, public testing::WithParamInterface<Issue> {};
TEST_P(CapfIssueFault, MakesExactlyTheCertificateWrong) {
    start("instance=link1,code=12345", GetParam().fault);
    CapfClient client{server->address()};
    key_request(client);
    client.give_key(rsa_key());
    const auto certificate = certificate_of(client.next().value());
    EXPECT_EQ(rsa_key().pairs_with(certificate.public_key().value()), GetParam().our_key);
    EXPECT_EQ(certificate.issued_by(cluster->authority.capf()->certificate), GetParam().our_issuer);
    EXPECT_EQ(certificate.issuer(), cluster->authority.capf()->certificate.subject());
    const auto now = wall_now();
    EXPECT_EQ(certificate.not_before() <= now && now < certificate.not_after(), GetParam().now_valid);
}
INSTANTIATE_TEST_SUITE_P(, CapfIssueFault,
                         testing::Values(Issue{"capf-slow=0", true, true, true},
                                         Issue{"capf-foreign-key", false, true, true},
                                         Issue{"capf-wrong-issuer", true, false, true},
                                         Issue{"capf-expired-certificate", true, true, false},
                                         Issue{"capf-future-certificate", true, true, false}));

TEST_F(CapfServerTest, SendsTheSameCertificateAgainWhenTold) {
    start();
    std::vector<std::string> seen;
    for (int i = 0; i < 2; ++i) {
        cluster->profiles.set(parse_profile("instance=link1,code=12345", wall_now()).value());
        CapfClient client{server->address()};
        key_request(client);
        client.give_key(rsa_key());
        seen.push_back(certificate_of(client.next().value()).sha256());
        ASSERT_TRUE(cluster->faults.set("capf-same-certificate"));
    }
    EXPECT_EQ(seen[0], seen[1]);
    EXPECT_EQ(issued(), 2);
}

TEST_F(CapfServerTest, CutsAfterTheOctetCountsOfEachDirection) {
    start("instance=link1,code=12345", "capf-cut-sent=10@1");
    CapfClient sent{server->address()};
    EXPECT_EQ(hex(sent.octets(100)), "55010000000100080700");
    ASSERT_TRUE(cluster->faults.set("capf-cut-received=3"));
    CapfClient received{server->address()};
    received.authenticate("CTI-link1", "12345");
    EXPECT_FALSE(received.next());
    server.reset();
    EXPECT_EQ(cluster->counters.capf_sessions, 0U);
}

struct StepFault {
    const char* fault;
    const char* answer;  ///< to AUTH_RESPONSE
};
class CapfStepFault : public CapfServerTest, public testing::WithParamInterface<StepFault> {};
TEST_P(CapfStepFault, ActsInPlaceOfTheKeyRequest) {
    start("instance=link1,code=12345", GetParam().fault);
    CapfClient client{server->address()};
    client.authenticate("CTI-link1", "12345");
    EXPECT_EQ(hex(client.octets(40, 300ms)), GetParam().answer);
}
INSTANTIATE_TEST_SUITE_P(
    , CapfStepFault,
    testing::Values(StepFault{"capf-drop=key-request", ""}, StepFault{"capf-hang=key-request", ""},
                    StepFault{"capf-end=key-request:9", "550f00000001000401000109"},
                    StepFault{"capf-end=auth-response:0", "550f00000001000401000100"},
                    StepFault{"capf-wrong-session=key-request", "55030100000100050a00020800"},
                    StepFault{"capf-unexpected=key-request", "5512000000010000"},
                    StepFault{"capf-truncated-element=key-request", "55030000000100050a10020800"},
                    StepFault{"capf-joined", "551100000001000055030000000100050a00020800"},
                    StepFault{"capf-retry-later=5", "55100000000100050c00020005"},
                    StepFault{"capf-key-size=512", "55030000000100050a00020200"},
                    StepFault{"capf-ec-request", "55030000000100081100010112000100"},
                    StepFault{"capf-unknown-element", "550300000001000a0a00020800630002abcd"}));

}  // namespace
}  // namespace tserver::sim
