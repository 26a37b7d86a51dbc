// What a server does in a handshake, or right after it, and what we make of that.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "net/tls_stream.hpp"
#include "tests/support/peer.hpp"
#include "tests/support/relay_schedules.hpp"
#include "tests/support/sample_identity.hpp"

namespace tserver::net {
namespace {

using namespace std::chrono_literals;
using namespace testing_support;
using testing::HasSubstr;
using Stream = std::unique_ptr<TlsStream>;
using Connected = TlsStream::TlsResult<Stream>;

/// A server with an RSA certificate: nobody else has static RSA suites.
class HandshakeTest : public testing::Test {
protected:
    HandshakeTest() {
        auto key = *crypto::PrivateKey::make_rsa(2048);
        crypto::CertPtr certificate{X509_dup(sample_identity("CTIManager").certificate.raw())};
        X509_set_pubkey(certificate.get(), key.raw());
        X509_sign(certificate.get(), key.raw(), EVP_sha256());
        identity_.emplace(crypto::Identity{std::move(key), crypto::Certificate{certificate.release()}});
        server = server_context(TLS1_2_VERSION, *identity_);
        SSL_CTX_set_min_proto_version(server.get(), TLS1_VERSION);
        SSL_CTX_set_max_proto_version(server.get(), TLS1_3_VERSION);
        SSL_CTX_set_security_level(server.get(), 0);
        client = context_of(TlsProfile::cluster);
    }
    static crypto::TlsContext context_of(TlsProfile profile, const crypto::Identity* identity = nullptr) {
        return *crypto::TlsContext::client(profile, identity);
    }
    void only(int version) {
        SSL_CTX_set_min_proto_version(server.get(), version);
        SSL_CTX_set_max_proto_version(server.get(), version);
    }
    /// A handshake with a server that does `then` afterwards, whether or not its side of it was finished.
    Connected connect(std::function<void(Peer&)> then = {}) {
        auto pair = tcp_pair();
        far_thread_ = std::jthread{[this, theirs = std::move(pair.theirs), then = std::move(then)]() mutable {
            Peer far{std::move(theirs), server.get()};
            far.handshake();
            if (then) then(far);
            Bytes rest;
            far.tear();
            far.receive_all(rest);
        }};
        return shake(std::move(pair.ours));
    }
    /// A handshake with somebody who answers our hello with these octets.
    Connected connect_to_answer(ByteView answer) {
        auto pair = tcp_pair();
        Peer far{std::move(pair.theirs)};
        far.send(answer);
        return shake(std::move(pair.ours), 300ms);
    }
    /// How a session ends that reads on.
    Got read_to_end(TlsStream& stream) {
        Bytes room(FarSide::pull_room);
        const auto until = Steady::now() + 10s;
        while (Steady::now() < until) {
            const auto pulled = stream.pull(room);
            if (pulled.got != Got::nothing && pulled.got != Got::octets) return pulled.got;
            pollfd one{stream.descriptor(), POLLIN, 0};
            poll(&one, 1, 1000);
        }
        return Got::nothing;
    }
    const crypto::Identity& identity() const { return *identity_; }

    Loop loop;
    crypto::SslCtxPtr server;
    std::optional<crypto::TlsContext> client;

private:
    Connected shake(os::Fd socket, std::chrono::milliseconds limit = 10s) {
        auto accept = [](const crypto::Certificate&) { return Result<void>{}; };
        auto up = drive(loop, TlsStream::connect(loop, std::move(socket), *client, accept, limit));
        return up ? *std::move(up) : tl::unexpected<TlsFailure>(TlsFailure{Kind::silent, {}, "hangs", {}});
    }
    std::optional<crypto::Identity> identity_;
    std::jthread far_thread_;
};

// --- F52: a certificate of ours that the server refuses
// -----------------------------------------------------

struct Refusal {
    int verification;  ///< its result, which OpenSSL turns into the alert
    Fault fault;
    const char* alert;
};
const Refusal refusals[]{
    {X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY, Fault::CTI_CLIENT_UNKNOWN_CA, "unknown_ca (48)"},
    {X509_V_ERR_CERT_HAS_EXPIRED, Fault::CTI_CLIENT_EXPIRED, "certificate_expired (45)"},
    {X509_V_ERR_CERT_REJECTED, Fault::CTI_CLIENT_REJECTED, "bad_certificate (42)"},
    {X509_V_ERR_CERT_REVOKED, Fault::CTI_CLIENT_REJECTED, "certificate_revoked (44)"},
    {X509_V_ERR_SUBTREE_MINMAX, Fault::CTI_CLIENT_REJECTED, "certificate_unknown (46)"},
    {X509_V_ERR_INVALID_PURPOSE, Fault::CTI_CLIENT_REJECTED, "unsupported_certificate (43)"},
    {X509_V_ERR_APPLICATION_VERIFICATION, Fault::CTI_CLIENT_REJECTED, "handshake_failure (40)"}};

int refuse_with(X509_STORE_CTX* check, void* refusal) {
    X509_STORE_CTX_set_error(check, static_cast<const Refusal*>(refusal)->verification);
    return 0;
}

TEST_F(HandshakeTest, F52_a_refusal_is_named_whether_it_comes_in_the_handshake_or_after_it) {
    client = context_of(TlsProfile::cluster, &identity());
    SSL_CTX_set_verify(server.get(), SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
    for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
        only(version);
        for (auto refusal : refusals) {
            SSL_CTX_set_cert_verify_callback(server.get(), refuse_with, &refusal);
            auto up = connect();
            // Only TLS 1.3 lets a client finish first (RFC 8446, section 4.4.2).
            ASSERT_EQ(up.has_value(), version == TLS1_3_VERSION) << refusal.alert;
            if (up) {
                EXPECT_FALSE((*up)->heard());
                EXPECT_EQ(read_to_end(**up), Got::failed) << refusal.alert;
                EXPECT_FALSE((*up)->heard());
            }
            const auto error = as_cti_error(up ? (*up)->failure() : up.error());
            EXPECT_EQ(error.fault, refusal.fault) << error.text();
            EXPECT_THAT(error.detail, HasSubstr(fmt::format("alert {}; TLSv1.{} ", refusal.alert,
                                                            version == TLS1_3_VERSION ? 3 : 2)));
        }
    }
}

TEST_F(HandshakeTest, F52_a_server_that_misses_our_certificate_has_rejected_us) {
    SSL_CTX_set_verify(server.get(), SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
    only(TLS1_3_VERSION);
    auto up = connect();
    ASSERT_TRUE(up);
    EXPECT_EQ(read_to_end(**up), Got::failed);
    EXPECT_EQ(as_cti_error((*up)->failure()).fault, Fault::CTI_CLIENT_REJECTED);
    EXPECT_THAT((*up)->failure().detail, HasSubstr("certificate_required (116)"));
}

TEST(CtiFault, F52_of_the_alerts_that_OpenSSL_does_not_send) {
    const TlsAgreed agreed{"TLSv1.3", "TLS_AES_256_GCM_SHA384"};
    for (const int alert : {41, 49})  // no_certificate, access_denied
        EXPECT_EQ(as_cti_error({Kind::alert, alert, alert_text(alert), {}, agreed}).fault,
                  Fault::CTI_CLIENT_REJECTED);
}

// --- F53: nothing of an earlier session is ever offered
// ------------------------------------------------------

/// What the hellos of our side held.
struct Hellos {
    int count = 0;
    int offers = 0;  ///< of a session that was before
};

int look_at_hello(SSL* ssl, int*, void* seen) {
    auto& hellos = *static_cast<Hellos*>(seen);
    ++hellos.count;
    const unsigned char* at = nullptr;
    std::size_t length = 0;
    const bool ticket = SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_session_ticket, &at, &length) == 1;
    const bool psk = SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_psk, &at, &length) == 1;
    // With TLS 1.3 the session id is random (RFC 8446, appendix D.4), and it is no offer.
    const bool tls13 = SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_supported_versions, &at, &length) == 1;
    const bool id = !tls13 && SSL_client_hello_get0_session_id(ssl, &at) > 0;
    if (ticket || psk || id) ++hellos.offers;
    return SSL_CLIENT_HELLO_SUCCESS;
}

TEST_F(HandshakeTest, F53_no_session_is_offered_again_though_the_server_hands_out_tickets) {
    constexpr auto context_name = "resumes";
    SSL_CTX_set_session_cache_mode(server.get(), SSL_SESS_CACHE_SERVER);
    SSL_CTX_set_session_id_context(server.get(), reinterpret_cast<const unsigned char*>(context_name), 7);
    Hellos hellos;
    SSL_CTX_set_client_hello_cb(server.get(), look_at_hello, &hellos);
    for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
        only(version);
        for (const auto profile : {TlsProfile::modern, TlsProfile::cluster, TlsProfile::legacy}) {
            client = context_of(profile);
            for (int again = 0; again < 3; ++again) {
                bool resumed = true;
                auto up = connect([&resumed](Peer& far) {
                    resumed = SSL_session_reused(far.ssl()) == 1;
                    far.send(as_bytes("so that the tickets are read"));
                    far.end();
                });
                ASSERT_TRUE(up) << up.error().detail;
                EXPECT_EQ(read_to_end(**up), Got::ended);
                EXPECT_FALSE(resumed);
            }
        }
    }
    EXPECT_EQ(hellos.count, 18);
    EXPECT_EQ(hellos.offers, 0);
}

// --- F54, F57: a server that is older than the profile
// ------------------------------------------------------

TEST_F(HandshakeTest, F54_a_server_with_static_RSA_alone_is_for_the_legacy_profile) {
    SSL_CTX_set_max_proto_version(server.get(), TLS1_2_VERSION);
    SSL_CTX_set_cipher_list(server.get(), "AES256-GCM-SHA384:AES128-SHA");
    for (const auto profile : {TlsProfile::modern, TlsProfile::cluster}) {
        client = context_of(profile);
        const auto up = connect();
        ASSERT_FALSE(up);
        EXPECT_EQ(as_cti_error(up.error()).fault, Fault::CTI_TLS_CIPHER);
    }
    client = context_of(TlsProfile::legacy);
    const auto up = connect();
    ASSERT_TRUE(up) << up.error().detail;
    EXPECT_EQ((*up)->suite(), "AES256-GCM-SHA384");
}

/// A record with a ServerHello of this version, with a suite of ours and no extension (RFC 5246,
/// section 7.4.1.3).
Bytes server_hello(std::uint8_t minor) {
    Bytes out{0x16, 3, minor, 0, 42, 2, 0, 0, 38, 3, minor};
    out.insert(out.end(), 32, 0x5a);           // random
    const Bytes rest{0x00, 0xc0, 0x2f, 0x00};  // no session id, suite, no compression
    out.insert(out.end(), rest.begin(), rest.end());
    return out;
}

TEST_F(HandshakeTest, F57_an_older_version_is_named_beside_what_was_offered) {
    for (const auto& [minor, version] : {std::pair{0, "SSLv3"}, {1, "TLSv1"}, {2, "TLSv1.1"}}) {
        const auto up = connect_to_answer(server_hello(static_cast<std::uint8_t>(minor)));
        ASSERT_FALSE(up);
        const auto error = as_cti_error(up.error());
        EXPECT_EQ(error.fault, Fault::CTI_TLS_VERSION) << error.text();
        EXPECT_THAT(error.detail,
                    HasSubstr(fmt::format("it chose {}, offered were TLSv1.2 to TLSv1.3", version)));
    }
}

TEST_F(HandshakeTest, F57_a_server_that_only_says_no_is_shown_what_was_offered) {
    only(TLS1_1_VERSION);
    const auto up = connect();
    ASSERT_FALSE(up);
    const auto error = as_cti_error(up.error());
    EXPECT_EQ(error.fault, Fault::CTI_TLS_VERSION) << error.text();
    EXPECT_THAT(error.detail, HasSubstr("alert protocol_version (70); offered were TLSv1.2 to TLSv1.3"));
}

// --- F58: renegotiation
// ---------------------------------------------------------------------------------------

TEST_F(HandshakeTest, F58_a_server_without_secure_renegotiation_is_refused_but_by_the_legacy_profile) {
    for (const auto profile : {TlsProfile::modern, TlsProfile::cluster}) {
        client = context_of(profile);
        const auto up = connect_to_answer(server_hello(3));
        ASSERT_FALSE(up);
        EXPECT_EQ(as_cti_error(up.error()).fault, Fault::CTI_RENEGOTIATION) << up.error().detail;
    }
    client = context_of(TlsProfile::legacy);
    const auto up = connect_to_answer(server_hello(3));
    ASSERT_FALSE(up);
    EXPECT_EQ(up.error().kind, Kind::silent) << "it goes on with the handshake: " << up.error().detail;
}

TEST_F(HandshakeTest, F58_a_server_that_asks_for_a_renegotiation_is_refused_and_named) {
    only(TLS1_2_VERSION);
    for (const auto profile : {TlsProfile::cluster, TlsProfile::legacy}) {
        client = context_of(profile);
        auto up = connect([](Peer& far) {
            far.send(as_bytes("before"));
            SSL_renegotiate(far.ssl());
            SSL_do_handshake(far.ssl());
            Bytes rest;
            far.receive(rest, 1);
        });
        ASSERT_TRUE(up) << up.error().detail;
        const auto begin = Steady::now();
        EXPECT_EQ(read_to_end(**up), Got::failed);
        EXPECT_LT(Steady::now() - begin, 5s);
        const auto error = as_cti_error((*up)->failure());
        EXPECT_EQ(error.fault, Fault::CTI_RENEGOTIATION) << error.text();
        EXPECT_THAT(error.detail, HasSubstr("it asked for a renegotiation, was refused, and sent alert "));
    }
}

}  // namespace
}  // namespace tserver::net
