// What CAPF issued, checked before it is kept.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/capf_script.hpp"

namespace tserver::capf {
namespace {

using namespace test;
using testing::HasSubstr;

struct Case {
    const char* certificate;
    const char* detail;  ///< empty: taken
};

void PrintTo(const Case& row, std::ostream* out) { *out << row.certificate; }

class Issued : public testing::TestWithParam<Case> {};

TEST_P(Issued, IsTakenOrRefusedForTheNamedReason) {
    const auto& row = GetParam();
    const auto good =
        check_issued(certificate(row.certificate), private_key("keys/01-client.pem"), request());
    ASSERT_EQ(good.has_value(), std::string_view{row.detail}.empty());
    if (good) return;
    EXPECT_EQ(good.error().fault, Fault::ISSUED_CERT_WRONG);
    EXPECT_EQ(good.error().detail, row.detail);
}

INSTANTIATE_TEST_SUITE_P(
    , Issued,
    testing::Values(Case{"keys/01-client.pem", ""}, Case{"issued/good.pem", ""},
                    Case{"issued/no-usage.pem", ""}, Case{"keys/15-client.pem", "it is for another key"},
                    Case{"keys/03-client.pem", "it is for another key"},
                    Case{"issued/other-issuer.pem",
                         "no CAPF certificate of the trust list has signed it; its issuer is CN=Someone"},
                    Case{"issued/same-issuer-name.pem",
                         "no CAPF certificate of the trust list has signed it; its issuer is "
                         "CN=CAPF-1a2b3c4d,OU=Lab,O=Example,L=Testville,ST=TS,C=US"},
                    Case{"issued/ends-first.pem",
                         "it ends (2029-11-25T00:00:00Z) before it starts (2030-11-25T00:00:00Z)"},
                    Case{"issued/server-only.pem", "its usage leaves out TLS client authentication"},
                    Case{"issued/no-signing.pem", "its usage leaves out TLS client authentication"}));

TEST(IssuedCertificate, IsRefusedWhenItIsTheOneThatWeHave) {
    auto wanted = request();
    wanted.held = certificate("keys/01-client.pem");
    const auto good =
        check_issued(certificate("keys/01-client.pem"), private_key("keys/01-client.pem"), wanted);
    ASSERT_FALSE(good);
    EXPECT_EQ(good.error().detail, "it is the certificate that we have already");
}

TEST(IssuedCertificate, IsTakenForTheSameKeyAsTheOneThatWeHave) {
    auto wanted = request();
    wanted.held = certificate("keys/01-client.pem");
    EXPECT_TRUE(check_issued(certificate("issued/good.pem"), private_key("keys/01-client.pem"), wanted));
}

TEST(IssuedCertificate, IsRefusedWhenItHasExpired) {
    auto wanted = request();
    wanted.now = [] { return *from_rfc3339("2027-11-25T09:55:23Z"); };
    const auto good =
        check_issued(certificate("keys/01-client.pem"), private_key("keys/01-client.pem"), wanted);
    ASSERT_FALSE(good);
    EXPECT_EQ(good.error().detail,
              "it expired at 2027-11-25T09:55:23Z, and our clock shows 2027-11-25T09:55:23Z");
}

TEST(IssuedCertificate, MayComeFromAnyOfTheListedAuthorities) {
    auto wanted = request();
    wanted.authorities.insert(wanted.authorities.begin(), certificate("keys/12-unknown-issuer.pem"));
    EXPECT_TRUE(check_issued(certificate("issued/good.pem"), private_key("keys/01-client.pem"), wanted));
}

}  // namespace
}  // namespace tserver::capf
