// What needs real sockets: refusals by ICMP, strangers, addresses. The rules themselves: transfer_test.cpp.
#include "tftp/client.hpp"

#include <gmock/gmock.h>

#include "tftp/test_peer.hpp"

namespace tserver::tftp {
namespace {

using namespace test;
using testing::HasSubstr;

Limits quick() {
    Limits limits;
    limits.deadline = 4s;
    limits.first_wait = 60ms;
    limits.longest_wait = 240ms;
    return limits;
}

Result<Download> get(Server server, const Limits& limits = quick()) {
    net::Loop loop;
    auto got = run_to_end(loop, fetch(loop, std::move(server), "CTLFile.tlv", limits));
    if (got) got->farewell.cancel();
    return got;
}

/// Sends the file in plain blocks from `from` after the request came; one ACK for each.
void serve_plain(const Socket& from, const net::Address& client, ByteView file) {
    for (std::size_t number = 1; number <= file.size() / 512 + 1; ++number) {
        from.send(client, data(static_cast<std::uint16_t>(number), block_of(file, number, 512)));
        const auto answer = from.receive();
        ASSERT_TRUE(answer);
        EXPECT_EQ(answer->packet, ack(static_cast<std::uint16_t>(number)));
    }
}

TEST(Client, F40_GoesOnWithThePortOfTheFirstAnswer) {
    const Socket port69{"127.0.0.1"};
    const Socket transfer{"127.0.0.1"};
    const auto file = content(1300);
    Script server{[&] { serve_plain(transfer, port69.receive()->from, file); }};
    const auto got = get({host("127.0.0.1"), port69.port()});
    ASSERT_TRUE(got) << got.error().text();
    EXPECT_EQ(got->file, file);
    EXPECT_EQ(got->from, transfer.where());
}

}  // namespace
}  // namespace tserver::tftp
