#include "net/tls_stream.hpp"

#include <gtest/gtest.h>
#include <poll.h>

#include <thread>

#include "tests/support/peer.hpp"
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

INSTANTIATE_TEST_SUITE_P(Versions, TlsStreamTest, testing::Values(TLS1_2_VERSION, TLS1_3_VERSION),
                         [](const auto& each) { return each.param == TLS1_2_VERSION ? "tls12" : "tls13"; });

}  // namespace
}  // namespace tserver::net
