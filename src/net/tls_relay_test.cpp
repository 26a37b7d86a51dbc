#include <gtest/gtest.h>

#include <atomic>

#include "tests/support/relay_schedules.hpp"

namespace tserver::net {
namespace {

using namespace testing_support;
using How = RelayEnd::How;
using Seen = Peer::Seen;

/// A relay between an application and a far peer that the test plays, for plain and both TLS versions.
class RelayTest : public testing::TestWithParam<int> {
protected:
    RelayTest() {
        if (GetParam() != 0) server_ = server_context(GetParam(), identity_);
        far.emplace(std::move(far_pair_.theirs), server_.get());
    }
    /// Runs the relay while `application_script` and `far_script` run on threads of their own.
    RelayEnd run(std::function<void()> application_script, std::function<void()> far_script,
                 ByteView early = {}, Relay::Limits limits = {}) {
        std::jthread far_thread{[&] {
            if (far->handshake()) far_script();
        }};
        std::unique_ptr<FarSide> stream;
        if (GetParam() == 0) {
            stream = std::make_unique<PlainStream>(std::move(far_pair_.ours));
        } else {
            auto accept = [](const crypto::Certificate&) { return Result<void>{}; };
            auto up =
                drive(loop_, TlsStream::connect(loop_, std::move(far_pair_.ours), context_, accept, 10s));
            if (!up || !*up) return {How::stopped, "no handshake", {}};
            stream = std::move(**up);
        }
        std::jthread application_thread{application_script};
        std::optional<RelayEnd> end;
        {
            Relay relay{loop_, std::move(near_pair_.ours), *stream, early, count, limits};
            end = drive(loop_, relay.run());
        }
        stream.reset();
        return end.value_or(RelayEnd{How::stopped, "the relay did not end", {}});
    }
    [[nodiscard]] bool tls() const { return GetParam() != 0; }

private:
    crypto::Identity identity_ = sample_identity("CTIManager");
    crypto::SslCtxPtr server_;
    crypto::TlsContext context_ = *crypto::TlsContext::client(TlsProfile::cluster, nullptr);
    Loop loop_;
    SocketPair near_pair_ = tcp_pair();
    SocketPair far_pair_ = tcp_pair(4096);  // the way up is blocked soon

protected:
    Peer application{std::move(near_pair_.theirs)};
    std::optional<Peer> far;
    RelayCount count;
};

TEST_P(RelayTest, F50_what_the_server_sends_after_the_application_has_ended_all_arrives) {
    Bytes down, up;
    auto app_ended = Seen::nothing;
    const auto answer = octets_of(50, 1'000'000);
    run(
        [&] {
            application.send(as_bytes("ask"));
            application.end();
            app_ended = application.receive_all(down);
        },
        [&] {
            EXPECT_EQ(far->receive_all(up), Seen::end);
            far->send(answer);
            far->end();
        });
    EXPECT_EQ(as_text(up), "ask");
    EXPECT_EQ(down, answer);
    EXPECT_EQ(app_ended, Seen::end);
}

TEST_P(RelayTest, F50_what_the_application_sends_after_the_server_has_ended_all_arrives) {
    Bytes up;
    auto far_ended = Seen::nothing;
    const auto text = octets_of(51, 300'000);
    const auto end = run(
        [&] {
            Bytes down;
            EXPECT_EQ(application.receive_all(down), Seen::end);
            application.send(text);
            application.end();
        },
        [&] {
            far->end();
            std::this_thread::sleep_for(50ms);  // so that the relay meets full buffers
            far_ended = far->receive_all(up);
        });
    EXPECT_EQ(up.size(), text.size());
    EXPECT_EQ(up, text);
    EXPECT_EQ(far_ended, Seen::end);
    EXPECT_EQ(end.how, How::ctimanager_left);
}

TEST_P(RelayTest, F48_an_end_without_close_notify_is_counted_and_loses_nothing) {
    if (!tls()) GTEST_SKIP() << "a plain connection has no close_notify";
    Bytes down;
    auto app_ended = Seen::nothing;
    const auto text = octets_of(48, 200'000);
    const auto end = run([&] { app_ended = application.receive_all(down), application.end(); },
                         [&] {
                             far->send(text);
                             far->tear();
                             Bytes rest;
                             far->receive_all(rest);
                         });
    EXPECT_EQ(down, text);
    EXPECT_EQ(app_ended, Seen::end);
    EXPECT_EQ(end.how, How::ctimanager_torn);
    EXPECT_EQ(count.unclean_closes, 1U);
}

TEST_P(RelayTest, F49_an_application_that_dies_ends_the_far_side_properly) {
    Bytes up;
    auto far_ended = Seen::nothing;
    const auto end = run(
        [&] {
            application.send(as_bytes("last words"));
            application.drain();
            Bytes greeting;
            application.receive(greeting, 5);  // all of ours has been passed on by now
            application.reset();
        },
        [&] {
            far->receive(up, 10);
            far->send(as_bytes("heard"));
            far_ended = far->receive_all(up);
        });
    EXPECT_EQ(as_text(up), "last words");
    EXPECT_EQ(far_ended, Seen::end);
    EXPECT_EQ(end.how, How::application_left);
    EXPECT_EQ(count.unclean_closes, 0U);
}

TEST_P(RelayTest, F51_everything_before_a_reset_reaches_a_slow_application_that_goes_on_sending) {
    Bytes down;
    auto app_ended = Seen::nothing;
    const auto text = octets_of(51, 400'000);
    bool write_failed = false;
    std::atomic<bool> reset_sent = false;
    const auto end = run(
        [&] {
            while (!reset_sent) std::this_thread::yield();
            application.send(as_bytes("into the reset"));
            while ((app_ended = application.read(down, 5000)) == Seen::octets || app_ended == Seen::nothing) {
                application.wait(POLLIN, 1000);
                // The system tells of a reset once: to the write or to the read.
                if (application.write(as_bytes("and again")) < 0) write_failed = true;
            }
        },
        [&] {
            far->send(text);
            far->drain();
            far->reset();
            reset_sent = true;
        });
    EXPECT_EQ(down.size(), text.size());
    EXPECT_EQ(down, text);
    EXPECT_TRUE(app_ended == Seen::reset || write_failed);
    EXPECT_EQ(end.how, How::ctimanager_failed);
}

TEST_P(RelayTest, an_application_that_resets_while_the_rest_is_delivered_ends_the_session_at_once) {
    const int little = 4096;
    setsockopt(application.descriptor(), SOL_SOCKET, SO_RCVBUF, &little, sizeof little);
    const auto text = octets_of(52, 400'000);
    const auto begin = Steady::now();
    const auto end = run(
        [&] {
            std::this_thread::sleep_for(
                300ms);  // the relay has seen the far end and waits for us to take the rest
            application.reset();
        },
        [&] {
            far->send(text);
            far->drain();
            far->reset();
        },
        {}, {});
    EXPECT_EQ(end.how, How::ctimanager_failed);
    EXPECT_LT(Steady::now() - begin, 10s);
}

TEST_P(RelayTest, F50_an_application_that_has_ended_is_reset_when_its_answer_is_cut_off) {
    Bytes down, up;
    Seen app_ended = Seen::nothing;
    const auto end = run(
        [&] {
            application.end();
            app_ended = application.receive_all(down);
        },
        [&] {
            far->receive_all(up);
            far->send(as_bytes("half an ans"));
            far->drain();
            far->reset();
        });
    EXPECT_EQ(as_text(down), "half an ans");
    EXPECT_EQ(app_ended, Seen::reset);
    EXPECT_EQ(end.how, How::application_left);
    EXPECT_TRUE(end.failure);
}

TEST_P(RelayTest, a_tls_hello_of_the_application_is_named_and_not_passed_on) {
    Bytes up;
    const auto end = run(
        [&] {
            const Bytes hello{0x16, 3, 1, 0, 100, 1, 0, 0, 96, 3, 3, 0, 0};
            application.send(hello);
        },
        [&] { far->receive_all(up); });
    EXPECT_EQ(end.how, How::speaks_tls);
    EXPECT_TRUE(up.empty());
    EXPECT_EQ(count.to_ctimanager, 0U);
}

TEST_P(RelayTest, octets_that_came_early_are_delivered_first) {
    Bytes down;
    run([&] { application.receive_all(down), application.end(); },
        [&] {
            far->send(as_bytes("later"));
            far->end();
        },
        as_bytes("early "));
    EXPECT_EQ(as_text(down), "early later");
}

TEST_P(RelayTest, F71_a_half_open_session_without_traffic_ends_at_its_limit) {
    const auto end = run([&] { application.end(); }, [&] { far->wait(POLLIN, 5000); }, {}, {.half_open = 1s});
    EXPECT_EQ(end.how, How::half_open);
}

TEST_P(RelayTest, F60_records_of_one_octet_arrive_exactly) {
    Bytes down;
    const auto text = octets_of(60, 20'000);
    run([&] { application.receive_all(down), application.end(); },
        [&] {
            for (const auto& octet : text) far->send({&octet, 1});
            far->end();
        });
    EXPECT_EQ(down, text);
}

INSTANTIATE_TEST_SUITE_P(, RelayTest, testing::Values(0, TLS1_2_VERSION, TLS1_3_VERSION),
                         [](const auto& version) {
                             return version.param == 0                ? "plain"
                                    : version.param == TLS1_2_VERSION ? "tls12"
                                                                      : "tls13";
                         });

}  // namespace
}  // namespace tserver::net
