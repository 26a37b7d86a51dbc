#include "crypto/tls_context.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/conf.h>

#include <fstream>

#include "crypto/openssl.hpp"
#include "tests/support/sample_identity.hpp"
#include "tests/support/scratch.hpp"

namespace tserver::crypto {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

/// A certificate that somebody else has signed.
Identity issued(unsigned bits, const EVP_MD* digest) {
    const auto issuer = testing_support::sample_identity("CAPF");
    const auto signer = *PrivateKey::make_rsa(2048);
    auto key = *PrivateKey::make_rsa(bits);
    CertPtr certificate{X509_dup(issuer.certificate.raw())};
    auto* name = X509_get_subject_name(certificate.get());
    X509_NAME_add_entry_by_txt(name, "OU", MBSTRING_UTF8, reinterpret_cast<const unsigned char*>("cti01"), -1,
                               -1, 0);
    X509_set_pubkey(certificate.get(), key.raw());
    X509_sign(certificate.get(), signer.raw(), digest);
    return {std::move(key), Certificate{certificate.release()}};
}

struct WeakCase {
    const char* reason;
    unsigned bits;
    const EVP_MD* (*digest)();
    const char* algorithm;
    const char* trouble;
};

TEST(TlsContextTest, F55_a_weak_certificate_of_ours_is_refused_by_its_name_its_algorithm_and_the_option) {
    const WeakCase rows[]{
        {"too small a key", 1024, EVP_sha256, "(RSA-1024, sha256WithRSAEncryption)", "the key is too small"},
        {"SHA-1 below it", 2048, EVP_sha1, "(RSA-2048, sha1WithRSAEncryption)", "ca md too weak"},
        {"both", 1024, EVP_sha1, "(RSA-1024, sha1WithRSAEncryption)", "the key is too small"}};
    for (const auto& row : rows) {
        const auto identity = issued(row.bits, row.digest());
        for (const auto profile : {TlsProfile::modern, TlsProfile::cluster}) {
            const auto context = TlsContext::client(profile, &identity);
            ASSERT_FALSE(context) << row.reason;
            EXPECT_EQ(context.error().fault, Fault::CERTIFICATE_WEAK);
            EXPECT_THAT(
                context.error().detail,
                AllOf(HasSubstr(fmt::format(
                          "tls-profile = {} does not take our certificate OU=cti01,CN=CAPF ", name(profile))),
                      HasSubstr(row.algorithm), HasSubstr(row.trouble),
                      HasSubstr("; tls-profile = legacy takes it")));
        }
        EXPECT_TRUE(TlsContext::client(TlsProfile::legacy, &identity)) << row.reason;
    }
    const auto good = issued(2048, EVP_sha256());
    for (const auto profile : {TlsProfile::modern, TlsProfile::cluster, TlsProfile::legacy})
        EXPECT_TRUE(TlsContext::client(profile, &good));
}

TEST(TlsContextTest, F55_of_a_server_only_the_key_counts) {
    const auto small = issued(1024, EVP_sha256());
    const auto sha1 = issued(2048, EVP_sha1());
    for (const auto profile : {TlsProfile::modern, TlsProfile::cluster}) {
        const auto refused = check_strength(profile, small.certificate);
        ASSERT_FALSE(refused);
        EXPECT_EQ(refused.error().fault, Fault::CERTIFICATE_WEAK);
        EXPECT_THAT(refused.error().detail,
                    AllOf(HasSubstr("the certificate OU=cti01,CN=CAPF (RSA-1024, sha256WithRSAEncryption)"),
                          HasSubstr("; tls-profile = legacy takes it")));
        EXPECT_TRUE(check_strength(profile, sha1.certificate));
    }
    EXPECT_TRUE(check_strength(TlsProfile::legacy, small.certificate));
}

TEST(TlsContextTest, F54_a_profile_offers_what_its_document_says) {
    const auto modern = *tls_offer(TlsProfile::modern);
    const auto cluster = *tls_offer(TlsProfile::cluster);
    const auto legacy = *tls_offer(TlsProfile::legacy);
    EXPECT_THAT(modern.versions, ElementsAre("TLSv1.2", "TLSv1.3"));
    EXPECT_THAT(cluster.versions, ElementsAre("TLSv1.2", "TLSv1.3"));
    EXPECT_THAT(legacy.versions, ElementsAre("TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3"));
    EXPECT_THAT(cluster.suites, AllOf(Contains("ECDHE-RSA-AES128-SHA"), Not(Contains("AES128-SHA"))));
    EXPECT_THAT(modern.suites, Not(Contains("ECDHE-RSA-AES128-SHA")));
    EXPECT_THAT(legacy.suites, Contains("AES128-SHA"));
    for (const auto& offer : {modern, cluster, legacy}) EXPECT_THAT(offer.lacking, IsEmpty());
}

/// Settings of OpenSSL that hold for every context made meanwhile, as those of /etc/ssl/openssl.cnf do.
class Policy {
public:
    explicit Policy(const std::string& lines) {
        std::ofstream{file_}
            << "openssl_conf = init\n[init]\nssl_conf = ssl\n[ssl]\nsystem_default = policy\n[policy]\n"
            << lines;
        loaded = CONF_modules_load_file(file_.c_str(), nullptr, 0) == 1;
    }
    ~Policy() { CONF_modules_finish(); }
    Policy(const Policy&) = delete;
    Policy& operator=(const Policy&) = delete;
    bool loaded = false;

private:
    testing_support::Scratch scratch_;
    std::filesystem::path file_ = scratch_.path / "openssl.cnf";
};

std::vector<std::string> offered(TlsProfile profile) {
    const auto offer = tls_offer(profile);
    if (!offer) return {offer.error().text()};
    auto out = offer->versions;
    out.insert(out.end(), offer->suites.begin(), offer->suites.end());
    out.insert(out.end(), offer->lacking.begin(), offer->lacking.end());
    out.push_back(std::to_string(offer->level));
    const auto context = TlsContext::client(profile, nullptr);
    if (context) out.push_back(std::to_string(SSL_CTX_get_options(context->raw())));
    return out;
}

TEST(TlsContextTest, F56_the_profile_wins_over_the_settings_of_the_host) {
    for (const auto profile : {TlsProfile::modern, TlsProfile::cluster, TlsProfile::legacy}) {
        const auto before = offered(profile);
        for (const auto* lines :
             {"MinProtocol = TLSv1.3\n", "MaxProtocol = TLSv1.1\n", "Protocol = -TLSv1.2\n",
              "Protocol = -TLSv1.3\n", "CipherString = AES128-SHA:@SECLEVEL=0\n",
              "CipherString = @SECLEVEL=5\n", "Ciphersuites = \n",
              "Options = UnsafeLegacyRenegotiation, UnsafeLegacyServerConnect, SessionTicket, "
              "Compression\n"}) {
            const Policy policy{lines};
            ASSERT_TRUE(policy.loaded) << lines;
            EXPECT_EQ(offered(profile), before) << lines;
        }
    }
}

TEST(TlsContextTest, F56_settings_that_are_not_understood_leave_no_error_behind) {
    const Policy policy{"CipherString = NO-SUCH-SUITE\nMinProtocol = TLSv9\n"};
    EXPECT_TRUE(TlsContext::client(TlsProfile::cluster, nullptr));
    EXPECT_EQ(drain_errors(), "no reason given");
}

}  // namespace
}  // namespace tserver::crypto
