// When a session over TLS counts as established.
#include "link/session.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "tests/support/peer.hpp"
#include "tests/support/relay_schedules.hpp"
#include "tests/support/sample_identity.hpp"

namespace tserver::link {
namespace {

using namespace std::chrono_literals;
using namespace testing_support;

/// A CTIManager of TLS 1.3 that does `then` after the handshake.
class SessionTest : public testing::Test {
protected:
    Result<Session> open(std::function<void(Peer&)> then) {
        const auto listener = net::listen(*net::Address::literal(Endpoint{*Host::parse("127.0.0.1"), 0}));
        std::jthread far_side{[&] {
            pollfd one{listener->get(), POLLIN, 0};
            poll(&one, 1, 10'000);
            Peer far{*net::accept_now(listener->get()), server.get()};
            far.handshake();
            then(far);
            while (!over) far.wait(0, 5);
        }};
        config::LinkConfig config;
        config.port = net::local_address(listener->get()).port();
        auto accept = [](const crypto::Certificate&) { return Result<void>{}; };
        const auto begin = Steady::now();
        auto session = drive(loop, open_secure(loop, config, *Host::parse("127.0.0.1"), context, accept));
        took = Steady::now() - begin;
        over = true;
        if (!session) return fail(Fault::TIMED_OUT, "hangs");
        return *std::move(session);
    }

    net::Loop loop;
    crypto::Identity identity = sample_identity("CTIManager");
    crypto::SslCtxPtr server = server_context(TLS1_3_VERSION, identity);
    crypto::TlsContext context = *crypto::TlsContext::client(TlsProfile::cluster, &identity);
    Steady::duration took{};
    std::atomic<bool> over = false;
};

TEST_F(SessionTest, F52_it_is_established_by_the_first_octet_of_the_server) {
    SSL_CTX_set_num_tickets(server.get(), 0);
    const auto session = open([](Peer& far) { far.send(as_bytes("hello")); });
    ASSERT_TRUE(session) << session.error().text();
    EXPECT_LT(took, 400ms);
    EXPECT_EQ(as_text(session->early), "hello");
}

TEST_F(SessionTest, F52_or_by_a_ticket_which_comes_when_our_certificate_was_taken) {
    const auto session = open([](Peer&) {});
    ASSERT_TRUE(session) << session.error().text();
    EXPECT_LT(took, 400ms);
}

TEST_F(SessionTest, F52_or_by_half_a_second_of_quiet) {
    SSL_CTX_set_num_tickets(server.get(), 0);
    const auto session = open([](Peer&) {});
    ASSERT_TRUE(session) << session.error().text();
    EXPECT_GE(took, 500ms);
    EXPECT_LT(took, 1500ms);
}

int refuse_after_a_while(X509_STORE_CTX* check, void*) {
    std::this_thread::sleep_for(250ms);  // our side of the handshake is over by then
    X509_STORE_CTX_set_error(check, X509_V_ERR_CERT_HAS_EXPIRED);
    return 0;
}

TEST_F(SessionTest, F52_and_not_at_all_when_an_alert_comes_meanwhile) {
    SSL_CTX_set_verify(server.get(), SSL_VERIFY_PEER, nullptr);
    SSL_CTX_set_cert_verify_callback(server.get(), refuse_after_a_while, nullptr);
    const auto session = open([](Peer&) {});
    ASSERT_FALSE(session);
    EXPECT_GE(took, 250ms);
    EXPECT_EQ(session.error().fault, Fault::CTI_CLIENT_EXPIRED) << session.error().text();
    EXPECT_THAT(session.error().detail, testing::HasSubstr("alert certificate_expired (45); TLSv1.3"));
}

}  // namespace
}  // namespace tserver::link
