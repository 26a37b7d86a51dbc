// The enrolment against scripted servers: one promise each.
#include "capf/enrol.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "net/wait.hpp"
#include "tests/support/capf_script.hpp"

namespace tserver::capf {
namespace {

using namespace test;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

void say_all(Script& server, const std::vector<Message>& messages) {
    for (const auto& message : messages) server.says(message);
}

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
    say_all(run.server, install());
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
    say_all(run.server, install());
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
    say_all(run.server, install());
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
    say_all(run.server, install());
    ASSERT_TRUE(run.with(request()));
    for (const auto& record : run.server.records()) EXPECT_EQ(decode(record)->session, 7U);
}

TEST(Enrolment, TakesEllipticKeysInVersion3) {
    Play run{"keys/04-client.pem"};
    say_all(run.server, {auth_request(), curve_request(1), store_request(certificate("keys/04-client.pem")),
                         end_session(1)});
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
    say_all(run.server, messages);
    EXPECT_TRUE(run.with(request()));
    EXPECT_THAT(run.steps.back(), testing::StartsWith("no END_SESSION: "));
}

TEST(Enrolment, SucceedsThoughTheServerSaysSomethingElseInsteadOfEndSession) {
    Play run;
    auto messages = install();
    messages.back() = key_request();
    say_all(run.server, messages);
    EXPECT_TRUE(run.with(request()));
    EXPECT_EQ(run.steps.back(), "no END_SESSION: KEY_GENERATE_REQUEST");
}

TEST(Enrolment, SucceedsWhateverReasonTheServerEndsWithOnceTheCertificateIsKept) {
    for (const int reason : {0, 1, 3, 7, 9}) {
        Play run;
        auto messages = install();
        messages.back() = end_session(static_cast<std::uint8_t>(reason));
        say_all(run.server, messages);
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

// --- when it ends without a certificate ---

struct Ending {
    const char* what;
    std::vector<Message> messages;
    Script::Then then;
    Fault fault;
    const char* detail;
    const char* during;
    CodeState code;
};

void PrintTo(const Ending& ending, std::ostream* out) { *out << ending.what; }

class Ends : public testing::TestWithParam<Ending> {};

TEST_P(Ends, WithTheNamedFaultAndTheRightStateOfTheCode) {
    const auto& row = GetParam();
    Play run;
    say_all(run.server, row.messages);
    run.server.then(row.then);
    const auto enrolled = run.with(request());
    ASSERT_FALSE(enrolled);
    EXPECT_EQ(id(enrolled.error().fault), id(row.fault));
    EXPECT_THAT(enrolled.error().detail, HasSubstr(row.detail));
    EXPECT_EQ(enrolled.error().during, row.during);
    EXPECT_EQ(run.progress.code, row.code);
    EXPECT_THAT(run.keeper.kept, IsEmpty());
}

constexpr auto closed = Script::Then::closed;
constexpr auto silent = Script::Then::silent;

Message with_info(Message message, std::string_view text) {
    return message.add(Tag::reason_info, as_bytes(text));
}
Message of_session(Message message, std::uint32_t session) {
    message.session = session;
    return message;
}

INSTANTIATE_TEST_SUITE_P(BeforeTheCode, Ends,
                         testing::Values(Ending{"closed",
                                                {},
                                                closed,
                                                Fault::CAPF_COMM,
                                                "the server closed the connection",
                                                "authenticate",
                                                CodeState::untouched},
                                         Ending{"silent",
                                                {},
                                                silent,
                                                Fault::CAPF_STALLED,
                                                "nothing within 10000 ms",
                                                "authenticate",
                                                CodeState::untouched},
                                         Ending{"END_SESSION",
                                                {end_session(7)},
                                                closed,
                                                Fault::CAPF_COMM,
                                                "before asking for the code: reason 7 (failure)",
                                                "authenticate",
                                                CodeState::untouched},
                                         Ending{"wrong command",
                                                {key_request()},
                                                closed,
                                                Fault::CAPF_PROTOCOL,
                                                "unexpected KEY_GENERATE_REQUEST",
                                                "authenticate",
                                                CodeState::untouched},
                                         Ending{"no version",
                                                {say(Command::auth_request)},
                                                closed,
                                                Fault::CAPF_PROTOCOL,
                                                "AUTH_REQUEST without VERSION",
                                                "authenticate",
                                                CodeState::untouched}));

INSTANTIATE_TEST_SUITE_P(
    AfterTheCode, Ends,
    testing::Values(
        Ending{
            "closed", {auth_request()}, closed, Fault::CAPF_COMM, "closed", "key request", CodeState::sent},
        Ending{"silent",
               {auth_request()},
               silent,
               Fault::CAPF_STALLED,
               "nothing within 30000 ms",
               "key request",
               CodeState::sent},
        Ending{"wrong code",
               {auth_request(), end_session(7)},
               closed,
               Fault::CAPF_AUTH_CODE,
               "reason 7 (failure)",
               "key request",
               CodeState::refused},
        Ending{"text of the server",
               {auth_request(), with_info(end_session(7), std::string_view{"no\x1b!\0", 5})},
               closed,
               Fault::CAPF_AUTH_CODE,
               R"(reason 7 (failure): no\x1b!)",
               "key request",
               CodeState::refused},
        Ending{"unknown device",
               {auth_request(), end_session(9)},
               closed,
               Fault::CAPF_NO_PROFILE,
               "reason 9 (unknown device)",
               "key request",
               CodeState::sent},
        Ending{"nothing pending",
               {auth_request(), end_session(0)},
               closed,
               Fault::CAPF_NO_PENDING_OP,
               "reason 0 (no action)",
               "key request",
               CodeState::sent},
        Ending{"success without a certificate",
               {auth_request(), end_session(1)},
               closed,
               Fault::CAPF_NO_PENDING_OP,
               "nothing was issued",
               "key request",
               CodeState::sent},
        Ending{"reason without a meaning",
               {auth_request(), end_session(3)},
               closed,
               Fault::CAPF_AUTH_CODE,
               "reason 3 (no public meaning)",
               "key request",
               CodeState::refused},
        Ending{"no reason",
               {auth_request(), say(Command::end_session)},
               closed,
               Fault::CAPF_AUTH_CODE,
               "no reason",
               "key request",
               CodeState::refused},
        Ending{"another session",
               {auth_request(), of_session(key_request(), 8)},
               closed,
               Fault::CAPF_PROTOCOL,
               "session id 8, expected 7",
               "key request",
               CodeState::sent},
        Ending{"certificate without a key",
               {auth_request(), store_request(certificate("keys/01-client.pem"))},
               closed,
               Fault::CAPF_PROTOCOL,
               "unexpected STORE_CERTIFICATE_REQUEST",
               "key request",
               CodeState::sent},
        Ending{"retry later, closed",
               {auth_request(), say(Command::retry_later).add(Tag::retry_delay, 30)},
               closed,
               Fault::CAPF_STALLED,
               "RETRY_LATER (30 s), then: the server closed",
               "key request",
               CodeState::sent},
        Ending{
            "retry later, longer than the whole enrolment may take",
            {auth_request(), say(Command::retry_later).add(Tag::retry_delay, Bytes{0xff, 0xff, 0xff, 0xff})},
            silent,
            Fault::CAPF_STALLED,
            "then: nothing within 120000 ms",
            "key request",
            CodeState::sent},
        Ending{"elliptic key",
               {auth_request(), curve_request(0)},
               closed,
               Fault::CAPF_EC_ONLY,
               "asked for EC-256",
               "key request",
               CodeState::sent},
        Ending{"small key",
               {auth_request(), key_request(1024)},
               closed,
               Fault::CAPF_KEY_SIZE,
               "asked for RSA-1024, allowed are 2048 to 4096",
               "key request",
               CodeState::sent},
        Ending{"odd key",
               {auth_request(), key_request(2047)},
               closed,
               Fault::CAPF_KEY_SIZE,
               "asked for RSA-2047",
               "key request",
               CodeState::sent}));

INSTANTIATE_TEST_SUITE_P(
    F21_AfterThePublicKey, Ends,
    testing::Values(Ending{"closed",
                           {auth_request(), key_request()},
                           closed,
                           Fault::CAPF_CODE_PROBABLY_USED,
                           "CAPF_COMM: the server closed",
                           "certificate",
                           CodeState::probably_used},
                    Ending{"silent",
                           {auth_request(), key_request()},
                           silent,
                           Fault::CAPF_CODE_PROBABLY_USED,
                           "CAPF_STALLED: nothing within 120000 ms",
                           "certificate",
                           CodeState::probably_used},
                    Ending{"END_SESSION 7",
                           {auth_request(), key_request(), end_session(7)},
                           closed,
                           Fault::CAPF_CODE_PROBABLY_USED,
                           "END_SESSION without a certificate: reason 7 (failure)",
                           "certificate",
                           CodeState::probably_used},
                    Ending{"END_SESSION 1",
                           {auth_request(), key_request(), end_session(1)},
                           closed,
                           Fault::CAPF_CODE_PROBABLY_USED,
                           "END_SESSION without a certificate: reason 1 (success)",
                           "certificate",
                           CodeState::probably_used},
                    Ending{"another session",
                           {auth_request(), key_request(), of_session(end_session(1), 8)},
                           closed,
                           Fault::CAPF_CODE_PROBABLY_USED,
                           "CAPF_PROTOCOL: session id 8, expected 7",
                           "certificate",
                           CodeState::probably_used},
                    Ending{"signing of an external authority",
                           {auth_request(), key_request(), say(Command{22})},
                           closed,
                           Fault::CAPF_CODE_PROBABLY_USED,
                           "unexpected SIGN_CERTIFICATE_REQUEST",
                           "certificate",
                           CodeState::probably_used},
                    Ending{"another key size",
                           {auth_request(), key_request(), key_request(4096)},
                           closed,
                           Fault::CAPF_CODE_PROBABLY_USED,
                           "asked for RSA-4096 after RSA-2048 was sent",
                           "certificate",
                           CodeState::probably_used},
                    Ending{"retry later, closed",
                           {auth_request(), key_request(), say(Command::retry_later)},
                           closed,
                           Fault::CAPF_CODE_PROBABLY_USED,
                           "CAPF_STALLED: RETRY_LATER (0 s), then",
                           "certificate",
                           CodeState::probably_used},
                    Ending{"delete",
                           {auth_request(), key_request(), say(Command::delete_certificate_request)},
                           closed,
                           Fault::CAPF_CODE_PROBABLY_USED,
                           "CAPF_DELETE: answered with reason 7",
                           "certificate",
                           CodeState::probably_used},
                    Ending{"another certificate",
                           {auth_request(), key_request(), store_request(certificate("keys/15-client.pem"))},
                           closed,
                           Fault::ISSUED_CERT_WRONG,
                           "it is for another key",
                           "certificate",
                           CodeState::used}));

TEST(Enrolment, F28_EndsWhenItsWholeTimeIsOverThoughTheServerKeepsTalking) {
    Play run;
    run.server.says(auth_request());
    for (int i = 0; i < 100; ++i) run.server.after(9s).says(say(Command::request_in_progress));
    const auto before = run.server.now();
    const auto enrolled = run.with(request());
    ASSERT_FALSE(enrolled);
    EXPECT_EQ(enrolled.error().fault, Fault::CAPF_STALLED);
    EXPECT_EQ(run.server.now() - before, 120s);
}

TEST(Enrolment, EndsAfterTooManyMessages) {
    Play run;
    run.server.says(auth_request());
    for (int i = 0; i < 300; ++i) run.server.says(say(Command::request_in_progress));
    const auto enrolled = run.with(request());
    ASSERT_FALSE(enrolled);
    EXPECT_EQ(enrolled.error().fault, Fault::CAPF_PROTOCOL);
    EXPECT_EQ(enrolled.error().detail, "more than 200 messages");
}

TEST(Enrolment, SendsNoKeyWhenItWasMadeTooLate) {
    Play run;
    run.server.says(auth_request()).says(key_request(4096));
    run.keeper.when_asked = [&] { run.server.pass(121s); };
    const auto enrolled = run.with(request());
    ASSERT_FALSE(enrolled);
    EXPECT_EQ(enrolled.error().fault, Fault::TIMED_OUT);
    EXPECT_THAT(enrolled.error().detail, HasSubstr("before the RSA-4096 key was made"));
    EXPECT_THAT(run.server.commands(), ElementsAre(Command::auth_response));
    EXPECT_EQ(run.progress.code, CodeState::sent);
}

TEST(Enrolment, F29_FiftyFailuresDoNotSpoilTheNextAttempt) {
    const auto wanted = request();
    Keeper keeper;
    for (int i = 0; i < 50; ++i) {
        Script server;
        server.says(auth_request());
        if (i % 2 == 0) server.says(key_request());
        Progress progress;
        Dialogue dialogue{server, server.now() + 120s};
        ASSERT_FALSE(play(enrol(dialogue, wanted, keeper, progress)));
    }
    Script server;
    say_all(server, install());
    Progress progress;
    Dialogue dialogue{server, server.now() + 120s};
    EXPECT_TRUE(play(enrol(dialogue, wanted, keeper, progress)));
}

/// Never answers; the client waits on a real loop.
class Hanging final : public Wire {
public:
    Hanging(net::Loop& loop, Script& script) : loop_{loop}, script_{script} {}
    Task<Result<std::size_t>> read(std::span<std::uint8_t> into, std::chrono::milliseconds limit) override {
        auto reading = script_.read(into, limit);
        auto got = co_await std::move(reading);
        if (got) co_return got;
        net::Event never{loop_};
        co_await never.wait();
        co_return got;
    }
    Task<Result<void>> write(ByteView octets, std::chrono::milliseconds limit) override {
        return script_.write(octets, limit);
    }

private:
    net::Loop& loop_;
    Script& script_;
};

TEST(Enrolment, F99_LeavesWordOfTheCodeWhenItIsCancelled) {
    const std::vector<std::pair<std::size_t, CodeState>> rows{
        {0, CodeState::untouched}, {1, CodeState::sent}, {2, CodeState::probably_used}, {3, CodeState::used}};
    for (const auto& [messages, state] : rows) {
        net::Loop loop;
        Script script;
        script.then(silent);
        for (std::size_t i = 0; i < messages; ++i) script.says(install()[i]);
        Hanging wire{loop, script};
        Keeper keeper;
        Progress progress;
        const auto wanted = request();
        Dialogue dialogue{wire, wire.now() + 120s};
        auto task = enrol(dialogue, wanted, keeper, progress);
        task.start();
        ASSERT_FALSE(task.started_and_done());
        task.cancel();
        EXPECT_EQ(progress.code, state) << messages << " messages";
    }
}

// --- what was issued ---

TEST(Enrolment, F23_AnswersStoreOnlyAfterTheKeeperHasKeptIt) {
    Play run;
    say_all(run.server, install());
    std::size_t before = 0;
    run.keeper.when_asked_to_keep = [&] { before = run.server.records().size(); };
    ASSERT_TRUE(run.with(request()));
    EXPECT_EQ(before, 2U) << "AUTH_RESPONSE and KEY_GENERATE_RESPONSE";
    EXPECT_EQ(run.server.sent(2).command, Command::store_certificate_response);
}

TEST(Enrolment, F14_PassesOnWhyTheKeeperCouldNotKeepIt) {
    Play run;
    say_all(run.server, install());
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
    say_all(run.server, install());
    auto wanted = request();
    const auto start = certificate("keys/01-client.pem").not_before();
    wanted.now = [&] { return start - std::chrono::hours{30}; };
    const auto enrolled = run.with(wanted);
    ASSERT_TRUE(enrolled) << enrolled.error().text();
    EXPECT_EQ(enrolled->starts_in, std::chrono::hours{30});
}

TEST(Enrolment, SaysNothingOfACertificateThatStartsThisSecond) {
    Play run;
    say_all(run.server, install());
    auto wanted = request();
    wanted.now = [] { return certificate("keys/01-client.pem").not_before(); };
    const auto enrolled = run.with(wanted);
    ASSERT_TRUE(enrolled) << enrolled.error().text();
    EXPECT_FALSE(enrolled->starts_in);
}

TEST(Enrolment, TellsItsStepsWithoutTheCode) {
    Play run;
    say_all(run.server, install());
    ASSERT_TRUE(run.with(request()));
    EXPECT_THAT(run.steps,
                ElementsAre("AUTH_REQUEST: version 3, session 7", "AUTH_RESPONSE: version 1, name CTI-link1",
                            "KEY_GENERATE_REQUEST: RSA-2048", "KEY_GENERATE_RESPONSE",
                            HasSubstr("CN=SEP0000AABB0001"), "STORE_CERTIFICATE_RESPONSE: reason 1",
                            "END_SESSION: reason 1 (success)"));
}

}  // namespace
}  // namespace tserver::capf
