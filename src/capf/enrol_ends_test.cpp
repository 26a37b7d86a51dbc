// The enrolment against scripted servers: every way that brings no certificate, with the class it is called
// by and what has become of the code.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "capf/enrol.hpp"
#include "net/wait.hpp"
#include "tests/support/capf_script.hpp"

namespace tserver::capf {
namespace {

using namespace test;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

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
    run.server.says_all(row.messages);
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
    server.says_all(install());
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

}  // namespace
}  // namespace tserver::capf
