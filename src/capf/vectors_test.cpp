// Every message of tests/data/capf/messages.json answered as it says, and every recording read on both sides.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <filesystem>
#include <map>
#include <sstream>

#include "tests/support/capf_script.hpp"

namespace tserver::capf {
namespace {

namespace json = boost::json;
using namespace test;
using testing::HasSubstr;

struct Vector {
    std::string name;
    Bytes octets;
    std::string context;
};

const std::vector<Vector>& vectors() {
    static const auto all = [] {
        std::vector<Vector> out;
        const auto document = json::parse(file("messages.json"));
        for (const auto& value : document.at("vectors").as_array()) {
            const auto& row = value.as_object();
            auto octets = from_hex(std::string{row.at("hex").as_string()}).value();
            if (const auto* rule = row.if_contains("generate")) {
                octets = from_hex(std::string{rule->at("head").as_string()}).value();
                octets.resize(octets.size() + rule->at("zero_octets").to_number<std::size_t>());
            }
            out.push_back({std::string{row.at("name").as_string()}, std::move(octets),
                           std::string{row.at("context").as_string()}});
        }
        return out;
    }();
    return all;
}

struct Answer {
    std::uint8_t version;  ///< that we speak
    Fault fault;           ///< how the enrolment ends, the server saying nothing more
    const char* detail;
};

/// After an accepted message the closed connection is what ends the enrolment.
const std::map<std::string, Answer>& answers() {
    constexpr auto comm = Fault::CAPF_COMM;
    constexpr auto lost = Fault::CAPF_CODE_PROBABLY_USED;
    constexpr auto bad = Fault::CAPF_PROTOCOL;
    constexpr auto wrong = Fault::ISSUED_CERT_WRONG;
    static const std::map<std::string, Answer> all{
        {"auth-request-v3", {3, comm, "the server closed the connection"}},
        {"auth-request-version-only", {3, comm, "the server closed the connection"}},
        {"auth-request-no-elements", {3, bad, "AUTH_REQUEST without VERSION"}},
        {"auth-request-version-9", {3, comm, "the server closed the connection"}},
        {"keygen-rsa-2048", {1, lost, "the server closed the connection"}},
        {"keygen-rsa-size-only", {1, Fault::CAPF_KEY_SIZE, "asked for RSA-1024"}},
        {"keygen-ec-p384", {3, lost, "the server closed the connection"}},
        {"keygen-ec-without-curve", {3, bad, "for an EC key without CURVE"}},
        {"keygen-ec-curve-9", {3, bad, "unknown curve 9"}},
        {"keygen-type-2", {3, bad, "unknown key type 2"}},
        {"keygen-rsa-0", {1, Fault::CAPF_KEY_SIZE, "asked for RSA-0"}},
        {"keygen-rsa-65535", {1, Fault::CAPF_KEY_SIZE, "asked for RSA-65535"}},
        {"keygen-size-one-octet", {1, bad, "element length 1 of KEY_SIZE at offset 8, expected 2"}},
        {"keygen-elements-reversed", {1, lost, "the server closed the connection"}},
        {"end-session-1", {1, Fault::CAPF_NO_PENDING_OP, "nothing was issued"}},
        {"end-session-9", {1, Fault::CAPF_NO_PROFILE, "reason 9 (unknown device)"}},
        {"end-session-no-reason", {1, Fault::CAPF_AUTH_CODE, "no reason"}},
        {"end-session-reason-3", {1, Fault::CAPF_AUTH_CODE, "reason 3 (no public meaning)"}},
        {"reason-length-0", {1, bad, "element length 0 of REASON at offset 8, expected 1"}},
        {"in-progress-from-server", {1, comm, "the server closed the connection"}},
        {"unknown-element-21", {1, Fault::CAPF_NO_PENDING_OP, "reason 0 (no action)"}},
        {"unknown-command-99", {1, bad, "unexpected command 99"}},
        {"wrong-protocol-id", {1, bad, "protocol id 0x57 at offset 0"}},
        {"wrong-session-id", {1, bad, "session id 8, expected 7"}},
        {"short-header", {1, comm, "closed the connection after 5 octets of a message"}},
        {"short-body", {1, comm, "closed the connection after 12 octets of a message"}},
        {"element-past-body", {1, bad, "element length 9 of REASON at offset 8 goes past the body"}},
        {"element-header-cut", {1, bad, "element header cut at offset 12"}},
        {"duplicate-element", {1, bad, "duplicate element REASON at offset 12"}},
        {"store-not-der", {1, wrong, "not an X.509 certificate"}},
        {"store-inner-length-wrong", {1, wrong, "inner length 4095, but 6 octets follow"}},
        {"store-no-certificate", {1, wrong, "no certificate"}},
        {"fetch-request", {1, comm, "the server closed the connection"}},
        {"delete-request", {1, Fault::CAPF_DELETE, "nothing was deleted"}},
        {"body-length-max", {1, Fault::CAPF_NO_PENDING_OP, "reason 0 (no action)"}},
        // What a client says is nothing for a client, well made or not.
        {"server-auth-response-no-name", {1, bad, "unexpected AUTH_RESPONSE"}},
        {"server-auth-response-password-absent", {1, bad, "unexpected AUTH_RESPONSE"}},
        {"server-auth-response-password-without-nul", {1, bad, "unexpected AUTH_RESPONSE"}},
        {"server-auth-response-name-with-inner-nul", {1, bad, "unexpected AUTH_RESPONSE"}},
    };
    return all;
}

class MessageVector : public testing::TestWithParam<Vector> {};

TEST_P(MessageVector, IsAnsweredAsItSays) {
    const auto& row = GetParam();
    const auto found = answers().find(row.name);
    ASSERT_NE(found, answers().end()) << "no answer is written down for it";
    const auto& answer = found->second;
    Play play;
    if (!row.context.starts_with("client, first message")) play.server.says(auth_request());
    if (row.context.find("after KEY_GENERATE_RESPONSE") != std::string::npos) play.server.says(key_request());
    play.server.says(row.octets);
    const auto enrolled = play.with(request(answer.version));
    ASSERT_FALSE(enrolled);
    EXPECT_EQ(id(enrolled.error().fault), id(answer.fault));
    EXPECT_THAT(enrolled.error().detail, HasSubstr(answer.detail));
    if (answer.fault == Fault::ISSUED_CERT_WRONG) {
        const auto last = play.server.sent(play.server.records().size() - 1);
        EXPECT_EQ(last.command, Command::store_certificate_response);
        EXPECT_EQ(last.number(Tag::reason), 7);
    }
}

INSTANTIATE_TEST_SUITE_P(, MessageVector, testing::ValuesIn(vectors()), [](const auto& row) {
    auto name = row.param.name;
    std::ranges::replace(name, '-', '_');
    return name;
});

TEST(MessageVectors, AreAllThere) { EXPECT_EQ(vectors().size(), answers().size()); }

// --- recordings ---

struct Line {
    bool from_server;
    Bytes octets;
};

std::vector<Line> recording(const std::string& name) {
    std::vector<Line> out;
    std::istringstream in{file(name)};
    for (std::string line; std::getline(in, line);) {
        if (!line.starts_with("S>C ") && !line.starts_with("C>S ")) continue;
        out.push_back({line.starts_with("S>C"), from_hex(line.substr(4)).value()});
    }
    return out;
}

std::vector<std::string> recordings() {
    std::vector<std::string> out;
    for (const auto& entry : std::filesystem::directory_iterator{fmt::format("{}/capf", TSERVER_TEST_DATA)}) {
        if (entry.path().extension() == ".txt") out.push_back(entry.path().filename());
    }
    std::ranges::sort(out);
    return out;
}

class Recording : public testing::TestWithParam<std::string> {};

TEST_P(Recording, IsReadOnBothSidesAndWrittenTheSame) {
    const auto lines = recording(GetParam());
    ASSERT_GE(lines.size(), 3U);
    for (const auto& line : lines) {
        const auto message = decode(line.octets);
        ASSERT_TRUE(message) << message.error().text();
        EXPECT_EQ(encode(*message), line.octets);
    }
}

INSTANTIATE_TEST_SUITE_P(, Recording, testing::ValuesIn(recordings()),
                         [](const auto& row) { return std::string{"n"} + row.param.substr(0, 2); });

TEST(Recordings, AreAllThere) { EXPECT_EQ(recordings().size(), 15U); }

/// Plays the server's half of a recording; the client has the recorded key.
struct Replayed {
    const char* recording;
    const char* pem;
    unsigned minimum_bits;
};

class Replay : public testing::TestWithParam<Replayed> {};

TEST_P(Replay, EndsWithTheRecordedCertificateInVersion3) {
    const auto& row = GetParam();
    Play play{row.pem};
    const auto lines = recording(row.recording);
    for (const auto& line : lines) {
        if (line.from_server) play.server.says(line.octets);
    }
    auto wanted = request(3);
    wanted.minimum_bits = row.minimum_bits;
    const auto enrolled = play.with(wanted);
    ASSERT_TRUE(enrolled) << enrolled.error().text();
    EXPECT_EQ(enrolled->certificate, certificate(row.pem));
    // Behind the proof of identity, every octet that the recorded client sent.
    std::vector<Bytes> recorded;
    for (const auto& line : lines) {
        if (!line.from_server) recorded.push_back(line.octets);
    }
    ASSERT_EQ(play.server.records().size(), recorded.size());
    for (std::size_t i = 1; i < recorded.size(); ++i) EXPECT_EQ(play.server.records()[i], recorded[i]) << i;
}

INSTANTIATE_TEST_SUITE_P(
    , Replay,
    testing::Values(Replayed{"01-install-rsa2048-authstring.txt", "keys/01-client.pem", 2048},
                    Replayed{"02-install-rsa1024-nullstring.txt", "keys/02-client.pem", 1024},
                    Replayed{"03-install-ec-p256-authstring.txt", "keys/03-client.pem", 2048},
                    Replayed{"04-install-ec-p384-nullstring.txt", "keys/04-client.pem", 2048},
                    Replayed{"15-install-cti-style-name.txt", "keys/15-client.pem", 2048}));

struct Refusal {
    const char* recording;
    Fault fault;
};

class ReplayedRefusal : public testing::TestWithParam<Refusal> {};

TEST_P(ReplayedRefusal, IsNamed) {
    Play play;
    for (const auto& line : recording(GetParam().recording)) {
        if (line.from_server) play.server.says(line.octets);
    }
    const auto enrolled = play.with(request(3));
    ASSERT_FALSE(enrolled);
    EXPECT_EQ(id(enrolled.error().fault), id(GetParam().fault));
}

INSTANTIATE_TEST_SUITE_P(, ReplayedRefusal,
                         testing::Values(Refusal{"05-wrong-authstring.txt", Fault::CAPF_AUTH_CODE},
                                         Refusal{"06-unknown-device.txt", Fault::CAPF_NO_PROFILE},
                                         Refusal{"07-no-operation.txt", Fault::CAPF_NO_PENDING_OP},
                                         Refusal{"09-fetch-no-certificate.txt", Fault::CAPF_NO_PENDING_OP},
                                         Refusal{"13-delete.txt", Fault::CAPF_DELETE}));

}  // namespace
}  // namespace tserver::capf
