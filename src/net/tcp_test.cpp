#include "net/tcp.hpp"

#include <gtest/gtest.h>

#include "net/plain_stream.hpp"
#include "tests/support/peer.hpp"
#include "tests/support/relay_schedules.hpp"

namespace tserver::net {
namespace {

using namespace std::chrono_literals;
using namespace testing_support;

std::chrono::seconds option(int socket, int name) {
    int value = 0;
    socklen_t length = sizeof value;
    EXPECT_EQ(getsockopt(socket, IPPROTO_TCP, name, &value, &length), 0);
    return std::chrono::seconds{value};
}

TEST(DeadPeerTest, F66_the_defaults_find_it_within_45_seconds) {
    const auto pair = tcp_pair();
    const int socket = pair.ours.get();
    watch_for_death(socket, {});
    int alive = 0;
    socklen_t length = sizeof alive;
    getsockopt(socket, SOL_SOCKET, SO_KEEPALIVE, &alive, &length);
    EXPECT_EQ(alive, 1);
    const auto idle =
        option(socket, TCP_KEEPIDLE) + option(socket, TCP_KEEPINTVL) * option(socket, TCP_KEEPCNT).count();
    EXPECT_EQ(idle, 40s);
    EXPECT_EQ(option(socket, TCP_USER_TIMEOUT), 40'000s) << "in milliseconds";
}

/// How a read ends that starts when the peer's host is gone; nothing when it does not end in time.
std::optional<int> end_of_read(int socket, std::chrono::milliseconds limit) {
    pollfd one{socket, POLLIN, 0};
    if (poll(&one, 1, static_cast<int>(limit.count())) != 1) return std::nullopt;
    std::uint8_t octet = 0;
    return recv(socket, &octet, 1, 0) < 0 ? errno : 0;
}

TEST(DeadPeerTest, F66_is_found_while_nothing_is_sent) {
    const auto pair = tcp_pair();
    watch_for_death(pair.ours.get(), {1s, 1s, 2, 3s});
    drop_every_packet(pair.theirs.get());
    EXPECT_EQ(end_of_read(pair.ours.get(), 10s), ETIMEDOUT);
}

TEST(DeadPeerTest, F66_is_found_while_data_is_on_its_way) {
    const auto pair = tcp_pair();
    watch_for_death(pair.ours.get(), {1h, 1h, 50, 2s});
    drop_every_packet(pair.theirs.get());
    ASSERT_EQ(send(pair.ours.get(), "x", 1, MSG_NOSIGNAL), 1);
    EXPECT_EQ(end_of_read(pair.ours.get(), 10s), ETIMEDOUT);
}

TEST(DeadPeerTest, F66_is_told_as_a_dead_peer) {
    for (const int error : {ETIMEDOUT, EHOSTUNREACH, ENETUNREACH})
        EXPECT_EQ(socket_failure(error).kind, Kind::dead);
    EXPECT_EQ(as_cti_error(socket_failure(ETIMEDOUT)).fault, Fault::CTI_DEAD_PEER);
    EXPECT_EQ(as_cti_error(socket_failure(ECONNRESET)).fault, Fault::CTI_CLOSED);
}

TEST(DeadPeerTest, a_peer_that_does_not_read_is_not_dead_when_sent_data_may_wait) {
    const auto pair = tcp_pair(4096);
    watch_for_death(pair.ours.get(), {1s, 1s, 1, 0s});
    const Bytes much(1'000'000);
    while (send(pair.ours.get(), much.data(), much.size(), MSG_NOSIGNAL) > 0) {}
    EXPECT_EQ(end_of_read(pair.ours.get(), 4s), std::nullopt);
}

}  // namespace
}  // namespace tserver::net
