#include "sim/profiles.hpp"

#include <gmock/gmock.h>

#include <boost/json.hpp>

#include "sim/pki.hpp"
#include "sim/scratch_test.hpp"

namespace tserver::sim {
namespace {

using namespace std::chrono_literals;

const Instant now = Instant{1'800'000'000s};

struct ProfilesTest : testing::Test {
    Scratch scratch;
    Profiles profiles;
    Profiles::Rules rules;

    void open() { ASSERT_TRUE(profiles.open(scratch.path() / "cluster.json", rules)); }
    void set(const char* text) { profiles.set(parse_profile(text, now).value()); }
    Admission admit(const char* code, Instant when = now) { return profiles.admit("CTI-link1", code, when); }
    std::string status() { return std::string{profiles.profiles_json().at(0).at("status").as_string()}; }

    static const crypto::Certificate& certificate(int which) {
        static const std::array both{make_call_manager("a", wall_now(), ServerKind::weak, nullptr).value(),
                                     make_call_manager("b", wall_now(), ServerKind::weak, nullptr).value()};
        return both.at(static_cast<std::size_t>(which))->certificate;
    }
};

struct ProfileCase {
    const char* text;
    const char* error;
};
class ProfileText : public testing::TestWithParam<ProfileCase> {};

TEST_P(ProfileText, IsTakenOrRefusedForTheNamedReason) {
    const auto& c = GetParam();
    const auto profile = parse_profile(c.text, now);
    ASSERT_EQ(profile.has_value(), c.error == nullptr);
    if (!profile) { EXPECT_THAT(profile.error().detail, testing::HasSubstr(c.error)); }
}

INSTANTIATE_TEST_SUITE_P(
    , ProfileText,
    testing::Values(ProfileCase{"user=u,instance=link1,code=12345", nullptr},
                    ProfileCase{"instance=link1,code=12345,key-size=4096,key=ec384,deadline=+60", nullptr},
                    ProfileCase{"instance=link1,code=12345,deadline=2027-01-01T00:00:00Z", nullptr},
                    ProfileCase{"instance=link1,operation=none", nullptr},
                    ProfileCase{"user=u,code=12345", "instance is missing"},
                    ProfileCase{"instance=link1", "code is missing"},
                    ProfileCase{"instance=li-nk,code=12345", "offset 2"},
                    ProfileCase{"instance=link1,code=123", ""},
                    ProfileCase{"instance=link1,code=12345,key=dsa", "needs rsa"},
                    ProfileCase{"instance=link1,code=12345,size=1", "no field size"},
                    ProfileCase{"instance=link1,code=12345,deadline=soon", "RFC 3339"}));

TEST_F(ProfilesTest, UnknownNameIsReason9) {
    open();
    set("instance=link1,code=12345");
    for (const auto* name : {"CTI-link2", "link1", "CTI-Link1", "CTI-", "SEP000000000001"})
        EXPECT_EQ(profiles.admit(name, "12345", now).refused, Reason::unknown_device) << name;
}

TEST_F(ProfilesTest, NothingPendingIsReason0) {
    open();
    set("instance=link1,operation=none");
    EXPECT_EQ(admit("12345").refused, Reason::no_action);
}

TEST_F(ProfilesTest, DeadlinePassedIsReason0AndTheStatusSaysIt) {
    open();
    set("instance=link1,code=12345,deadline=+10");
    EXPECT_EQ(admit("12345", now + 10s).refused, std::nullopt);
    EXPECT_EQ(admit("12345", now + 11s).refused, Reason::no_action);
    EXPECT_EQ(status(), "User-Initiated Request Too Late");
}

TEST_F(ProfilesTest, WrongOrMissingStringIsReason7) {
    open();
    set("instance=link1,code=12345");
    EXPECT_EQ(admit("12346").refused, Reason::failure);
    EXPECT_EQ(profiles.admit("CTI-link1", std::nullopt, now).refused, Reason::failure);
    EXPECT_EQ(status(), "Invalid Authentication String");
    EXPECT_EQ(admit("12345").refused, std::nullopt);
}

TEST_F(ProfilesTest, TenWrongStringsLockTheProfileForTenMinutes) {
    open();
    set("instance=link1,code=12345");
    for (int i = 0; i < 10; ++i) EXPECT_EQ(admit("0000").refused, Reason::failure);
    EXPECT_EQ(admit("12345", now + 599s).refused, Reason::failure);
    EXPECT_EQ(admit("12345", now + 600s).refused, std::nullopt);
}

TEST_F(ProfilesTest, ACodeGivesOneCertificateEvenToTwoExchangesAtOnce) {
    open();
    set("instance=link1,code=12345");
    const auto first = admit("12345");
    const auto second = admit("12345");
    EXPECT_TRUE(profiles.issue(first.profile, certificate(0), now));
    EXPECT_FALSE(profiles.issue(second.profile, certificate(1), now));
    EXPECT_EQ(profiles.issued_json().at("link1"), 1);
    EXPECT_EQ(status(), "Upgrade Success");
    EXPECT_EQ(admit("12345").refused, Reason::no_action);
}

TEST_F(ProfilesTest, AnExchangeOfAnEarlierSettingCannotUseTheNewCode) {
    open();
    set("instance=link1,code=12345");
    const auto old = admit("12345");
    set("instance=link1,code=67890");
    EXPECT_FALSE(profiles.issue(old.profile, certificate(0), now));
    EXPECT_EQ(admit("67890").refused, std::nullopt);
}

TEST_F(ProfilesTest, AUsedCodeStaysUsedAcrossARestartWithTheSameCommandLine) {
    open();
    profiles.set_at_start(parse_profile("instance=link1,code=12345", now).value());
    ASSERT_TRUE(profiles.issue(admit("12345").profile, certificate(0), now));

    Profiles again;
    ASSERT_TRUE(again.open(scratch.path() / "cluster.json", rules));
    again.set_at_start(parse_profile("instance=link1,code=12345", now).value());
    EXPECT_EQ(again.admit("CTI-link1", "12345", now).refused, Reason::no_action);
    EXPECT_EQ(again.latest("link1")->sha256, certificate(0).sha256());
    again.set_at_start(parse_profile("instance=link1,code=67890", now).value());
    EXPECT_EQ(again.admit("CTI-link1", "67890", now).refused, std::nullopt);
}

TEST_F(ProfilesTest, ACertificateUsedTwiceTooOftenIsCompromisedAndStaysSo) {
    rules.collisions = 2;
    open();
    set("instance=link1,code=12345");
    ASSERT_TRUE(profiles.issue(admit("12345").profile, certificate(0), now));
    const auto sha256 = certificate(0).sha256();
    EXPECT_FALSE(profiles.collide(sha256));
    EXPECT_EQ(profiles.judge(sha256, false), ClientVerdict::good);
    EXPECT_TRUE(profiles.collide(sha256));
    EXPECT_EQ(profiles.judge(sha256, false), ClientVerdict::compromised);

    Profiles again;
    ASSERT_TRUE(again.open(scratch.path() / "cluster.json", rules));
    EXPECT_EQ(again.judge(sha256, false), ClientVerdict::compromised);
}

TEST_F(ProfilesTest, JudgesStrangersDeletedProfilesAndOlderCertificates) {
    open();
    set("instance=link1,code=12345");
    ASSERT_TRUE(profiles.issue(admit("12345").profile, certificate(0), now));
    set("instance=link1,code=12345");
    ASSERT_TRUE(profiles.issue(admit("12345").profile, certificate(1), now));
    EXPECT_EQ(profiles.judge("00", false), ClientVerdict::unknown_instance);
    EXPECT_EQ(profiles.judge(certificate(0).sha256(), false), ClientVerdict::good);
    EXPECT_EQ(profiles.judge(certificate(0).sha256(), true), ClientVerdict::superseded);
    EXPECT_EQ(profiles.judge(certificate(1).sha256(), true), ClientVerdict::good);
    EXPECT_TRUE(profiles.remove("link1"));
    EXPECT_EQ(profiles.judge(certificate(1).sha256(), false), ClientVerdict::unknown_instance);
}

}  // namespace
}  // namespace tserver::sim
