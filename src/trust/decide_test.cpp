#include "trust/decide.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/ctl_builder.hpp"
#include "trust/parse.hpp"
#include "trust/roles.hpp"

namespace tserver::trust {
namespace {

using testing::Contains;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr Instant now{std::chrono::seconds{1796000000}};

List vector(const std::string& name) { return parse(test::vector(name)).value(); }

List signed_by(const char* name, std::vector<Bytes> records, std::uint32_t timestamp = 1795600424) {
    return parse(test::build({.records = std::move(records), .timestamp = timestamp}, test::signer(name)))
        .value();
}

Pin pin_of(const std::string& hex) { return Pin::parse(hex).value(); }
Pin pin_of_signer(const char* name) { return pin_of(test::signer(name).certificate.sha256()); }

TEST(FirstUse, WithoutAPinIsTakenUnverified) {
    const auto got = decide({}, vector("u1-stored.tlv"), {}, now);
    ASSERT_TRUE(got) << got.error().text();
    EXPECT_TRUE(std::holds_alternative<FirstUse>(got->what));
    EXPECT_FALSE(got->confirmed);
    EXPECT_THAT(got->warnings, IsEmpty());
}

TEST(FirstUse, WithThePinOfTheSignerIsConfirmed) {
    const auto got = decide({}, vector("u1-stored.tlv"), pin_of_signer("itlrec"), now);
    ASSERT_TRUE(got) << got.error().text();
    EXPECT_TRUE(std::holds_alternative<FirstUse>(got->what));
    EXPECT_TRUE(got->confirmed);
}

TEST(FirstUse, WithThePinOfTheFileIsConfirmed) {
    const auto list = vector("u1-stored.tlv");
    EXPECT_TRUE(decide({}, list, pin_of(list.sha256()), now)->confirmed);
}

TEST(FirstUse, WithThePinOfASastRecordThatDidNotSignIsRefused) {
    const auto error = decide({}, vector("u1-stored.tlv"), pin_of_signer("pub"), now).error();
    EXPECT_EQ(error.fault, Fault::CTL_PIN_MISMATCH);
    EXPECT_THAT(error.detail, HasSubstr(test::signer("pub").certificate.sha256()));
    EXPECT_THAT(error.detail, HasSubstr(test::signer("itlrec").certificate.sha256()));
}

TEST(FirstUse, OfARogueListWithTheTrustedNameAndSerialDoesNotFitThePin) {
    EXPECT_EQ(
        decide({}, vector("u4-rogue-same-name-and-serial.tlv"), pin_of_signer("itlrec"), now).error().fault,
        Fault::CTL_PIN_MISMATCH);
}

TEST(FirstUse, OfADamagedListIsRefused) {
    EXPECT_EQ(decide({}, vector("n07-bad-certificate-byte.tlv"), {}, now).error().fault,
              Fault::CTL_SIG_INVALID);
}

TEST(FirstUse, OfAListWithoutServersIsNotTheAnchor) {
    EXPECT_EQ(decide({}, vector("p11-cucm-nonsecure-empty-ccm.tlv"), {}, now).error().fault,
              Fault::CTL_NO_SERVER_CERTS);
}

TEST(FirstUse, OfAWeakOldSignatureIsTakenWithWarnings) {
    const auto token = test::signer("token1");
    const auto list = parse(test::build({.records = {test::record(0, token.certificate),
                                                     test::record(2, test::signer("pub").certificate)},
                                         .digest = crypto::Digest::sha1,
                                         .code = 1},
                                        token))
                          .value();
    const auto got = decide({}, list, {}, now);
    ASSERT_TRUE(got) << got.error().text();
    EXPECT_THAT(got->warnings, Contains("the list is signed with SHA-1"));
    EXPECT_THAT(got->warnings, Contains("the signer's key is only RSA-1024"));
}

TEST(FirstUse, WithAnExpiredSignerIsTakenWithAWarning) {
    const auto got = decide({}, vector("u1-stored.tlv"), {}, Instant{std::chrono::seconds{4000000000}});
    ASSERT_TRUE(got) << got.error().text();
    EXPECT_THAT(got->warnings, Contains(HasSubstr("the signer's certificate expired at 2046-")));
}

TEST(LaterList, EqualToTheHeldOneChangesNothing) {
    const auto held = vector("u1-stored.tlv");
    for (const bool confirmed : {false, true}) {
        const auto got = decide(Held{&held, confirmed}, held, {}, now);
        ASSERT_TRUE(got);
        EXPECT_TRUE(std::holds_alternative<Unchanged>(got->what));
        EXPECT_EQ(got->confirmed, confirmed);
    }
}

TEST(LaterList, SignedByTheSecondSignerIsTakenAndStaysAsConfirmedAsTheHeldOne) {
    const auto held = vector("u1-stored.tlv");
    for (const bool confirmed : {false, true}) {
        const auto got = decide(Held{&held, confirmed}, vector("u2-signed-by-second-sast.tlv"), {}, now);
        ASSERT_TRUE(got) << got.error().text();
        const auto* renewed = std::get_if<Renewed>(&got->what);
        ASSERT_NE(renewed, nullptr);
        EXPECT_EQ(renewed->verified.record, 2U);
        EXPECT_EQ(summary(renewed->diff), "1 added, 1 removed, another signer");
        EXPECT_EQ(got->confirmed, confirmed);
    }
}

struct Refusal {
    const char* file;
    Fault fault;
    const char* detail;
};
class LaterListRefused : public testing::TestWithParam<Refusal> {};

TEST_P(LaterListRefused, ByTheHeldOne) {
    const auto held = vector("u1-stored.tlv");
    const auto got = decide(Held{&held, true}, vector(GetParam().file), {}, now);
    ASSERT_FALSE(got);
    EXPECT_EQ(got.error().fault, GetParam().fault);
    EXPECT_THAT(got.error().detail, HasSubstr(GetParam().detail));
}

INSTANTIATE_TEST_SUITE_P(, LaterListRefused,
                         testing::Values(Refusal{"u3-signed-by-new-sast.tlv", Fault::CTL_SIG_UNTRUSTED,
                                                 "the file is whole: signed by its own record"},
                                         Refusal{"u4-rogue-same-name-and-serial.tlv", Fault::CTL_SIG_INVALID,
                                                 "the file is whole: signed by its own record"},
                                         Refusal{"u5-same-serial-other-issuer.tlv", Fault::CTL_SIG_INVALID,
                                                 "the file is whole: signed by its own record"},
                                         Refusal{"p04-ctl-one-record-rsa1024.tlv", Fault::CTL_SIG_UNTRUSTED,
                                                 "SAST-TEST0001"}));

TEST(LaterList, OlderThanTheHeldOneIsTakenWithAWarning) {
    const auto held = vector("u1-stored.tlv");
    const auto got = decide(Held{&held, true}, vector("u6-older-timestamp-valid.tlv"), {}, now);
    ASSERT_TRUE(got) << got.error().text();
    EXPECT_THAT(got->warnings, Contains(HasSubstr("before the held one")));
}

TEST(Renewal, SignedInTheSameSecondAsTheHeldListIsNoRemark) {
    const auto pub = test::record(2, test::signer("pub").certificate);
    const auto sast = test::record(0, test::signer("itlrec").certificate);
    const auto held = signed_by("itlrec", {sast, pub});
    const auto got = decide(Held{&held, true}, signed_by("itlrec", {sast, pub, pub}), {}, now);
    ASSERT_TRUE(got) << got.error().text();
    EXPECT_TRUE(std::holds_alternative<Renewed>(got->what));
    EXPECT_THAT(got->warnings, IsEmpty());
}

TEST(LaterList, WithoutServersIsTakenAndNamesTheFact) {
    const auto sast = test::record(0, test::signer("itlrec").certificate);
    const auto held = signed_by("itlrec", {sast, test::record(2, test::signer("pub").certificate)});
    const auto off =
        signed_by("itlrec", {sast, test::record({{2, test::with_nul("cucm-pub")}, {4, {0, 2}}})});
    const auto got = decide(Held{&held, true}, off, {}, now);
    ASSERT_TRUE(got) << got.error().text();
    EXPECT_TRUE(std::holds_alternative<Renewed>(got->what));
    EXPECT_THAT(got->warnings, Contains(HasSubstr("CTL_NO_SERVER_CERTS: 1 CCM+TFTP or CCM records")));
    EXPECT_TRUE(decide(Held{&off, true}, held, {}, now)) << "mixed mode comes back";
}

TEST(PinSetLater, ConfirmsTheHeldListItFits) {
    const auto held = vector("u1-stored.tlv");
    const auto got = decide(Held{&held, false}, held, pin_of_signer("itlrec"), now);
    ASSERT_TRUE(got);
    EXPECT_TRUE(std::holds_alternative<Unchanged>(got->what));
    EXPECT_TRUE(got->confirmed);
}

TEST(PinSetLater, RefusesAnUnconfirmedHeldListItDoesNotFit) {
    const auto held = vector("u4-rogue-same-name-and-serial.tlv");
    EXPECT_EQ(decide(Held{&held, false}, held, pin_of_signer("itlrec"), now).error().fault,
              Fault::CTL_PIN_MISMATCH);
}

TEST(PinSetLater, PutsTheGenuineListInPlaceOfAnUnconfirmedRogue) {
    const auto held = vector("u4-rogue-same-name-and-serial.tlv");
    const auto got = decide(Held{&held, false}, vector("u1-stored.tlv"), pin_of_signer("itlrec"), now);
    ASSERT_TRUE(got) << got.error().text();
    EXPECT_TRUE(std::holds_alternative<FirstUse>(got->what));
    EXPECT_TRUE(got->confirmed);
    EXPECT_THAT(got->warnings, Contains(HasSubstr("the pin vouches")));
}

TEST(PinSetLater, ConfirmsByTheHeldListALaterOneOfAnotherSigner) {
    const auto held = vector("u1-stored.tlv");
    const auto got =
        decide(Held{&held, false}, vector("u2-signed-by-second-sast.tlv"), pin_of_signer("itlrec"), now);
    ASSERT_TRUE(got) << got.error().text();
    EXPECT_TRUE(std::holds_alternative<Renewed>(got->what));
    EXPECT_TRUE(got->confirmed);
}

TEST(PinSetLater, DoesNotLetInAListThatNeitherItNorTheHeldListVouchesFor) {
    const auto held = vector("u1-stored.tlv");
    EXPECT_EQ(decide(Held{&held, false}, vector("u3-signed-by-new-sast.tlv"), pin_of_signer("itlrec"), now)
                  .error()
                  .fault,
              Fault::CTL_SIG_UNTRUSTED);
    EXPECT_EQ(decide(Held{&held, false}, vector("u2-signed-by-second-sast.tlv"), pin_of_signer("rogue"), now)
                  .error()
                  .fault,
              Fault::CTL_PIN_MISMATCH);
}

TEST(PinOfAnOldSigner, DoesNotStopAConfirmedListFromBeingRenewed) {
    const auto held = vector("u1-stored.tlv");
    const auto got =
        decide(Held{&held, true}, vector("u2-signed-by-second-sast.tlv"), pin_of_signer("rogue"), now);
    ASSERT_TRUE(got) << got.error().text();
    EXPECT_TRUE(got->confirmed);
}

struct PinCase {
    std::string text;
    bool good;
};
class PinText : public testing::TestWithParam<PinCase> {};

TEST_P(PinText, IsASha256WithOrWithoutColons) {
    const auto got = Pin::parse(GetParam().text);
    ASSERT_EQ(got.has_value(), GetParam().good);
    if (got) {
        EXPECT_EQ(got->str(), std::string(64, 'a'));
    } else {
        EXPECT_EQ(got.error().fault, Fault::CONFIG_VALUE);
        EXPECT_THAT(got.error().detail, HasSubstr("64 hex digits"));
    }
}

INSTANTIATE_TEST_SUITE_P(, PinText,
                         testing::Values(PinCase{std::string(64, 'a'), true},
                                         PinCase{std::string(64, 'A'), true},
                                         PinCase{hex_pairs(Bytes(32, 0xAA)), true}, PinCase{"", false},
                                         PinCase{std::string(40, 'a'), false},
                                         PinCase{std::string(63, 'a'), false},
                                         PinCase{std::string(64, 'g'), false}));

}  // namespace
}  // namespace tserver::trust
