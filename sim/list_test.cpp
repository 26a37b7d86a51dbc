#include "sim/list.hpp"

#include <gmock/gmock.h>

#include "crypto/openssl.hpp"
#include "sim/scratch_test.hpp"

namespace tserver::sim {
namespace {

const std::filesystem::path test_data{TSERVER_TEST_DATA};

Bytes vector_file(const std::string& name) {
    return to_bytes(as_bytes(read_file(test_data / "ctl" / (name + ".tlv")).value()));
}
Credential vector_key(const std::string& name) {
    return load(test_data / "ctl/keys" / (name + ".pem")).value();
}

/// The certificate (tag 9) of record `wanted` of a well-formed list.
crypto::Certificate certificate_in(ByteView list, int wanted) {
    Reader reader{list};
    reader.take(8);
    auto at = static_cast<std::size_t>(*reader.u16());
    for (int i = 0;; ++i) {
        Reader record{list.subspan(at)};
        record.take(3);
        const auto length = *record.u16();
        while (i == wanted) {
            const auto tag = *record.u8();
            const auto value = *record.take(*record.u16());
            if (tag == 9) return crypto::Certificate::from_der(value).value();
        }
        at += length;
    }
}

// p10 was made by another builder in CUCM's shape: from the same parts ours must make the same octets.
TEST(ListBuilder, MakesVectorP10OctetByOctet) {
    const auto expected = vector_file("p10-cucm-mixed-sha512");
    const Bytes publisher{192, 0, 2, 10};
    const Bytes subscriber{192, 0, 2, 11};
    ListPlan plan;
    plan.signer = vector_key("itlrec");
    plan.digest = crypto::Digest::sha512;
    plan.timestamp = Instant{std::chrono::seconds{0x69000000}};
    plan.entries = {{Role::sast, "cucm-pub", publisher, certificate_in(expected, 0)},
                    {Role::sast, "cucm-pub", publisher, certificate_in(expected, 1)},
                    {Role::ccm_tftp, "cucm-pub", publisher, certificate_in(expected, 2)},
                    {Role::ccm_tftp, "cucm-sub1", subscriber, certificate_in(expected, 3)},
                    {Role::capf, "cucm-pub", publisher, certificate_in(expected, 4)}};
    const auto made = encode(plan);
    ASSERT_TRUE(made.has_value()) << made.error().text();
    EXPECT_EQ(hex(*made), hex(expected));
}

TEST(ListBuilder, MakesTheEmptyCcmRecordOfVectorP11) {
    const auto expected = vector_file("p11-cucm-nonsecure-empty-ccm");
    ListPlan plan;
    plan.signer = vector_key("token1");
    plan.entries = {{Role::ccm_tftp, "192.0.2.11", {192, 0, 2, 11}, std::nullopt}};
    const auto made = encode(plan).value();
    EXPECT_EQ(hex(ByteView{made}.last(31)), hex(ByteView{expected}.last(31)));
}

struct DigestCase {
    crypto::Digest digest;
    const EVP_MD* (*method)();
    std::uint8_t code;
};
class ListSignature : public testing::TestWithParam<DigestCase> {};

// The check of the format page: the signature TLV taken out of the file, the rest under `openssl dgst
// -verify`.
TEST_P(ListSignature, VerifiesOverTheFileWithoutItsSignatureField) {
    const auto& c = GetParam();
    ListPlan plan;
    plan.signer = vector_key("itlrec");
    plan.digest = c.digest;
    plan.entries = {{Role::sast, "cucm-pub", {10, 0, 0, 1}, plan.signer->certificate}};
    const auto made = encode(plan).value();
    const auto place = signature_in(made);
    ASSERT_EQ(place.length, 256U);
    auto rest = made;
    rest.erase(rest.begin() + static_cast<std::ptrdiff_t>(place.offset) - 3,
               rest.begin() + static_cast<std::ptrdiff_t>(place.offset + place.length));
    const crypto::MdCtxPtr context{EVP_MD_CTX_new()};
    auto* key = X509_get0_pubkey(plan.signer->certificate.raw());
    ASSERT_EQ(EVP_DigestVerifyInit(context.get(), nullptr, c.method(), nullptr, key), 1);
    EXPECT_EQ(
        EVP_DigestVerify(context.get(), made.data() + place.offset, place.length, rest.data(), rest.size()),
        1);
    const auto tag = behind(made, {8, 0, 1});
    ASSERT_TRUE(tag);
    EXPECT_EQ(made.at(*tag), c.code);
}

INSTANTIATE_TEST_SUITE_P(, ListSignature,
                         testing::Values(DigestCase{crypto::Digest::sha1, EVP_sha1, 1},
                                         DigestCase{crypto::Digest::sha256, EVP_sha256, 2},
                                         DigestCase{crypto::Digest::sha384, EVP_sha384, 3},
                                         DigestCase{crypto::Digest::sha512, EVP_sha512, 3}));

TEST(ListBuilder, WritesAnEcKeyAsItsUncompressedPoint) {
    ListPlan plan;
    plan.signer = vector_key("itlrec");
    const auto ec = make_ec_call_manager("cucm-pub", wall_now()).value();
    plan.entries = {{Role::ccm_tftp, "cucm-pub", {10, 0, 0, 1}, ec->certificate}};
    const auto made = encode(plan).value();
    EXPECT_TRUE(behind(made, {7, 0, 97, 4}));
}

}  // namespace
}  // namespace tserver::sim
