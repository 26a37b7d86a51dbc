// Structures that no vector has: field cases, limits, hostile texts, certificates that spoil only their
// record.
#include "trust/parse.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "tests/support/ctl_builder.hpp"
#include "trust/roles.hpp"
#include "trust/verify.hpp"

namespace tserver::trust {
namespace {

using test::publisher;
using test::recovery;
using testing::HasSubstr;

Bytes file_of(std::vector<Bytes> records) {
    records.insert(records.begin(), test::record(0, recovery().certificate));
    return test::build({std::move(records)}, recovery());
}

List parsed_list(std::vector<Bytes> records) { return parse(file_of(std::move(records))).value(); }

Bytes with(Bytes octets, std::string_view old_octets, std::string_view new_octets) {
    const auto at = std::ranges::search(octets, as_bytes(old_octets));
    std::ranges::copy(as_bytes(new_octets), at.begin());
    return octets;
}

struct SerialCase {
    const char* name;
    Bytes magnitude;
    bool negative;
    Bytes in_the_list;
    const char* shown;
};
class F1_OddSerial : public testing::TestWithParam<SerialCase> {};

TEST_P(F1_OddSerial, LoadsIsShownWithItsSignAndMatchesAsANumber) {
    const auto& c = GetParam();
    const auto odd = test::make_certificate({.serial = c.magnitude, .negative = c.negative}, publisher().key);
    const auto list = parse(file_of({test::record({{4, {0, 2}}, {6, c.in_the_list}, {9, odd.der()}})}));
    ASSERT_TRUE(list) << list.error().text();
    EXPECT_EQ(list->records[1].serial_text(), c.shown);
    EXPECT_EQ(list->records[1].error, "");
    EXPECT_TRUE(trusts_server(*list, odd));
}

TEST_P(F1_OddSerial, SignsAList) {
    const auto& c = GetParam();
    const crypto::Identity odd{
        test::signer("pub").key,
        test::make_certificate({.serial = c.magnitude, .negative = c.negative}, publisher().key)};
    const auto file =
        test::build({.records = {test::record({{4, {0, 0}}, {6, c.in_the_list}, {9, odd.certificate.der()}})},
                     .signer_serial = c.in_the_list},
                    odd);
    const auto list = parse(file);
    ASSERT_TRUE(list) << list.error().text();
    EXPECT_TRUE(verify(*list, *list)) << verify(*list, *list).error().text();
}

INSTANTIATE_TEST_SUITE_P(
    , F1_OddSerial,
    testing::Values(SerialCase{"negative_by_magnitude", {0x7D, 1}, true, {0x7D, 1}, "-7d01"},
                    SerialCase{"negative_by_twos_complement", {0x7D, 1}, true, {0x82, 0xFF}, "-7d01"},
                    SerialCase{"negative_with_sign_octet", {0x81}, true, {0xFF, 0x7F}, "-81"},
                    SerialCase{"zero", {}, false, {0}, "00"},
                    SerialCase{"leading_zeros", {0xF1, 2}, false, {0, 0, 0xF1, 2}, "f102"},
                    SerialCase{"longer_than_20", Bytes(30, 0xAB), false, Bytes(30, 0xAB),
                               "abababababababababababababababababababababababababababababab"}),
    [](const auto& each) { return each.param.name; });

TEST(F3_ExpiredTwin, InTheListIsHarmless) {
    const auto expired = test::make_certificate(
        {.name = "cucm-pub", .serial = {1}, .not_after = Instant{std::chrono::seconds{1700000001}}},
        publisher().key);
    const auto valid = test::make_certificate({.name = "cucm-pub", .serial = {2}}, publisher().key);
    const auto list = parsed_list({test::record(2, expired), test::record(2, valid)});
    EXPECT_TRUE(trusts_server(list, valid));
    EXPECT_TRUE(trusts_server(list, expired)) << "dates are for TLS to judge";
    EXPECT_TRUE(verify(list, list));
}

TEST(OneBadCertificate, WellFramedButUndecodableSpoilsItsRecordOnly) {
    const auto list = parsed_list({test::record({{4, {0, 2}}, {6, {1}}, {9, {0x30, 3, 2, 1, 5}}}),
                                   test::record(2, publisher().certificate)});
    EXPECT_THAT(list.records[1].error, HasSubstr("not an X.509 certificate"));
    EXPECT_EQ(list.records[1].usable(), nullptr);
    ASSERT_EQ(list.warnings.size(), 1U);
    EXPECT_THAT(list.warnings[0], HasSubstr("record 2: certificate"));
    EXPECT_TRUE(trusts_server(list, publisher().certificate));
    EXPECT_TRUE(verify(list, list));
}

TEST(OneBadCertificate, WithAKeyThatCannotBeReadIsShownAndNotTrusted) {
    // The algorithm of the key (rsaEncryption) becomes one that nobody knows; the rest is as it was.
    const auto der = with(publisher().certificate.der(), "\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01",
                          "\x2a\x86\x48\x86\xf7\x0d\x01\x01\x7f");
    const auto list = parsed_list({test::record({{4, {0, 2}}, {9, der}})});
    EXPECT_THAT(list.records[1].error, HasSubstr("public key"));
    EXPECT_THAT(list.records[1].subject(), HasSubstr("CN=cucm-pub"));
    EXPECT_FALSE(trusts_server(list, *list.records[1].certificate));
    EXPECT_TRUE(verify(list, list));
}

TEST(HostileText, IsEscapedWhereItEnters) {
    const auto list = parsed_list({test::record({{2, test::with_nul("\x1b[2Jcucm\r\nroot")},
                                                 {3, test::with_nul(std::string{"CN=a\0b", 6})},
                                                 {4, {0, 2}},
                                                 {5, {0xFF, 0xFE}}})});
    EXPECT_EQ(list.records[1].dns, "\\x1b[2Jcucm\\x0d\\x0aroot");
    EXPECT_EQ(list.records[1].subject(), "CN=a\\x00b");
    EXPECT_EQ(list.records[1].issuer(), "\\xff\\xfe");
}

TEST(EmptyValues, OfZeroLengthAreLikeMissingOnes) {
    const auto list = parsed_list(
        {test::record({{2, {}}, {3, {}}, {4, {0, 2}}, {5, {}}, {6, {}}, {9, {}}, {10, {}}, {11, {}}})});
    const auto& record = list.records[1];
    EXPECT_EQ(record.dns + record.address + record.subject() + record.serial_text() + record.error, "");
    EXPECT_FALSE(record.certificate || record.hash);
    EXPECT_TRUE(no_servers(list));
}

struct HashCase {
    const char* name;
    Bytes code;
    crypto::Digest digest;
    const char* error;
};
class HashOnlyRecord : public testing::TestWithParam<HashCase> {};

TEST_P(HashOnlyRecord, TrustsTheCertificateWithThatHashIfCodeAndLengthAgree) {
    const auto& c = GetParam();
    const auto& leaf = publisher().certificate;
    const auto list = parsed_list(
        {test::record({{4, {0, 2}}, {11, crypto::digest_of(c.digest, leaf.der())}, {12, c.code}})});
    EXPECT_EQ(list.records[1].error, c.error);
    EXPECT_EQ(trusts_server(list, leaf), std::string_view{c.error}.empty());
    EXPECT_FALSE(trusts_server(list, recovery().certificate));
    EXPECT_EQ(no_servers(list).has_value(), !std::string_view{c.error}.empty());
}

INSTANTIATE_TEST_SUITE_P(
    , HashOnlyRecord,
    testing::Values(
        HashCase{"sha1", {1}, crypto::Digest::sha1, ""}, HashCase{"sha256", {2}, crypto::Digest::sha256, ""},
        HashCase{"sha384", {3}, crypto::Digest::sha384, ""},
        HashCase{"sha512", {3}, crypto::Digest::sha512, ""},
        HashCase{"code_of_another", {1}, crypto::Digest::sha256, "hash of 32 octets with algorithm code 01"},
        HashCase{"no_code", {}, crypto::Digest::sha1, "hash of 20 octets with algorithm code missing"}),
    [](const auto& each) { return each.param.name; });

struct DamageCase {
    const char* name;
    Bytes file;
    Defect defect;
    std::size_t offset;
    const char* detail;
};
class Damaged : public testing::TestWithParam<DamageCase> {};

TEST_P(Damaged, IsRefusedWithClassPlaceAndDetail) {
    const auto& c = GetParam();
    const auto got = read(c.file);
    ASSERT_FALSE(got);
    EXPECT_EQ(name(got.error().defect), name(c.defect)) << got.error().detail;
    EXPECT_EQ(got.error().offset, c.offset);
    EXPECT_THAT(got.error().detail, HasSubstr(c.detail));
    EXPECT_EQ(parse(c.file).error().fault,
              c.defect == Defect::too_large ? Fault::CTL_TOO_LARGE : Fault::CTL_FORMAT);
}

Bytes text(std::string_view octets) { return to_bytes(as_bytes(octets)); }

/// A header of its own: version, header length, and what follows.
Bytes header(const Bytes& rest, std::size_t length) {
    Bytes out{
        1, 0, 2, 1, 2, 2, 0, 2, static_cast<std::uint8_t>(length >> 8U), static_cast<std::uint8_t>(length)};
    out.insert(out.end(), rest.begin(), rest.end());
    return out;
}
Bytes header(const Bytes& rest) { return header(rest, 10 + rest.size()); }

/// A header of 23 octets that has all it needs, and then `records`.
Bytes small(const Bytes& records) {
    auto out = header({5, 0, 1, 7, 8, 0, 1, 1, 12, 0, 1, 9, 13});
    out.insert(out.end(), records.begin(), records.end());
    return out;
}

Bytes many(std::size_t count) {
    Bytes records;
    for (std::size_t i = 0; i < count; ++i) {
        const Bytes one{1, 0, 2, 0, 10, 4, 0, 2, 0, 2};
        records.insert(records.end(), one.begin(), one.end());
    }
    return small(records);
}

INSTANTIATE_TEST_SUITE_P(
    , Damaged,
    testing::Values(
        DamageCase{"only_the_version", {1, 0, 2, 1, 2}, Defect::truncated, 5, "only 5 octets"},
        DamageCase{"one_octet", {1}, Defect::truncated, 1, "only 1 octets"},
        DamageCase{"json", text("{\"error\":404}"), Defect::not_a_trust_list, 0, "a JSON text"},
        DamageCase{"pem", text("-----BEGIN CERTIFICATE-----\n"), Defect::not_a_trust_list, 0, "a PEM file"},
        DamageCase{"page_without_doctype", text("\r\n <HTML><body>"), Defect::not_a_trust_list, 0,
                   "a web page"},
        DamageCase{"xml", text("<?xml version=\"1.0\"?>"), Defect::not_a_trust_list, 0, "an XML document"},
        DamageCase{"plain_text", text("File not found"), Defect::not_a_trust_list, 0, "a text"},
        DamageCase{"der", {0x30, 0x82, 1, 0, 2}, Defect::not_a_trust_list, 0, "a DER file"},
        DamageCase{"second_tag", {1, 0, 2, 1, 2, 3, 0, 2, 0, 10}, Defect::not_a_trust_list, 5, "second tag"},
        DamageCase{"header_length_9", header({}, 9), Defect::bad_header, 8, "header length 9"},
        DamageCase{"no_serial", header({8, 0, 1, 1, 12, 0, 1, 9}), Defect::bad_header, 18,
                   "serial number of the signer"},
        DamageCase{"empty_serial", header({5, 0, 0, 8, 0, 1, 1, 12, 0, 1, 9}), Defect::bad_header, 21,
                   "serial number"},
        DamageCase{"digest_code_of_2", header({5, 0, 1, 7, 8, 0, 2, 0, 1, 12, 0, 1, 9}), Defect::bad_header,
                   23, "digest code"},
        DamageCase{"empty_signature", header({5, 0, 1, 7, 8, 0, 1, 1, 12, 0, 0}), Defect::no_signature, 21,
                   "no signature"},
        DamageCase{"version_twice", header({1, 0, 2, 1, 2}), Defect::duplicate_tag, 10,
                   "tag 1 a second time"},
        DamageCase{"unknown_tag_twice", header({64, 0, 0, 64, 0, 0}), Defect::duplicate_tag, 13,
                   "tag 64 a second time"},
        DamageCase{"cut_tlv_in_header", header({5, 0}), Defect::bad_header, 10, "tag 5 without a length"},
        DamageCase{"container_not_filled", header({3, 0, 5, 5, 0, 1, 7, 6}), Defect::bad_header, 17,
                   "tag 6 without a length"},
        DamageCase{"inner_longer_than_container", header({3, 0, 4, 5, 0, 2, 7, 7}), Defect::bad_header, 13,
                   "tag 5 says 2 octets, 1 are left"},
        DamageCase{"signature_in_container", header({3, 0, 4, 12, 0, 1, 7}), Defect::bad_header, 13,
                   "inside a container"},
        DamageCase{"padding_in_container", header({3, 0, 1, 13}), Defect::bad_header, 13, "padding inside"},
        DamageCase{"container_in_itself", header({3, 0, 3, 3, 0, 0}), Defect::duplicate_tag, 13,
                   "tag 3 a second time"},
        DamageCase{"record_without_role", small({1, 0, 2, 0, 8, 2, 0, 0}), Defect::bad_record, 23, "no role"},
        DamageCase{"record_of_5", small({1, 0, 2, 0, 5}), Defect::bad_record, 23, "no role"},
        DamageCase{"role_of_1_octet", small({1, 0, 2, 0, 9, 4, 0, 1, 2}), Defect::bad_record, 23, "no role"},
        DamageCase{"record_length_of_1", small({1, 0, 1, 9, 4, 0, 2, 0, 2}), Defect::bad_record, 23,
                   "does not begin"},
        DamageCase{"record_length_twice", small({1, 0, 2, 0, 10, 1, 0, 2, 0, 10}), Defect::duplicate_tag, 28,
                   "tag 1 a second time"},
        DamageCase{"padding_is_not_for_records", small({1, 0, 2, 0, 11, 4, 0, 2, 0, 2, 13}),
                   Defect::bad_record, 33, "tag 13 without a length"},
        DamageCase{"indefinite_certificate",
                   small({1, 0, 2, 0, 17, 4, 0, 2, 0, 2, 9, 0, 4, 0x30, 0x80, 0, 0}), Defect::bad_certificate,
                   33, "DER sequence"},
        DamageCase{"octets_behind_certificate", small({1, 0, 2, 0, 16, 4, 0, 2, 0, 2, 9, 0, 3, 0x30, 0, 0}),
                   Defect::bad_certificate, 33, "DER sequence"},
        DamageCase{"too_many_records", many(record_limit + 1), Defect::too_large, 23 + 10 * record_limit,
                   "more than 1024 records"},
        DamageCase{"too_large", Bytes(file_limit + 1, 1), Defect::too_large, file_limit,
                   "1048577 octets, limit 1048576"}),
    [](const auto& each) { return each.param.name; });

TEST(Limits, AsManyRecordsAsAllowedAreRead) {
    EXPECT_EQ(parse(many(record_limit))->records.size(), record_limit);
}

TEST(Limits, WarningsDoNotGrowWithTheFile) {
    Bytes records;
    for (std::uint8_t i = 0; i < 100; ++i) {
        const Bytes one{1, 0, 2, 0, 13, 4, 0, 2, 0, 2, 200, 0, 0};
        records.insert(records.end(), one.begin(), one.end());
    }
    EXPECT_EQ(parse(small(records))->warnings.size(), 32U);
}

TEST(Odd, MinorVersionAndMissingTimestampAreOnlyWarnings) {
    auto file = small({});
    file[4] = 7;
    EXPECT_EQ(parse(file)->warnings,
              (std::vector<std::string>{"header: version 1.7, usual is 1.2", "header: no timestamp"}));
}

TEST(Format, WithoutAFileNameIsItlIfATvsRecordIsThere) {
    EXPECT_EQ(parse(small({1, 0, 2, 0, 10, 4, 0, 2, 0, 21}))->format(), "ITL");
    EXPECT_EQ(parse(small({1, 0, 2, 0, 10, 4, 0, 2, 0, 2}))->format(), "CTL");
}

TEST(Fingerprints, AreThoseOfTheWholeFile) {
    const auto list = parse(test::vector("p04-ctl-one-record-rsa1024.tlv")).value();
    EXPECT_EQ(list.md5(), "6d5a37b73152db1ae5608ed146b0b258");
    EXPECT_EQ(list.sha1(), "9e1ffcb7c5128147bd0de96a6d0000e7db638c21");
    EXPECT_EQ(list.sha256(), "ec3e6c12efe565dfbf38aae623556891025d0871a8d67b3a11bfb32591555d26");
}

}  // namespace
}  // namespace tserver::trust
