// The enrolment against scripted servers, where it brings a certificate: one promise each. Where it does not:
// enrol_ends_test.cpp.
#include "capf/enrol.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/capf_script.hpp"

namespace tserver::capf {
namespace {

using namespace test;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

std::string spelled(const Message& message) {
    std::string out;
    for (const auto& element : message.elements) {
        if (!out.empty()) out += ' ';
        out += fmt::format("{}={}", name(element.tag()), hex(element.value()));
    }
    return out;
}

// --- the good way ---

TEST(Enrolment, ReturnsTheCertificateThatTheKeeperHasKept) {
    Play run;
    run.server.says_all(install());
    const auto enrolled = run.with(request());
    ASSERT_TRUE(enrolled) << enrolled.error().text();
    EXPECT_EQ(enrolled->certificate, certificate("keys/01-client.pem"));
    EXPECT_EQ(enrolled->key, KeySpec{Rsa{2048}});
    EXPECT_FALSE(enrolled->starts_in);
    EXPECT_THAT(run.keeper.kept, ElementsAre(enrolled->certificate));
    EXPECT_EQ(run.progress.code, CodeState::used);
    EXPECT_EQ(run.progress.asked, KeySpec{Rsa{2048}});
}

TEST(Enrolment, InVersion1SpeaksLikeTheJtapiClientWhateverTheServerAnnounces) {
    Play run;
    run.server.says_all(install());
    ASSERT_TRUE(run.with(request(1)));
    ASSERT_THAT(run.server.commands(), ElementsAre(Command::auth_response, Command::key_generate_response,
                                                   Command::store_certificate_response));
    EXPECT_EQ(spelled(run.server.sent(0)),
              "VERSION=01 REASON=01 REASON_INFO=73756363657373 DEVICE_NAME=4354492d6c696e6b31 "
              "PASSWORD=3132333435");
    EXPECT_EQ(spelled(run.server.sent(1)), "REASON=01 REASON_INFO=73756363657373 PUBLIC_KEY=" +
                                               hex(private_key("keys/01-client.pem").public_half().spki()));
    EXPECT_EQ(spelled(run.server.sent(2)), "REASON=01 REASON_INFO=73756363657373");
}

TEST(Enrolment, InVersion3EndsTextsWithNulAndTellsOnceThatItMakesAKey) {
    Play run;
    run.server.says_all(install());
    ASSERT_TRUE(run.with(request(3)));
    ASSERT_THAT(run.server.commands(),
                ElementsAre(Command::auth_response, Command::request_in_progress,
                            Command::key_generate_response, Command::store_certificate_response));
    EXPECT_EQ(spelled(run.server.sent(0)),
              "REASON=01 VERSION=03 PASSWORD=313233343500 DEVICE_NAME=4354492d6c696e6b3100");
    EXPECT_EQ(spelled(run.server.sent(1)), "");
    EXPECT_EQ(spelled(run.server.sent(2)),
              "PUBLIC_KEY=" + hex(private_key("keys/01-client.pem").public_half().spki()));
    EXPECT_EQ(spelled(run.server.sent(3)), "REASON=01");
}

TEST(Enrolment, InVersion3AnswersTheLowerVersionOfTheServer) {
    for (const auto& [announced, answered] :
         std::vector<std::pair<std::uint8_t, unsigned>>{{0, 1}, {1, 1}, {2, 2}, {3, 3}, {9, 3}}) {
        Play run;
        run.server.says(auth_request(announced));
        EXPECT_FALSE(run.with(request(3)));
        EXPECT_EQ(run.server.sent(0).number(Tag::version), answered) << "announced " << unsigned{announced};
    }
}

TEST(Enrolment, EchoesTheSessionIdOfTheFirstMessage) {
    Play run;
    run.server.says_all(install());
    ASSERT_TRUE(run.with(request()));
    for (const auto& record : run.server.records()) EXPECT_EQ(decode(record)->session, 7U);
}

TEST(Enrolment, TakesEllipticKeysInVersion3) {
    Play run{"keys/04-client.pem"};
    run.server.says_all(
        {auth_request(), curve_request(1), store_request(certificate("keys/04-client.pem")), end_session(1)});
    const auto enrolled = run.with(request(3));
    ASSERT_TRUE(enrolled) << enrolled.error().text();
    EXPECT_THAT(run.keeper.asked, ElementsAre(KeySpec{crypto::Curve::p384}));
    EXPECT_EQ(enrolled->key, KeySpec{crypto::Curve::p384});
}

// --- what the server may do on the way ---

TEST(Enrolment, ReadsMessagesThatComeOneOctetAtATime) {
    Play run;
    for (const auto& message : install()) {
        for (const auto octet : encode(message)) run.server.says(Bytes{octet});
    }
    EXPECT_TRUE(run.with(request()));
}

TEST(Enrolment, ReadsMessagesThatComeJoined) {
    Play run;
    Bytes all;
    for (const auto& message : install()) {
        const auto octets = encode(message);
        all.insert(all.end(), octets.begin(), octets.end());
    }
    run.server.says(std::move(all));
    EXPECT_TRUE(run.with(request()));
}

TEST(Enrolment, GivesTheServerItsTimeAnewWithEveryRequestInProgress) {
    Play run;
    run.server.says(auth_request()).says(key_request());
    for (int i = 0; i < 3; ++i) run.server.after(20s).says(say(Command::request_in_progress));
    run.server.after(20s).says(install()[2]).says(end_session(1));
    auto wanted = request();
    wanted.limits.certificate = 25s;
    const auto enrolled = run.with(wanted);
    EXPECT_TRUE(enrolled) << enrolled.error().text();
}

TEST(Enrolment, AnswersARepeatedKeyRequestWithTheSameKey) {
    Play run;
    run.server.says(auth_request()).says(key_request()).says(key_request());
    run.server.says(install()[2]).says(end_session(1));
    ASSERT_TRUE(run.with(request()));
    EXPECT_EQ(run.server.records().at(1), run.server.records().at(2));
    EXPECT_EQ(run.keeper.asked.size(), 1U);
}

TEST(Enrolment, WaitsAsLongAsRetryLaterSays) {
    Play run;
    const auto later = say(Command::retry_later).add(Tag::retry_delay, 40);
    run.server.says(auth_request()).says(later).after(39s).says(key_request());
    run.server.says(install()[2]).says(end_session(1));
    const auto enrolled = run.with(request());
    EXPECT_TRUE(enrolled) << enrolled.error().text();
}

TEST(Enrolment, ARetryLaterThatSaysNoTimeGivesTheServerItsTimeAnew) {
    for (const auto& later :
         {say(Command::retry_later), say(Command::retry_later).add(Tag::retry_delay, Bytes(5, 1))}) {
        auto wanted = request();
        wanted.limits.total = 1h;
        const auto usual = wanted.limits.answer;
        for (const auto& [silence, succeeds] : {std::pair{usual - 1s, true}, std::pair{usual + 1s, false}}) {
            Play run;
            run.server.says(auth_request()).says(later).after(silence).says(key_request());
            run.server.says(install()[2]).says(end_session(1));
            EXPECT_EQ(run.with(wanted).has_value(), succeeds) << spelled(later);
        }
    }
}

TEST(Enrolment, SucceedsThoughTheServerClosesWithoutEndSession) {
    Play run;
    auto messages = install();
    messages.pop_back();
    run.server.says_all(messages);
    EXPECT_TRUE(run.with(request()));
    EXPECT_THAT(run.steps.back(), testing::StartsWith("no END_SESSION: "));
}

TEST(Enrolment, SucceedsThoughTheServerSaysSomethingElseInsteadOfEndSession) {
    Play run;
    auto messages = install();
    messages.back() = key_request();
    run.server.says_all(messages);
    EXPECT_TRUE(run.with(request()));
    EXPECT_EQ(run.steps.back(), "no END_SESSION: KEY_GENERATE_REQUEST");
}

TEST(Enrolment, SucceedsWhateverReasonTheServerEndsWithOnceTheCertificateIsKept) {
    for (const int reason : {0, 1, 3, 7, 9}) {
        Play run;
        auto messages = install();
        messages.back() = end_session(static_cast<std::uint8_t>(reason));
        run.server.says_all(messages);
        EXPECT_TRUE(run.with(request())) << reason;
    }
}

TEST(Enrolment, ShowsTheHeldCertificateToAServerThatFetchesIt) {
    Play run;
    run.server.says(auth_request()).says(say(Command::fetch_certificate_request)).says(end_session(0));
    auto wanted = request();
    wanted.held = certificate("keys/01-client.pem");
    const auto enrolled = run.with(wanted);
    ASSERT_FALSE(enrolled);
    EXPECT_EQ(enrolled.error().fault, Fault::CAPF_NO_PENDING_OP);
    EXPECT_EQ(enrolled.error().detail, "the server fetched our certificate and ended: reason 0 (no action)");
    EXPECT_EQ(run.server.sent(1).command, Command::fetch_certificate_response);
    EXPECT_EQ(run.server.sent(1).number(Tag::reason), 1);
    EXPECT_EQ(to_bytes(*run.server.sent(1).find(Tag::certificate)), certificate_element(*wanted.held));
}

TEST(Enrolment, AnswersAFetchWithReason7WhenThereIsNothingToShow) {
    Play run;
    run.server.says(auth_request()).says(say(Command::fetch_certificate_request)).says(end_session(0));
    EXPECT_FALSE(run.with(request()));
    EXPECT_EQ(run.server.sent(1).number(Tag::reason), 7);
    EXPECT_FALSE(run.server.sent(1).find(Tag::certificate));
}

TEST(Enrolment, GoesOnWithTheKeyAfterAFetch) {
    Play run;
    run.server.says(auth_request()).says(say(Command::fetch_certificate_request)).says(key_request());
    run.server.says(install()[2]).says(end_session(1));
    EXPECT_TRUE(run.with(request()));
}

TEST(Enrolment, F22_DeletesNothingWhenTheServerAsksForIt) {
    Play run;
    run.server.says(auth_request()).says(say(Command::delete_certificate_request)).says(end_session(1));
    const auto enrolled = run.with(request());
    ASSERT_FALSE(enrolled);
    EXPECT_EQ(enrolled.error().fault, Fault::CAPF_DELETE);
    EXPECT_EQ(run.server.sent(1).command, Command::delete_certificate_response);
    EXPECT_EQ(run.server.sent(1).number(Tag::reason), 7);
    EXPECT_EQ(run.progress.code, CodeState::sent);
    EXPECT_EQ(run.steps.back(), "END_SESSION: reason 1 (success)") << "the server may end it";
}

// --- what was issued ---

TEST(Enrolment, F23_AnswersStoreOnlyAfterTheKeeperHasKeptIt) {
    Play run;
    run.server.says_all(install());
    std::size_t before = 0;
    run.keeper.when_asked_to_keep = [&] { before = run.server.records().size(); };
    ASSERT_TRUE(run.with(request()));
    EXPECT_EQ(before, 2U) << "AUTH_RESPONSE and KEY_GENERATE_RESPONSE";
    EXPECT_EQ(run.server.sent(2).command, Command::store_certificate_response);
}

TEST(Enrolment, F14_PassesOnWhyTheKeeperCouldNotKeepIt) {
    Play run;
    run.server.says_all(install());
    run.keeper.keeping = fail(Fault::DISK_FULL, "/var/lib/tserver: 0 octets free");
    const auto enrolled = run.with(request());
    ASSERT_FALSE(enrolled);
    EXPECT_EQ(enrolled.error().fault, Fault::DISK_FULL);
    EXPECT_EQ(enrolled.error().detail, "/var/lib/tserver: 0 octets free");
    EXPECT_EQ(run.server.sent(2).number(Tag::reason), 7);
    EXPECT_EQ(run.progress.code, CodeState::used);
    EXPECT_EQ(run.keeper.kept.size(), 1U) << "the keeper has it";
}

TEST(Enrolment, RefusesAForeignCertificateWithReason7) {
    Play run;
    run.server.says(auth_request()).says(key_request());
    run.server.says(store_request(certificate("keys/15-client.pem"))).says(end_session(1));
    ASSERT_FALSE(run.with(request()));
    EXPECT_EQ(run.server.sent(2).command, Command::store_certificate_response);
    EXPECT_EQ(run.server.sent(2).number(Tag::reason), 7);
    EXPECT_EQ(run.steps.back(), "END_SESSION: reason 1 (success)") << "the server may end it";
}

TEST(Enrolment, KeepsACertificateThatStartsInTheFutureAndSaysByHowMuch) {
    Play run;
    run.server.says_all(install());
    auto wanted = request();
    const auto start = certificate("keys/01-client.pem").not_before();
    wanted.now = [&] { return start - std::chrono::hours{30}; };
    const auto enrolled = run.with(wanted);
    ASSERT_TRUE(enrolled) << enrolled.error().text();
    EXPECT_EQ(enrolled->starts_in, std::chrono::hours{30});
}

TEST(Enrolment, SaysNothingOfACertificateThatStartsThisSecond) {
    Play run;
    run.server.says_all(install());
    auto wanted = request();
    wanted.now = [] { return certificate("keys/01-client.pem").not_before(); };
    const auto enrolled = run.with(wanted);
    ASSERT_TRUE(enrolled) << enrolled.error().text();
    EXPECT_FALSE(enrolled->starts_in);
}

TEST(Enrolment, SaysOfACertificateThatStartsInTheNextSecond) {
    Play run;
    run.server.says_all(install());
    auto wanted = request();
    wanted.now = [] { return certificate("keys/01-client.pem").not_before() - 1s; };
    const auto enrolled = run.with(wanted);
    ASSERT_TRUE(enrolled) << enrolled.error().text();
    EXPECT_EQ(enrolled->starts_in, 1s);
}

TEST(Enrolment, TellsItsStepsWithoutTheCode) {
    Play run;
    run.server.says_all(install());
    ASSERT_TRUE(run.with(request()));
    EXPECT_THAT(run.steps,
                ElementsAre("AUTH_REQUEST: version 3, session 7", "AUTH_RESPONSE: version 1, name CTI-link1",
                            "KEY_GENERATE_REQUEST: RSA-2048", "KEY_GENERATE_RESPONSE",
                            HasSubstr("CN=SEP0000AABB0001"), "STORE_CERTIFICATE_RESPONSE: reason 1",
                            "END_SESSION: reason 1 (success)"));
}

}  // namespace
}  // namespace tserver::capf
