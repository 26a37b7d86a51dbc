#include "net/tls_stream.hpp"

#include <gtest/gtest.h>
#include <poll.h>

#include <thread>

#include "tests/support/peer.hpp"
#include "tests/support/relay_schedules.hpp"
#include "tests/support/sample_identity.hpp"

namespace tserver::net {
namespace {

using namespace std::chrono_literals;
using namespace testing_support;

/// A stream and the server at its other end, after the handshake.
class TlsStreamTest : public testing::TestWithParam<int> {
protected:
    void SetUp() override {
        std::jthread far_side{[&] { far.handshake(); }};
        Loop loop;
        auto accept = [](const crypto::Certificate&) { return Result<void>{}; };
        auto up = drive(loop, TlsStream::connect(loop, std::move(pair_.ours), context_, accept, 10s));
        far_side.join();
        ASSERT_TRUE(up && *up);
        stream = std::move(**up);
    }
    /// Waits until so many octets, still encrypted, can be received.
    [[nodiscard]] bool holds(int count) const {
        setsockopt(stream->descriptor(), SOL_SOCKET, SO_RCVLOWAT, &count, sizeof count);
        pollfd one{stream->descriptor(), POLLIN, 0};
        return poll(&one, 1, 10'000) > 0;
    }

private:
    crypto::Identity identity_ = sample_identity("CTIManager");
    crypto::SslCtxPtr server_ = server_context(GetParam(), identity_);
    crypto::TlsContext context_ = *crypto::TlsContext::client(TlsProfile::cluster, nullptr);
    SocketPair pair_ = tcp_pair();

protected:
    Peer far{std::move(pair_.theirs), server_.get()};
    std::unique_ptr<TlsStream> stream;
};

TEST_P(TlsStreamTest, part_of_a_record_behind_a_full_buffer_does_not_pass_for_nothing) {
    constexpr std::size_t record = 16384;
    const auto text = octets_of(1, 5 * record);
    ASSERT_TRUE(far.send(text));
    ASSERT_TRUE(holds(5 * record));

    Bytes room(3 * record);  // one receive holds three records and a part of the fourth
    Bytes got;
    for (int turn = 0; turn < 8 && got.size() < text.size(); ++turn) {
        const auto pulled = stream->pull(room);
        if (pulled.got == Got::nothing && turn == 0) continue;  // session tickets came first
        ASSERT_EQ(pulled.got, Got::octets) << "after " << got.size() << " octets";
        got.insert(got.end(), room.data(), room.data() + pulled.count);
    }
    EXPECT_EQ(got, text);
}

TEST_P(TlsStreamTest, key_updates_that_ask_for_ours_are_read_while_our_own_way_is_blocked) {
    if (GetParam() != TLS1_3_VERSION) GTEST_SKIP() << "a KeyUpdate is of TLS 1.3";
    const auto up = octets_of(2, TlsStream::push_room);
    std::size_t pushed = 0;
    while (!stream->unsent()) {  // the far side does not read
        ASSERT_TRUE(stream->push(up));
        ++pushed;
    }
    Bytes room(TlsStream::pull_room);
    Bytes down;
    constexpr std::size_t updates = 50;
    for (std::size_t i = 0; i < updates; ++i) {
        ASSERT_EQ(SSL_key_update(far.ssl(), SSL_KEY_UPDATE_REQUESTED), 1);
        ASSERT_TRUE(far.send(as_bytes("x")));
        const auto until = Steady::now() + 10s;
        while (down.size() <= i && Steady::now() < until) {
            const auto pulled = stream->pull(room);
            ASSERT_TRUE(pulled.got == Got::octets || pulled.got == Got::nothing) << stream->failure().detail;
            down.insert(down.end(), room.data(), room.data() + pulled.count);
        }
        ASSERT_EQ(down.size(), i + 1);
    }
    Bytes got;
    std::jthread reading{[&] { far.receive(got, pushed * up.size()); }};
    const auto until = Steady::now() + 10s;
    while (stream->unsent() && Steady::now() < until) {
        ASSERT_TRUE(stream->flush());
        pollfd one{stream->descriptor(), POLLOUT, 0};
        poll(&one, 1, 100);
    }
    reading.join();
    ASSERT_EQ(got.size(), pushed * up.size());
    for (std::size_t i = 0; i < pushed; ++i)
        EXPECT_TRUE(
            std::equal(up.begin(), up.end(), got.begin() + static_cast<std::ptrdiff_t>(i * up.size())));
}

INSTANTIATE_TEST_SUITE_P(Versions, TlsStreamTest, testing::Values(TLS1_2_VERSION, TLS1_3_VERSION),
                         [](const auto& each) { return each.param == TLS1_2_VERSION ? "tls12" : "tls13"; });

}  // namespace
}  // namespace tserver::net
