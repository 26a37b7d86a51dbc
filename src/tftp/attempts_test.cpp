// The order of requests after failures.
#include "tftp/attempts.hpp"

#include <gmock/gmock.h>

#include "tftp/test_peer.hpp"

namespace tserver::tftp {
namespace {

using namespace test;

const TimePoint start{std::chrono::hours{1}};

Attempts attempts(const std::vector<std::string>& hosts) {
    std::vector<net::Address> addresses;
    addresses.reserve(hosts.size());
    for (const auto& name : hosts) addresses.push_back(address(name, 69));
    return {addresses, "CTLFile.tlv", Limits{}, start + 30s, 1};
}

/// The next request in words: "10.1.1.5 options".
std::string request(Attempts& attempts, TimePoint now = start) {
    auto transfer = attempts.next(now);
    if (!transfer) return "none";
    const bool options = as_text(transfer->start(now).packet).find("blksize") != std::string_view::npos;
    return transfer->server().host() + (options ? " options" : " plain");
}

Error error(Fault fault, std::string detail) { return {fault, std::move(detail), {}}; }

TEST(Attempts, F43_AskPlainAfterOptionsThenTheNextAddressWithOptions) {
    auto all = attempts({"10.1.1.5", "10.1.1.6"});
    EXPECT_EQ(request(all), "10.1.1.5 options");
    all.failed(error(Fault::TFTP_UNREACHABLE, "a"), Next::plain);
    EXPECT_EQ(request(all), "10.1.1.5 plain");
    all.failed(error(Fault::TFTP_UNREACHABLE, "b"), Next::elsewhere);
    EXPECT_EQ(request(all), "10.1.1.6 options");
    all.failed(error(Fault::TFTP_UNREACHABLE, "c"), Next::elsewhere);
    EXPECT_EQ(request(all), "none");
    EXPECT_EQ(all.error().detail, "b; c");
}

TEST(Attempts, F47_AskOnceMoreForAFileThatChangedAndRefuseItThen) {
    auto all = attempts({"10.1.1.5"});
    EXPECT_EQ(request(all), "10.1.1.5 options");
    all.failed(error(Fault::TFTP_PROTOCOL, "replaced"), Next::same);
    EXPECT_EQ(request(all), "10.1.1.5 options");
    all.failed(error(Fault::TFTP_PROTOCOL, "replaced"), Next::same);
    EXPECT_EQ(request(all), "none");
    EXPECT_EQ(all.error().fault, Fault::TFTP_PROTOCOL);
    EXPECT_EQ(all.error().detail, "replaced (twice)");
}

TEST(Attempts, EndWithAFileThatIsTooLarge) {
    auto all = attempts({"10.1.1.5", "10.1.1.6"});
    all.failed(error(Fault::CTL_TOO_LARGE, "big"), Next::nothing);
    EXPECT_EQ(request(all), "none");
}

TEST(Attempts, ReportTheFaultThatSaysMostAndTellOfEveryAddress) {
    auto all = attempts({"::1", "10.1.1.5", "10.1.1.6"});
    all.failed(error(Fault::TFTP_UNREACHABLE, "silent"), Next::elsewhere);
    all.failed(error(Fault::CTL_NOT_FOUND, "missing"), Next::elsewhere);
    all.failed(error(Fault::TFTP_REFUSED, "refused"), Next::elsewhere);
    EXPECT_EQ(request(all), "none");
    EXPECT_EQ(all.error().fault, Fault::CTL_NOT_FOUND);
    EXPECT_EQ(all.error().detail, "missing; refused; silent");
}

TEST(Attempts, F67_ASilentAddressUsesOnlyItsShareOfTheTime) {
    auto all = attempts({"10.1.1.5", "10.1.1.6"});
    auto transfer = all.next(start);
    transfer->start(start);
    auto now = start;
    while (transfer->state() == Transfer::State::running) {
        now = transfer->wake();
        transfer->time_is_up(now);
        if (transfer->state() != Transfer::State::failed) continue;
        all.failed(transfer->error(), transfer->next());
        auto next = all.next(now);
        if (next->server() == address("10.1.1.6", 69)) break;
        transfer.emplace(*std::move(next));
        transfer->start(now);
    }
    EXPECT_EQ(now, start + 15s);
}

TEST(Attempts, StopWhenTheDeadlineHasPassed) {
    auto all = attempts({"10.1.1.5"});
    EXPECT_EQ(request(all, start + 30s), "none");
    EXPECT_EQ(all.error().fault, Fault::TFTP_UNREACHABLE);
    EXPECT_EQ(all.error().detail, "no time left to ask for CTLFile.tlv");
}

}  // namespace
}  // namespace tserver::tftp
