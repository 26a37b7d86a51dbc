// Every vector of tests/data/ctl answered as its table says. They were made by two other implementations
// (the public tool tlvfile in three versions, and a builder in the shape that `show ctl` prints).
#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <map>

#include "base/text.hpp"
#include "tests/support/ctl_builder.hpp"
#include "trust/decide.hpp"
#include "trust/parse.hpp"
#include "trust/roles.hpp"

namespace tserver::trust {
namespace {

namespace json = boost::json;

const json::object& expected() {
    static const auto answers = json::parse(as_text(test::vector("expected.json"))).as_object();
    return answers;
}

std::vector<std::string> names() {
    std::vector<std::string> out;
    for (const auto& entry : expected()) out.emplace_back(entry.key());
    return out;
}

std::string text(const json::object& from, std::string_view key) {
    const auto* value = from.if_contains(key);
    return value != nullptr ? std::string{value->as_string()} : std::string{};
}

Defect defect_named(const std::string& name) {
    const std::map<std::string, Defect> classes{{"empty", Defect::empty},
                                                {"not-tlv", Defect::not_a_trust_list},
                                                {"unsupported-version", Defect::unsupported_version},
                                                {"truncated", Defect::truncated},
                                                {"bad-header", Defect::bad_header},
                                                {"no-signature", Defect::no_signature},
                                                {"duplicate-tag", Defect::duplicate_tag},
                                                {"bad-record", Defect::bad_record},
                                                {"trailing-garbage", Defect::trailing_octets},
                                                {"bad-certificate", Defect::bad_certificate},
                                                {"inconsistent-record", Defect::inconsistent_record}};
    return classes.at(name);
}

Fault fault_named_by(const std::string& name) {
    const std::map<std::string, Fault> classes{{"bad-signature", Fault::CTL_SIG_INVALID},
                                               {"no-sast-match", Fault::CTL_SIG_UNTRUSTED},
                                               {"unsupported-digest", Fault::CTL_SIG_ALGO}};
    return classes.at(name);
}

void expect_answer(const Result<Verified>& got, const std::string& answer) {
    ASSERT_EQ(got.has_value(), answer == "ok") << (got ? "verified" : got.error().text());
    if (!got) { EXPECT_EQ(got.error().fault, fault_named_by(answer)) << got.error().text(); }
}

class Vector : public testing::TestWithParam<std::string> {
protected:
    const json::object& answer() const { return expected().at(GetParam()).as_object(); }
    tl::expected<List, Damage> list() const { return read(test::vector(GetParam())); }
};

TEST_P(Vector, IsReadOrRefusedForTheReasonOfItsTable) {
    const auto got = list();
    const auto wanted = text(answer(), "parse");
    ASSERT_EQ(got.has_value(), wanted == "ok") << (got ? "accepted" : got.error().detail);
    if (!got) { EXPECT_EQ(got.error().defect, defect_named(wanted)) << got.error().detail; }
}

TEST_P(Vector, HasTheHeaderOfItsTable) {
    const auto got = list();
    if (!got) return;
    const auto& header = got->header;
    EXPECT_EQ(header.version(), text(answer(), "version"));
    EXPECT_EQ(header.length, answer().at("header_length").to_number<std::size_t>());
    EXPECT_EQ(header.serial_text(), text(answer(), "signer_serial"));
    EXPECT_EQ(header.signer_name, text(answer(), "signer_name"));
    EXPECT_EQ(header.signer_issuer, text(answer(), "signer_issuer"));
    EXPECT_EQ(header.digest_code, answer().at("digest_code").to_number<unsigned>());
    EXPECT_EQ(header.signature.size(), answer().at("signature_length").to_number<std::size_t>());
    EXPECT_EQ(header.signature_offset, answer().at("signature_offset").to_number<std::size_t>());
    EXPECT_EQ(header.filename, text(answer(), "filename"));
    EXPECT_EQ(header.signer_version, text(answer(), "signer_version"));
    ASSERT_TRUE(header.timestamp);
    EXPECT_EQ(header.timestamp->time_since_epoch().count(), answer().at("timestamp").to_number<long>());
    EXPECT_EQ(got->format(), GetParam().find("-itl-") != std::string::npos ? "ITL" : "CTL");
    EXPECT_EQ(got->warnings.empty(), answer().if_contains("warnings") == nullptr);
}

TEST_P(Vector, HasTheRecordsOfItsTable) {
    const auto got = list();
    if (!got) return;
    const auto& wanted = answer().at("records").as_array();
    ASSERT_EQ(got->records.size(), wanted.size());
    for (std::size_t i = 0; i < wanted.size(); ++i) {
        const auto& want = wanted[i].as_object();
        const auto& have = got->records[i];
        SCOPED_TRACE("record " + std::to_string(i + 1));
        EXPECT_EQ(have.index, i + 1);
        EXPECT_EQ(have.offset, want.at("offset").to_number<std::size_t>());
        EXPECT_EQ(have.length, want.at("length").to_number<std::size_t>());
        EXPECT_EQ(static_cast<unsigned>(have.role), want.at("role").to_number<unsigned>());
        EXPECT_EQ(have.dns, text(want, "dns"));
        EXPECT_EQ(have.error, "");
        ASSERT_EQ(have.certificate.has_value(), want.if_contains("cert_sha256") != nullptr);
        if (have.certificate) {
            EXPECT_EQ(have.serial_text(), text(want, "serial"));
            EXPECT_EQ(have.subject(), text(want, "subject"));
            EXPECT_EQ(have.certificate->sha256(), text(want, "cert_sha256"));
            EXPECT_EQ(have.certificate->sha1(), text(want, "cert_sha1"));
            const auto key = text(want, "key");
            EXPECT_EQ(have.certificate->public_key()->text(), key == "EC-secp384r1" ? "EC-384" : key);
        }
        ASSERT_EQ(have.hash.has_value(), want.if_contains("cert_hash") != nullptr);
        if (have.hash) { EXPECT_EQ(hex(have.hash->value), text(want, "cert_hash")); }
    }
}

TEST_P(Vector, VerifiesByItselfAndAgainstTheStoredListAsItsTableSays) {
    const auto got = list();
    if (!got) return;
    if (answer().if_contains("self_verify") != nullptr) {
        expect_answer(verify(*got, *got), text(answer(), "self_verify"));
    }
    if (answer().if_contains("verify_against_u1") != nullptr) {
        const auto held = parse(test::vector("u1-stored.tlv"));
        expect_answer(verify(*got, *held), text(answer(), "verify_against_u1"));
    }
}

TEST_P(Vector, IsSignedWithTheDigestOfItsTable) {
    const auto got = list();
    if (!got || text(answer(), "self_verify") != "ok") return;
    EXPECT_EQ(crypto::name(verify(*got, *got)->digest), text(answer(), "digest"));
}

INSTANTIATE_TEST_SUITE_P(, Vector, testing::ValuesIn(names()), [](const auto& each) {
    auto name = each.param.substr(0, each.param.find('.'));
    std::ranges::replace(name, '-', '_');
    return name;
});

List good(const std::string& name) { return parse(test::vector(name)).value(); }

TEST(VectorDetail, AWebPageIsNamedAsSuch) {
    const auto error = parse(test::vector("n22-html.tlv")).error();
    EXPECT_EQ(error.fault, Fault::CTL_FORMAT);
    EXPECT_EQ(error.detail, "not a trust list at offset 0: received a web page");
}

TEST(VectorDetail, ADigestCodeThatIsNotKnownIsNamedBesideTheDigestOfTheSignature) {
    const auto list = good("n20-digest-code-4.tlv");
    const auto error = verify(list, list).error();
    EXPECT_EQ(error.fault, Fault::CTL_SIG_ALGO);
    EXPECT_NE(error.detail.find("digest code 4 (not known), the signature is made with SHA-512"),
              std::string::npos)
        << error.detail;
}

TEST(VectorDetail, ADigestCodeThatDisagreesIsNamedBesideTheDigestOfTheSignature) {
    const auto list = good("n29-digest-code-disagrees.tlv");
    const auto error = verify(list, list).error();
    EXPECT_EQ(error.fault, Fault::CTL_SIG_INVALID);
    EXPECT_NE(error.detail.find("digest code 1 (SHA-1), the signature is made with SHA-512"),
              std::string::npos)
        << error.detail;
}

TEST(VectorDetail, AShortSignatureIsNamedWithBothLengths) {
    const auto list = good("n31-signature-too-short.tlv");
    const auto error = verify(list, list).error();
    EXPECT_NE(error.detail.find("the signature has 124 octets, the key 128"), std::string::npos)
        << error.detail;
}

TEST(VectorDetail, AnUnknownSignerIsNamedBesideTheSignersWeTrust) {
    const auto error = verify(good("u3-signed-by-new-sast.tlv"), good("u1-stored.tlv")).error();
    EXPECT_EQ(error.fault, Fault::CTL_SIG_UNTRUSTED);
    EXPECT_NE(error.detail.find("serial 5a0011223344556677889900aabbcc77"), std::string::npos)
        << error.detail;
    EXPECT_NE(error.detail.find("serial 5a0011223344556677889900aabbcc01"), std::string::npos)
        << error.detail;
    EXPECT_NE(error.detail.find("serial 6b1d357b6841740b078fee4a1813d5d6"), std::string::npos)
        << error.detail;
}

TEST(VectorChain, TheNewSignerIsTrustedOnceAListOfTheSecondSignerBroughtIt) {
    const auto verified = verify(good("u3-signed-by-new-sast.tlv"), good("u2-signed-by-second-sast.tlv"));
    ASSERT_TRUE(verified) << verified.error().text();
    EXPECT_EQ(verified->record, 1U);
    EXPECT_EQ(verified->signer, "CN=ITLRECOVERY_cucm-new,OU=Lab,O=Example,L=Testville,ST=TS,C=US");
}

TEST(VectorRoles, AClusterPutBackToNonSecureHasNoServer) {
    const auto error = no_servers(good("p11-cucm-nonsecure-empty-ccm.tlv"));
    ASSERT_TRUE(error);
    EXPECT_EQ(error->fault, Fault::CTL_NO_SERVER_CERTS);
    EXPECT_EQ(error->detail, "2 CCM+TFTP or CCM records, none with a certificate that can be used");
}

TEST(VectorRoles, AnEcRecordServesTlsAndIsNoSigner) {
    const auto list = good("p06-itl-ecdsa-v11.tlv");
    const auto& ec = list.records.at(3);
    EXPECT_TRUE(trusts_server(list, *ec.certificate));
    EXPECT_EQ(servers(list).size(), 2U);
}

TEST(VectorRoles, AnUnknownRoleGivesNoTrust) {
    const auto list = good("p16-unknown-role.tlv");
    const auto& odd = list.records.at(1);
    EXPECT_EQ(role_name(odd.role), "ROLE-77");
    EXPECT_FALSE(trusts_server(list, *odd.certificate));
    EXPECT_FALSE(trusts_capf(list, *odd.certificate));
}

TEST(VectorRoles, AnAddressOf16OctetsIsReadAsIpv6) {
    EXPECT_EQ(good("p14-ip-16-bytes.tlv").records.at(1).address, "2001:db8::10");
}

TEST(VectorWarnings, UnknownTagsAreNamed) {
    EXPECT_EQ(good("p13-unknown-tags.tlv").warnings,
              (std::vector<std::string>{"header: unknown tag 64", "record 1: unknown tag 99"}));
}

}  // namespace
}  // namespace tserver::trust
