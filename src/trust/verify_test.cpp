#include "trust/verify.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/ctl_builder.hpp"
#include "trust/parse.hpp"

namespace tserver::trust {
namespace {

using crypto::Digest;
using test::publisher;
using test::recovery;
using testing::HasSubstr;

List signed_list(test::ListSpec spec, const crypto::Identity& signer) {
    if (spec.records.empty()) spec.records.push_back(test::record(0, signer.certificate));
    return parse(test::build(spec, signer)).value();
}

struct PairCase {
    const char* name;
    std::uint8_t code;
    Digest digest;
    std::optional<Fault> fault;
};
class CodeAndDigest : public testing::TestWithParam<PairCase> {};

TEST_P(CodeAndDigest, AreTakenOnlyTogetherAsWritersWriteThem) {
    const auto& c = GetParam();
    const auto list = signed_list({.records = {}, .digest = c.digest, .code = c.code}, recovery());
    const auto verified = verify(list, list);
    ASSERT_EQ(verified.has_value(), !c.fault);
    if (verified) {
        EXPECT_EQ(verified->digest, c.digest);
        EXPECT_EQ(verified->signer_sha256, recovery().certificate.sha256());
        EXPECT_EQ(verified->key_bits, 2048U);
    } else {
        EXPECT_EQ(verified.error().fault, *c.fault) << verified.error().text();
        EXPECT_THAT(verified.error().detail, HasSubstr("record 1 (CN=ITLRECOVERY_cucm-pub"));
    }
}

INSTANTIATE_TEST_SUITE_P(, CodeAndDigest,
                         testing::Values(PairCase{"1_sha1", 1, Digest::sha1, {}},
                                         PairCase{"2_sha256", 2, Digest::sha256, {}},
                                         PairCase{"3_sha512", 3, Digest::sha512, {}},
                                         PairCase{"3_sha384", 3, Digest::sha384, {}},
                                         PairCase{"1_sha256", 1, Digest::sha256, Fault::CTL_SIG_INVALID},
                                         PairCase{"2_sha1", 2, Digest::sha1, Fault::CTL_SIG_INVALID},
                                         PairCase{"3_sha1", 3, Digest::sha1, Fault::CTL_SIG_INVALID},
                                         PairCase{"4_sha512", 4, Digest::sha512, Fault::CTL_SIG_ALGO},
                                         PairCase{"4_sha384", 4, Digest::sha384, Fault::CTL_SIG_ALGO},
                                         PairCase{"0_sha1", 0, Digest::sha1, Fault::CTL_SIG_ALGO},
                                         PairCase{"1_md5", 1, Digest::md5, Fault::CTL_SIG_ALGO}),
                         [](const auto& each) { return each.param.name; });

TEST(Signer, InAnotherRoleIsNotTrusted) {
    const auto list = signed_list({.records = {test::record(2, recovery().certificate)}}, recovery());
    const auto error = verify(list, list).error();
    EXPECT_EQ(error.fault, Fault::CTL_SIG_UNTRUSTED);
    EXPECT_THAT(error.detail, HasSubstr("signers we trust: none"));
}

TEST(Signer, WithSerialAlsoInARecordOfAnotherKeyIsFoundAmongBoth) {
    const auto rogue = test::signer("rogue");  // same name and serial, another key
    const auto list = signed_list(
        {.records = {test::record(0, rogue.certificate), test::record(0, recovery().certificate)}},
        recovery());
    const auto verified = verify(list, list);
    ASSERT_TRUE(verified) << verified.error().text();
    EXPECT_EQ(verified->record, 2U);
}

TEST(Signer, ThatOpensTheSignatureGivesTheReasonEvenIfAnotherCandidateFailedFirst) {
    const auto rogue = test::signer("rogue");
    auto file = test::build(
        {.records = {test::record(0, rogue.certificate), test::record(0, recovery().certificate)}},
        recovery());
    file.back() ^= 1U;
    const auto list = parse(file).value();
    const auto error = verify(list, list).error();
    EXPECT_EQ(error.fault, Fault::CTL_SIG_INVALID);
    EXPECT_THAT(error.detail, HasSubstr("record 2"));
    EXPECT_THAT(error.detail, HasSubstr("the SHA-512 of the file is not the signed one"));
}

TEST(Signer, IsSoughtAmong16CandidatesAtMost) {
    const auto rogue = test::record(0, test::signer("rogue").certificate);
    for (const std::size_t before : {15U, 16U}) {
        std::vector<Bytes> records(before, rogue);
        records.push_back(test::record(0, recovery().certificate));
        const auto list = signed_list({.records = std::move(records)}, recovery());
        EXPECT_EQ(verify(list, list).has_value(), before == 15) << before << " records before the signer's";
    }
}

TEST(Signer, WithAHashOnlyRecordIsNotTrusted) {
    const auto& certificate = recovery().certificate;
    const auto list =
        signed_list({.records = {test::record({{4, {0, 0}},
                                               {6, certificate.serial_octets()},
                                               {11, crypto::digest_of(Digest::sha256, certificate.der())},
                                               {12, {2}}})}},
                    recovery());
    EXPECT_EQ(verify(list, list).error().fault, Fault::CTL_SIG_UNTRUSTED);
}

TEST(Signer, WithAnEcKeyIsNotTaken) {
    const auto key = crypto::PrivateKey::make_ec(crypto::Curve::p256).value();
    const auto ec = test::make_certificate({.serial = recovery().certificate.serial_octets()}, key);
    const auto list = signed_list({.records = {test::record(0, ec)}}, recovery());
    const auto error = verify(list, list).error();
    EXPECT_EQ(error.fault, Fault::CTL_SIG_ALGO);
    EXPECT_THAT(error.detail, HasSubstr("the signer's key is not RSA"));
}

TEST(Signer, WithAKeyThatCanBeFactoredIsNotTaken) {
    const auto key = [] { return crypto::PrivateKey::make_rsa(768).value(); };
    const crypto::PrivateKey small = key();
    crypto::Identity weak{key(), test::make_certificate({}, small)};
    weak.certificate = test::make_certificate({}, weak.key);
    const auto list = signed_list({.records = {}, .digest = Digest::sha1, .code = 1}, weak);
    const auto error = verify(list, list).error();
    EXPECT_EQ(error.fault, Fault::CTL_SIG_ALGO);
    EXPECT_THAT(error.detail, HasSubstr("keys from RSA-1024 to RSA-8192 are taken"));
}

TEST(Signer, WithTheLargestKeyIsTaken) {
    const auto largest = test::signer("rsa8192");
    const auto list = signed_list({.records = {test::record(0, largest.certificate)}}, largest);
    const auto verified = verify(list, list);
    ASSERT_TRUE(verified) << verified.error().text();
    EXPECT_EQ(verified->key_bits, 8192U);
}

/// A list with so many signers, none of which is the one that it names.
std::string refusal_with_signers(unsigned count) {
    const auto& key = recovery().key;
    test::ListSpec spec{.records = {test::record(2, publisher().certificate)}, .signer_serial = Bytes{0x77}};
    for (unsigned i = 0; i < count; ++i) {
        const auto serial = static_cast<std::uint8_t>(i + 1);
        spec.records.push_back(test::record(
            0, test::make_certificate({.name = fmt::format("s{}", serial), .serial = {serial}}, key)));
    }
    const auto list = signed_list(spec, recovery());
    const auto detail = verify(list, list).error().detail;
    return detail.substr(detail.find("signers we trust: ") + 18);
}

TEST(Signer, ThatIsUnknownIsNamedBesideThoseWeTrust) {
    EXPECT_EQ(refusal_with_signers(0), "none");
    EXPECT_EQ(refusal_with_signers(1), "CN=s1 serial 01");
    EXPECT_EQ(refusal_with_signers(4), "CN=s1 serial 01; CN=s2 serial 02; CN=s3 serial 03; CN=s4 serial 04");
    EXPECT_EQ(refusal_with_signers(6),
              "CN=s1 serial 01; CN=s2 serial 02; CN=s3 serial 03; CN=s4 serial 04; and 2 more");
}

TEST(Change, OfAnyOctetOutsideTheSignatureTlvIsNoticed) {
    const auto file = test::vector("u1-stored.tlv");
    const auto held = parse(file).value();
    std::size_t read = 0;
    for (std::size_t i = 0; i < file.size(); ++i) {
        auto changed = file;
        changed[i] ^= 0x01U;
        const auto list = parse(changed);
        if (!list) continue;
        ++read;
        EXPECT_FALSE(verify(*list, held)) << "octet " << i;
    }
    EXPECT_GT(read, file.size() / 2) << "most changes leave a readable list";
}

TEST(SignatureTlv, MayStandAnywhereInTheHeader) {
    const auto file = test::vector("u1-stored.tlv");
    const auto list = parse(file).value();
    const auto at = list.header.signature_offset;
    const auto behind = at + 3 + list.header.signature.size();
    Bytes moved{file.begin(), file.begin() + 10};
    const auto add = [&](std::size_t from, std::size_t to) {
        moved.insert(moved.end(), file.begin() + static_cast<std::ptrdiff_t>(from),
                     file.begin() + static_cast<std::ptrdiff_t>(to));
    };
    add(at, behind);
    add(10, at);
    add(behind, file.size());
    EXPECT_TRUE(verify(parse(moved).value(), list));
}

}  // namespace
}  // namespace tserver::trust
