#include "trust/roles.hpp"

#include <gtest/gtest.h>

#include "tests/support/ctl_builder.hpp"
#include "trust/parse.hpp"

namespace tserver::trust {
namespace {

const crypto::Certificate& leaf() {
    static const auto certificate = test::signer("pub").certificate;
    return certificate;
}

List role_list(std::vector<Bytes> records) {
    return parse(test::build({.records = std::move(records)}, test::signer("itlrec"))).value();
}

struct RoleCase {
    unsigned role;
    const char* name;
    bool server;
    bool capf;
};
class RoleTrust : public testing::TestWithParam<RoleCase> {};

TEST_P(RoleTrust, GivesWhatItsRoleGivesAndNothingElse) {
    const auto& c = GetParam();
    const auto list = role_list({test::record(c.role, leaf())});
    EXPECT_EQ(role_name(list.records[0].role), c.name);
    EXPECT_EQ(trusts_server(list, leaf()), c.server);
    EXPECT_EQ(trusts_capf(list, leaf()), c.capf);
    EXPECT_EQ(servers(list).size(), c.server ? 1U : 0U);
    EXPECT_EQ(capf(list).size(), c.capf ? 1U : 0U);
    EXPECT_EQ(no_servers(list).has_value(), !c.server);
}

INSTANTIATE_TEST_SUITE_P(
    , RoleTrust,
    testing::Values(RoleCase{0, "SAST", false, false}, RoleCase{1, "CCM", true, false},
                    RoleCase{2, "CCM+TFTP", true, false}, RoleCase{3, "TFTP", false, false},
                    RoleCase{4, "CAPF", false, true}, RoleCase{5, "SRST", false, false},
                    RoleCase{6, "ROLE-6", false, false}, RoleCase{7, "APP-SERVER", false, false},
                    RoleCase{21, "TVS", false, false}, RoleCase{258, "ROLE-258", false, false},
                    RoleCase{65535, "ROLE-65535", false, false}));

TEST(Server, OfTheSameNameSerialAndIssuerButAnotherKeyIsNotTrusted) {
    const auto list = role_list({test::record(2, test::signer("itlrec").certificate)});
    EXPECT_FALSE(trusts_server(list, test::signer("rogue").certificate));
}

TEST(Server, OfAMultiServerCertificateIsTrustedWhateverHostTheRecordNames) {
    EXPECT_TRUE(trusts_server(role_list({test::record(2, leaf(), "another-host")}), leaf()));
}

TEST(Server, ListedInSeveralRecordsIsCollectedOnce) {
    EXPECT_EQ(servers(role_list({test::record(1, leaf()), test::record(2, leaf())})).size(), 1U);
}

}  // namespace
}  // namespace tserver::trust
