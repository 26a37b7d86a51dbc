// What needs real sockets: refusals by ICMP, strangers, addresses. The rules themselves: transfer_test.cpp.
#include "tftp/client.hpp"

#include <gmock/gmock.h>
#include <ifaddrs.h>

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

/// Sends a list of packets, each after the ACK of the one before, and returns what came in answer.
std::vector<Bytes> play(const Socket& from, const net::Address& client, const std::vector<Bytes>& packets) {
    std::vector<Bytes> answers;
    for (const auto& packet : packets) {
        from.send(client, packet);
        const auto answer = from.receive();
        answers.push_back(answer ? answer->packet : Bytes{});
    }
    return answers;
}

TEST(Client, F40_TellsAStrangerThatItIsUnknownAndGoesOn) {
    const Socket service{"127.0.0.1"};
    const Socket stranger{"127.0.0.1"};
    const auto file = content(600);
    std::optional<Socket::Got> told;
    Script server{[&] {
        const auto client = service.receive()->from;
        play(service, client, {data(1, block_of(file, 1, 512))});
        stranger.send(client, data(2, content(9)));
        told = stranger.receive();
        play(service, client, {data(2, block_of(file, 2, 512))});
    }};
    const auto got = get({host("127.0.0.1"), service.port()});
    server.join();
    ASSERT_TRUE(got) << got.error().text();
    EXPECT_EQ(got->file, file);
    EXPECT_EQ(got->facts.strangers, 1U);
    ASSERT_TRUE(told);
    EXPECT_EQ(told->packet, error(ErrorCode::unknown_transfer_id, "unknown transfer id"));
}

TEST(Client, F41_TakesATransferFromTheServicePortItself) {
    const Socket service{"127.0.0.1"};
    Script server{[&] { serve_plain(service, service.receive()->from, content(100)); }};
    const auto got = get({host("127.0.0.1"), service.port()});
    ASSERT_TRUE(got) << got.error().text();
    EXPECT_EQ(got->from, service.where());
}

TEST(Client, F41_RefusesAnAnswerOfAnotherAddressAndNamesBoth) {
    const Socket service{"127.0.0.1"};
    const Socket other{"127.0.0.2"};
    Script server{[&] { play(other, service.receive()->from, {data(1, content(100))}); }};
    const auto got = get({host("127.0.0.1"), service.port()});
    ASSERT_FALSE(got);
    EXPECT_EQ(got.error().fault, Fault::TFTP_PROTOCOL);
    EXPECT_EQ(got.error().detail,
              fmt::format("{}: {} answered in its place; only the address that was asked is believed",
                          service.where().str(), other.where().str()));
}

TEST(Client, F43_FallsBackToPlainBlocksWhenTheLargeOnesNeverCome) {
    const Socket service{"127.0.0.1"};
    const auto file = content(2000);
    Script server{[&] {
        auto asked = service.receive();
        service.send(asked->from, option_ack({{"blksize", "1428"}, {"tsize", "2000"}}));
        do asked = service.receive();
        while (asked && asked->packet != read_request("CTLFile.tlv", {}));
        serve_plain(service, asked->from, file);
    }};
    const auto got = get({host("127.0.0.1"), service.port()});
    ASSERT_TRUE(got) << got.error().text();
    EXPECT_EQ(got->file, file);
    EXPECT_EQ(got->facts.block_size, 512U);
}

TEST(Client, AsksPlainFromAnotherPortWhenOptionsAreRefused) {
    const Socket service{"127.0.0.1"};
    std::optional<Socket::Got> first;
    std::optional<Socket::Got> second;
    Script server{[&] {
        first = service.receive();
        service.send(first->from, error(ErrorCode::option_refused, "no options"));
        second = service.receive();
        serve_plain(service, second->from, content(100));
    }};
    const auto got = get({host("127.0.0.1"), service.port()});
    server.join();
    ASSERT_TRUE(got) << got.error().text();
    EXPECT_EQ(second->packet, read_request("CTLFile.tlv", {}));
    EXPECT_NE(first->from, second->from);
}

TEST(Client, F44_AnswersARepeatOfTheLastBlockWhoseAckWasLost) {
    const Socket service{"127.0.0.1"};
    const auto last = data(1, content(100));
    std::promise<void> returned;
    std::optional<Socket::Got> again;
    Script server{[&] {
        const auto client = service.receive()->from;
        play(service, client, {last});
        returned.get_future().wait();
        std::this_thread::sleep_for(
            150ms);  // a server's time-out, shortened: younger repeats are network copies
        service.send(client, last);
        again = service.receive();
    }};
    net::Loop loop;
    const Server where{host("127.0.0.1"), service.port()};
    const auto got = run_to_end(loop, fetch(loop, where, "CTLFile.tlv", quick()));
    returned.set_value();
    ASSERT_TRUE(got) << got.error().text();
    EXPECT_TRUE(got->farewell.running());
    const auto until = Steady::now() + 5s;
    std::thread stop{[&] { server.join(); }};
    while (got->farewell.running() && Steady::now() < until) loop.turn(50ms);
    stop.join();
    ASSERT_TRUE(again);
    EXPECT_EQ(again->packet, ack(1));
}

TEST(Client, F44_TheFarewellEndsByItself) {
    const Socket service{"127.0.0.1"};
    Script server{[&] { play(service, service.receive()->from, {data(1, content(100))}); }};
    net::Loop loop;
    auto limits = quick();
    limits.farewell = 50ms;
    const Server where{host("127.0.0.1"), service.port()};
    const auto got = run_to_end(loop, fetch(loop, where, "CTLFile.tlv", limits));
    ASSERT_TRUE(got) << got.error().text();
    const auto until = Steady::now() + 5s;
    while (got->farewell.running() && Steady::now() < until) loop.turn(50ms);
    EXPECT_FALSE(got->farewell.running());
}

TEST(Client, F47_AsksOnceMoreForAFileReplacedInMidTransfer) {
    const Socket service{"127.0.0.1"};
    const auto file = content(300);
    Script server{[&] {
        const std::vector<Option> announced{{"tsize", "300"}};
        play(service, service.receive()->from, {option_ack(announced), data(1, content(299))});
        play(service, service.receive()->from, {option_ack(announced), data(1, file)});
    }};
    const auto got = get({host("127.0.0.1"), service.port()});
    ASSERT_TRUE(got) << got.error().text();
    EXPECT_EQ(got->file, file);
}

TEST(Client, F47_RefusesAFileThatIsTwiceNotAsAnnounced) {
    const Socket service{"127.0.0.1"};
    Script server{[&] {
        for (int i = 0; i < 2; ++i) {
            play(service, service.receive()->from, {option_ack({{"tsize", "300"}}), data(1, content(299))});
        }
    }};
    const auto got = get({host("127.0.0.1"), service.port()});
    ASSERT_FALSE(got);
    EXPECT_EQ(got.error().fault, Fault::TFTP_PROTOCOL);
    EXPECT_THAT(got.error().detail, HasSubstr("ended after 299 octets, 300 were announced"));
    EXPECT_THAT(got.error().detail, HasSubstr("(twice)"));
}

class AddressLiterals : public testing::TestWithParam<std::string_view> {};

TEST_P(AddressLiterals, F62_F63_AreAsked) {
    const auto asked = host(GetParam());
    const Socket service{asked.is_ipv6() ? "::1" : "127.0.0.1"};
    Script server{[&] { serve_plain(service, service.receive()->from, content(700)); }};
    const auto got = get({asked, service.port()});
    ASSERT_TRUE(got) << got.error().text();
    EXPECT_EQ(got->file, content(700));
}
INSTANTIATE_TEST_SUITE_P(, AddressLiterals, testing::Values("::1", "[::1]", "127.0.0.1", "localhost."));

/// "fe80::1%eth0": an address of this host that needs its zone.
std::optional<std::string> link_local_address() {
    ifaddrs* list = nullptr;
    if (getifaddrs(&list) != 0) return std::nullopt;
    const std::unique_ptr<ifaddrs, void (*)(ifaddrs*)> owned{list, freeifaddrs};
    for (const auto* at = list; at != nullptr; at = at->ifa_next) {
        if (at->ifa_addr == nullptr || at->ifa_addr->sa_family != AF_INET6) continue;
        const auto text = net::Address{at->ifa_addr, sizeof(sockaddr_in6)}.host();
        if (text.starts_with("fe80:")) return text;
    }
    return std::nullopt;
}

TEST(Client, F62_AsksALinkLocalAddressWithItsZone) {
    const auto zoned = link_local_address();
    if (!zoned) GTEST_SKIP() << "this host has no link-local address";
    const Socket service{*zoned};
    Script server{[&] { serve_plain(service, service.receive()->from, content(700)); }};
    const auto got = get({host("[" + *zoned + "]"), service.port()});
    ASSERT_TRUE(got) << got.error().text();
    EXPECT_EQ(got->from, service.where());
}

Port closed_port(std::string_view at) { return Socket{at}.port(); }

TEST(Client, SaysThatNothingListensWhenIcmpRefuses) {
    for (const auto* at : {"127.0.0.1", "::1"}) {
        const auto began = Steady::now();
        const auto port = closed_port(at);
        const auto got = get({host(at), port});
        ASSERT_FALSE(got);
        EXPECT_EQ(got.error().fault, Fault::TFTP_UNREACHABLE);
        EXPECT_EQ(got.error().detail,
                  address(at, port).str() + ": nothing listens there (ICMP port unreachable)");
        EXPECT_LT(Steady::now() - began, 1s);
    }
}

TEST(Client, SaysWhenTheServerDisappearsInMidTransfer) {
    const Socket service{"127.0.0.1"};
    Script server{[&] {
        const auto client = service.receive()->from;
        const Socket transfer{"127.0.0.1"};
        play(transfer, client, {data(1, content(512))});
    }};
    const auto got = get({host("127.0.0.1"), service.port()});
    ASSERT_FALSE(got);
    EXPECT_EQ(got.error().fault, Fault::TFTP_UNREACHABLE);
    EXPECT_THAT(got.error().detail, HasSubstr("was closed in mid-transfer (ICMP port unreachable)"));
}

TEST(Client, SaysThatASilentServerIsSilent) {
    const Socket service{"127.0.0.1"};
    const auto got = get({host("127.0.0.1"), service.port()});
    ASSERT_FALSE(got);
    EXPECT_EQ(got.error().fault, Fault::TFTP_UNREACHABLE);
    EXPECT_EQ(got.error().detail, service.where().str() + ": no answer to 5 requests for CTLFile.tlv");
}

TEST(Client, NamesAHostThatDoesNotResolve) {
    const auto got = get({host("no-such-host.invalid"), 69});
    ASSERT_FALSE(got);
    EXPECT_EQ(got.error().fault, Fault::NAME_RESOLUTION);
    EXPECT_THAT(got.error().detail, HasSubstr("no-such-host.invalid"));
}

TEST(Client, RefusesANameThatDoesNotFitARequest) {
    net::Loop loop;
    for (const auto& name : {std::string{}, std::string{"a\0b", 3}, std::string(129, 'x')}) {
        const Server where{host("127.0.0.1"), 69};
        const auto got = run_to_end(loop, fetch(loop, where, name, quick()));
        ASSERT_FALSE(got);
        EXPECT_EQ(got.error().fault, Fault::INTERNAL);
    }
}

TEST(Client, CanBeCancelledInMidTransfer) {
    const Socket service{"127.0.0.1"};
    net::Loop loop;
    auto fetching = fetch(loop, Server{host("127.0.0.1"), service.port()}, "CTLFile.tlv", quick());
    fetching.start();
    ASSERT_TRUE(service.receive());
    fetching.cancel();
    loop.turn(0ms);
}

}  // namespace
}  // namespace tserver::tftp
