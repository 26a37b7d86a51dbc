// Octets to messages and back: what decode() refuses, and what single messages say.
#include "capf/codec.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "capf/make_key.hpp"
#include "net/loop.hpp"
#include "tests/support/capf_script.hpp"

namespace tserver::capf {
namespace {

using namespace test;

Bytes octets(std::string_view text) { return from_hex(text).value(); }

struct Bad {
    const char* message;
    const char* detail;
};

class Refused : public testing::TestWithParam<Bad> {};

TEST_P(Refused, AsAProtocolErrorThatNamesThePlace) {
    const auto message = decode(octets(GetParam().message));
    ASSERT_FALSE(message);
    EXPECT_EQ(message.error().fault, Fault::CAPF_PROTOCOL);
    EXPECT_EQ(message.error().detail, GetParam().detail);
}

INSTANTIATE_TEST_SUITE_P(
    , Refused,
    testing::Values(Bad{"", "truncated: 0 octets of a header of 8"},
                    Bad{"55", "truncated: 1 octets of a header of 8"},
                    Bad{"55010000", "truncated: 4 octets of a header of 8"},
                    Bad{"550f0000000700", "truncated: 7 octets of a header of 8"},
                    Bad{"570f000000070000", "protocol id 0x57 at offset 0, expected 0x55"},
                    Bad{"57", "protocol id 0x57 at offset 0, expected 0x55"},
                    Bad{"550f000000070001", "truncated: 0 octets of a body of 1"},
                    Bad{"550f00000007000001", "too long: 1 octets of a body of 0"},
                    Bad{"550f00000007000101", "element header cut at offset 8"},
                    Bad{"550f000000070006010001010700", "element header cut at offset 12"},
                    Bad{"550f00000007000401000201",
                        "element length 2 of REASON at offset 8 goes past the body (1 octets left)"},
                    Bad{"550f0000000700050100020101", "element length 2 of REASON at offset 8, expected 1"},
                    Bad{"550f000000070003010000", "element length 0 of REASON at offset 8, expected 1"},
                    Bad{"550f000000070003070000", "element length 0 of VERSION at offset 8, expected 1"},
                    Bad{"550f000000070003080000", "element length 0 of AUTH_TYPE at offset 8, expected 1"},
                    Bad{"550f000000070003030000",
                        "element length 0 of CERTIFICATE_TYPE at offset 8, expected 1"},
                    Bad{"550f0000000700040a000108", "element length 1 of KEY_SIZE at offset 8, expected 2"},
                    Bad{"550f000000070003110000", "element length 0 of KEY_TYPE at offset 8, expected 1"},
                    Bad{"550f000000070003120000", "element length 0 of CURVE at offset 8, expected 1"},
                    Bad{"550f0000000700080100010101000101", "duplicate element REASON at offset 12"}));

TEST(Decoding, CarriesUnknownElementsAlongEvenTwice) {
    const auto message =
        decode(octets("550f00000007000e"
                      "1500024142"
                      "150000"
                      "6300024344"
                      "00"));
    EXPECT_FALSE(message) << "the last octet is half an element";
    const auto whole =
        decode(octets("550f00000007000d"
                      "1500024142"
                      "150000"
                      "6300024344"));
    ASSERT_TRUE(whole);
    EXPECT_EQ(whole->elements.size(), 3U);
}

TEST(Decoding, TakesTheLargestMessage) {
    auto message = octets("550f00000007ffff0100010015fff8");
    message.resize(largest_message);
    const auto decoded = decode(message);
    ASSERT_TRUE(decoded) << decoded.error().text();
    EXPECT_EQ(decoded->number(Tag::reason), 0);
    EXPECT_EQ(encode(*decoded), message);
}

TEST(Assembling, GivesTheSameMessagesHoweverTheOctetsAreCut) {
    Bytes all;
    for (const auto& message : install()) {
        const auto encoded = encode(message);
        all.insert(all.end(), encoded.begin(), encoded.end());
    }
    for (const std::size_t size : {1UL, 2UL, 7UL, 8UL, 9UL, 100UL, all.size()}) {
        Assembler assembler;
        std::vector<Message> got;
        for (std::size_t at = 0; at < all.size(); at += size) {
            assembler.add(ByteView{all}.subspan(at, std::min(size, all.size() - at)));
            for (;;) {
                auto next = assembler.next();
                ASSERT_TRUE(next);
                if (!*next) break;
                got.push_back(**std::move(next));
            }
        }
        EXPECT_EQ(got, install()) << "pieces of " << size;
        EXPECT_EQ(assembler.remainder(), "");
    }
}

TEST(Assembling, TellsAWrongProtocolAtItsFirstOctet) {
    Assembler assembler;
    assembler.add(as_bytes("H"));
    const auto next = assembler.next();
    ASSERT_FALSE(next);
    EXPECT_EQ(next.error().detail, "protocol id 0x48 at offset 0, expected 0x55");
}

TEST(Assembling, SaysWhatACutConnectionLeavesBehind) {
    Assembler assembler;
    assembler.add(octets("550f000000"));
    ASSERT_TRUE(assembler.next());
    EXPECT_EQ(assembler.remainder(), "5 octets of a message");
}

// --- CERTIFICATE forms ---

struct Form {
    const char* what;
    std::string head;  ///< before the DER, hex; `LLLL` stands for the right inner length
    const char* tail;  ///< behind it
    const char* detail;
};

class CertificateForm : public testing::TestWithParam<Form> {};

TEST_P(CertificateForm, IsTakenOrRefusedForTheNamedReason) {
    const auto& row = GetParam();
    const auto issued = certificate("issued/good.pem");
    auto head = row.head;
    if (const auto at = head.find("LLLL"); at != std::string::npos) {
        head.replace(at, 4, fmt::format("{:04x}", issued.der().size() + 2));
    }
    auto value = octets(head);
    value.insert(value.end(), issued.der().begin(), issued.der().end());
    const auto tail = octets(row.tail);
    value.insert(value.end(), tail.begin(), tail.end());
    auto store = say(Command::store_certificate_request).add(Tag::certificate, value);

    const auto got = certificate_of(store);
    ASSERT_EQ(got.has_value(), std::string_view{row.detail}.empty()) << row.what;
    if (got) return;
    EXPECT_EQ(got.error().fault, Fault::ISSUED_CERT_WRONG);
    EXPECT_THAT(got.error().detail, testing::HasSubstr(row.detail));
}

INSTANTIATE_TEST_SUITE_P(
    , CertificateForm,
    testing::Values(Form{"as capfd writes it", "01LLLL0001", "", ""},
                    Form{"manufacturer's", "01LLLL0002", "", "inner certificate type 2, expected 1 (LSC)"},
                    Form{"type in the high octet", "01LLLL0100", "", "inner certificate type 256"},
                    Form{"first octet", "02LLLL0001", "", "starts with 2, expected 1"},
                    Form{"bare DER", "", "", "starts with 48, expected 1"},
                    Form{"octets behind it", "01LLLL0001", "00", "but"},
                    Form{"inner length 0", "0100000001", "", "inner length 0, but"}));

TEST(CertificateOf, RefusesAnElementThatEndsInItsOwnHead) {
    const std::vector<std::pair<const char*, const char*>> rows{
        {"", "certificate element of 0 octets"},
        {"0100", "certificate element of 2 octets"},
        {"010000", "inner length 0 leaves no room for a type"},
        {"01000100", "inner length 1 leaves no room for a type"},
        {"0100020001", "not an X.509 certificate"},
        {"0100060001deadbeef", "not an X.509 certificate"}};
    for (const auto& [value, detail] : rows) {
        const auto got =
            certificate_of(say(Command::store_certificate_request).add(Tag::certificate, octets(value)));
        ASSERT_FALSE(got) << value;
        EXPECT_THAT(got.error().detail, testing::HasSubstr(detail)) << value;
    }
}

TEST(CertificateOf, RefusesACertificateOfAnotherType) {
    auto store = store_request(certificate("issued/good.pem"));
    store.elements.front() = Element{Tag::certificate_type, Bytes{2}};
    const auto got = certificate_of(store);
    ASSERT_FALSE(got);
    EXPECT_EQ(got.error().detail, "certificate type 2, expected 1 (LSC)");
}

TEST(CertificateOf, DoesWithoutTheTypeElement) {
    auto store = store_request(certificate("issued/good.pem"));
    store.elements.erase(store.elements.begin());
    EXPECT_TRUE(certificate_of(store));
}

// --- keys ---

TEST(KeyPolicyOf, AllowsTheFourSizesFromTheMinimumOn) {
    for (const unsigned minimum : {1024U, 2048U}) {
        for (const unsigned bits : {0U, 512U, 1024U, 1536U, 2048U, 3072U, 4096U, 8192U, 65535U}) {
            const bool known = bits == 1024 || bits == 2048 || bits == 3072 || bits == 4096;
            const auto allowed = permit(Rsa{bits}, {minimum, true});
            EXPECT_EQ(allowed.has_value(), known && bits >= minimum) << bits << " with " << minimum;
            if (!allowed) {
                EXPECT_EQ(allowed.error().fault, Fault::CAPF_KEY_SIZE);
                EXPECT_THAT(allowed.error().detail,
                            testing::StartsWith(
                                fmt::format("asked for RSA-{}, allowed are {} to 4096", bits, minimum)));
            }
        }
    }
}

TEST(KeySpecOf, IsWhatMakeKeyMakes) {
    net::Loop loop;
    for (const auto& spec : {KeySpec{Rsa{1024}}, KeySpec{Rsa{2048}}, KeySpec{crypto::Curve::p256},
                             KeySpec{crypto::Curve::p384}, KeySpec{crypto::Curve::p521}}) {
        auto making = make_key(loop, spec);
        making.start();
        while (!making.started_and_done()) loop.turn(100ms);
        const auto key = making.take();
        ASSERT_TRUE(key) << key.error().text();
        EXPECT_EQ(spec_of(key->public_half()), spec) << text(spec);
        EXPECT_EQ(key->public_half().text(), text(spec));
    }
}

}  // namespace
}  // namespace tserver::capf
