#include "trust/diff.hpp"

#include <gtest/gtest.h>

#include "tests/support/ctl_builder.hpp"
#include "trust/parse.hpp"
#include "trust/roles.hpp"

namespace tserver::trust {
namespace {

using Kind = Change::Kind;

List list_of(std::vector<Bytes> records, const char* signer = "itlrec") {
    const auto identity = test::signer(signer);
    records.insert(records.begin(), test::record(0, identity.certificate));
    return parse(test::build({.records = std::move(records)}, identity)).value();
}

const crypto::Certificate& publisher_certificate() {
    static const auto certificate = test::signer("pub").certificate;
    return certificate;
}
const crypto::Certificate& capf_certificate() {
    static const auto certificate = test::signer("capf").certificate;
    return certificate;
}

TEST(Difference, OfAListWithItselfIsEmpty) {
    const auto list =
        list_of({test::record(2, publisher_certificate()), test::record(2, publisher_certificate())});
    EXPECT_TRUE(difference(list, list).empty());
    EXPECT_EQ(summary(difference(list, list)), "no change");
}

TEST(Difference, NamesAddedAndRemovedRecords) {
    const auto diff = difference(list_of({test::record(2, publisher_certificate())}),
                                 list_of({test::record(4, capf_certificate())}));
    ASSERT_EQ(diff.changes.size(), 2U);
    EXPECT_EQ(diff.changes[0].kind, Kind::added);
    EXPECT_EQ(diff.changes[0].role, Role::capf);
    EXPECT_EQ(diff.changes[0].new_sha256, capf_certificate().sha256());
    EXPECT_EQ(diff.changes[1].kind, Kind::removed);
    EXPECT_EQ(diff.changes[1].role, Role::ccm_tftp);
    EXPECT_EQ(diff.changes[1].old_serial, publisher_certificate().serial());
    EXPECT_EQ(summary(diff), "1 added, 1 removed");
}

TEST(Difference, F98_NamesANewCertificateOfTheSameKeyAndBothAreTrustedWhileListed) {
    const auto identity = test::signer("pub");
    const auto renewed = test::make_certificate({.name = "cucm-pub", .serial = {0x77}}, identity.key);
    const auto old_list = list_of({test::record(2, publisher_certificate())});
    const auto new_list = list_of({test::record(2, renewed)});
    const auto both = list_of({test::record(2, publisher_certificate()), test::record(2, renewed)});

    const auto diff = difference(old_list, new_list);
    ASSERT_EQ(diff.changes.size(), 1U);
    EXPECT_EQ(diff.changes[0].kind, Kind::same_key);
    EXPECT_EQ(diff.changes[0].old_serial, publisher_certificate().serial());
    EXPECT_EQ(diff.changes[0].new_serial, "77");
    EXPECT_EQ(summary(diff), "1 same key with new certificate");
    EXPECT_EQ(line(diff.changes[0]), "~ CCM+TFTP CN=cucm-pub  same key, new certificate: serial " +
                                         publisher_certificate().serial() + " -> 77  until " +
                                         rfc3339(renewed.not_after()) + "  SHA-256 " + renewed.sha256());
    EXPECT_TRUE(trusts_server(both, publisher_certificate()));
    EXPECT_TRUE(trusts_server(both, renewed));
    EXPECT_FALSE(trusts_server(new_list, publisher_certificate())) << "a key alone is no certificate";
}

TEST(Difference, TheSameCertificateInAnotherRoleIsAnotherRecord) {
    const auto diff = difference(list_of({test::record(2, publisher_certificate())}),
                                 list_of({test::record(3, publisher_certificate())}));
    EXPECT_EQ(summary(diff), "1 added, 1 removed");
}

TEST(Difference, ShowsAHostThatLostItsCertificateByItsName) {
    const auto empty = test::record({{2, test::with_nul("192.0.2.10")}, {4, {0, 2}}});
    const auto diff = difference(list_of({test::record(2, publisher_certificate())}), list_of({empty}));
    ASSERT_EQ(diff.changes.size(), 2U);
    EXPECT_EQ(line(diff.changes[0]), "+ CCM+TFTP 192.0.2.10 (no certificate)");
}

TEST(Difference, SaysThatTheSignerChanged) {
    const auto diff = difference(list_of({}, "itlrec"), list_of({}, "pub"));
    EXPECT_TRUE(diff.signer_changed);
    EXPECT_EQ(summary(diff), "1 added, 1 removed, another signer");
}

}  // namespace
}  // namespace tserver::trust
