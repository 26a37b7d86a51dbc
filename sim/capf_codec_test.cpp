#include "sim/capf_codec.hpp"

#include <gmock/gmock.h>

#include <boost/json.hpp>

#include "base/text.hpp"
#include "sim/capf_server.hpp"
#include "sim/pki.hpp"

namespace tserver::sim {
namespace {

const std::filesystem::path vectors = std::filesystem::path{TSERVER_TEST_DATA} / "capf";

Result<capf::Message> decode(ByteView frame) {
    const auto header = capf::read_header(frame.first(8));
    TRY(elements, capf::read_elements(frame.subspan(8)));
    return capf::Message{static_cast<capf::Command>(header.command), header.session, std::move(elements)};
}

struct Recorded {
    bool from_server;
    Bytes frame;
};
std::vector<Recorded> recording(const std::filesystem::path& file) {
    std::vector<Recorded> out;
    const auto text = read_file(file).value();
    for (const auto line : split(text, '\n'))
        if (line.starts_with("S>C ") || line.starts_with("C>S "))
            out.push_back({line.front() == 'S', from_hex(line.substr(4)).value()});
    return out;
}

/// Every recorded session of the other implementation.
TEST(CapfCodec, ReadsEveryRecordedMessageAndWritesTheSameOctets) {
    int frames = 0;
    for (const auto& file : std::filesystem::directory_iterator{vectors}) {
        if (file.path().extension() != ".txt") continue;
        for (const auto& [from_server, frame] : recording(file.path())) {
            const auto message = decode(frame);
            ASSERT_TRUE(message.has_value()) << file.path();
            EXPECT_EQ(hex(capf::encode(*message)), hex(frame)) << file.path();
            EXPECT_EQ(capf::read_header(frame).length + 8U, frame.size());
            ++frames;
        }
    }
    EXPECT_GT(frames, 70);
}

TEST(CapfCodec, BuildsTheServersSideOfTheInstallRecording) {
    const auto recorded = recording(vectors / "01-install-rsa2048-authstring.txt");
    std::vector<std::string> server;
    for (const auto& r : recorded)
        if (r.from_server) server.push_back(hex(r.frame));
    using capf::Command;
    using capf::Tag;
    capf::Message hello{Command::auth_request, 1, {}};
    hello.add(Tag::version, std::uint8_t{3}).add(Tag::auth_type, std::uint8_t{0});
    capf::Message key{Command::key_generate_request, 1, {}};
    key.add(Tag::key_size, Bytes{8, 0}).add(Tag::key_type, std::uint8_t{0});
    const auto issued = load(vectors / "keys/01-client.pem").value()->certificate;
    capf::Message store{Command::store_certificate_request, 1, {}};
    store.add(Tag::certificate_type, std::uint8_t{1})
        .add(Tag::certificate, capf::certificate_value(issued.der()));
    capf::Message end{Command::end_session, 1, {}};
    end.add(Tag::reason, std::uint8_t{1});
    EXPECT_THAT(server, testing::ElementsAre(hex(encode(hello)), hex(encode(key)), hex(encode(store)),
                                             hex(encode(end))));
}

TEST(CapfCodec, HidesThePasswordInWhatItTells) {
    const auto recorded = recording(vectors / "01-install-rsa2048-authstring.txt");
    const auto said = capf::describe(decode(recorded.at(1).frame).value());
    EXPECT_THAT(said, testing::HasSubstr("PASSWORD=***"));
    EXPECT_THAT(said, testing::Not(testing::HasSubstr(hex(as_bytes("123456")))));
    EXPECT_THAT(said, testing::HasSubstr("DEVICE_NAME=\"SEP0000AABB0001\\x00\""));
}

struct BadBody {
    const char* hex;
    const char* detail;
};
class CapfBody : public testing::TestWithParam<BadBody> {};
TEST_P(CapfBody, IsRefusedForTheNamedReason) {
    const auto elements = capf::read_elements(from_hex(GetParam().hex).value());
    ASSERT_FALSE(elements.has_value());
    EXPECT_EQ(elements.error().detail, GetParam().detail);
}
INSTANTIATE_TEST_SUITE_P(, CapfBody,
                         testing::Values(BadBody{"01000900", "element at offset 0 leaves the frame"},
                                         BadBody{"010001000700", "element at offset 4 leaves the frame"},
                                         BadBody{"0100010001000107", "element 1 twice"}));

/// The hand-made messages for a server.
struct HandMade {
    const char* name;
    const char* detail;  ///< nullptr: accepted
    const char* password;
};
class CapfAuthResponse : public testing::TestWithParam<HandMade> {};
TEST_P(CapfAuthResponse, IsAnsweredAsItsTableSays) {
    const auto root = boost::json::parse(read_file(vectors / "messages.json").value());
    for (const auto& vector : root.at("vectors").as_array()) {
        if (vector.at("name").as_string() != GetParam().name) continue;
        const auto hello =
            read_auth_response(decode(from_hex(vector.at("hex").as_string()).value()).value(), 3);
        ASSERT_EQ(hello.has_value(), GetParam().detail == nullptr);
        if (hello) {
            EXPECT_EQ(hello->password.value_or("none"), GetParam().password);
        } else {
            EXPECT_EQ(hello.error().detail, GetParam().detail);
        }
        return;
    }
    FAIL() << "no such vector";
}
INSTANTIATE_TEST_SUITE_P(, CapfAuthResponse,
                         testing::Values(HandMade{"server-auth-response-no-name", "no DEVICE_NAME", ""},
                                         HandMade{"server-auth-response-password-absent", nullptr, "none"},
                                         HandMade{"server-auth-response-password-without-nul", nullptr,
                                                  "123456"},
                                         HandMade{"server-auth-response-name-with-inner-nul",
                                                  "DEVICE_NAME with an inner NUL", ""}));

TEST(CapfAuthVersion, RefusesAVersionAboveTheOneAnnounced) {
    capf::Message message{capf::Command::auth_response, 1, {}};
    message.add(capf::Tag::version, std::uint8_t{3}).add(capf::Tag::device_name, Bytes{'x'});
    EXPECT_EQ(read_auth_response(message, 3)->version, 3);
    EXPECT_EQ(read_auth_response(message, 2).error().detail, "version 03");
}

}  // namespace
}  // namespace tserver::sim
