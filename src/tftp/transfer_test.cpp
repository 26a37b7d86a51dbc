// The rules of a transfer, packet by packet, in virtual time. Each line of the check list in
// doc/protocols/tftp.md, section 7, is a test here or in client_test.cpp.
#include "tftp/transfer.hpp"

#include <gmock/gmock.h>

#include "base/text.hpp"
#include "tests/support/tftp_server.hpp"
#include "tftp/test_peer.hpp"

namespace tserver::tftp {
namespace {

using namespace test;
using testing::HasSubstr;
using tserver::test::TftpServer;

const net::Address service = address("10.1.1.5", 69);
const net::Address tid = address("10.1.1.5", 40'001);

/// One transfer with its clock.
class Play {
public:
    explicit Play(bool options = true, const Limits& limits = {})
        : limits_{limits},
          transfer{
              {"CTLFile.tlv", service, options, now + limits.deadline, now + limits.deadline}, limits, 1} {
        request = transfer.start(now);
    }
    /// The packet that goes out for one that comes in; empty = none.
    Bytes get(const Bytes& packet, const net::Address& from = tid) {
        auto send = transfer.received(from, packet, now);
        if (!send) return {};
        to = send->to;
        return send->packet;
    }
    /// Waits until the transfer wants to be woken.
    Bytes silence() {
        now = transfer.wake();
        auto send = transfer.time_is_up(now);
        return send ? send->packet : Bytes{};
    }
    [[nodiscard]] bool running() const { return transfer.state() == Transfer::State::running; }
    [[nodiscard]] bool complete() const { return transfer.state() == Transfer::State::complete; }
    /// "TFTP_REFUSED 10.1.1.5:69: …"
    [[nodiscard]] std::string failure() const {
        if (transfer.state() != Transfer::State::failed) return "not failed";
        return fmt::format("{} {}", id(transfer.error().fault), transfer.error().detail);
    }

private:
    Limits limits_;

public:
    TimePoint now{std::chrono::hours{1}};
    Transfer transfer;
    Send request;
    net::Address to;
};

Bytes oack(std::string_view block_size, std::string_view size) {
    return option_ack({{"blksize", std::string{block_size}}, {"tsize", std::string{size}}});
}
ErrorCode error_code(const Bytes& packet) {
    return packet.size() > 4 && packet[1] == 5 ? ErrorCode{packet[3]} : ErrorCode{999};
}

/// A whole transfer with the model server, nothing lost.
struct Outcome {
    Bytes file;
    std::string failure;
    Facts facts;
    Next next = Next::nothing;
};
Outcome transfer_from(TftpServer server, bool options = true, const Limits& limits = {}) {
    Play play{options, limits};
    constexpr std::uint16_t client = 5000;
    auto out = server.received(client, TftpServer::service, play.request.packet, play.now);
    while (play.running() && !out.empty()) {
        const auto answer = play.get(out.front().packet, address("10.1.1.5", out.front().from));
        out = server.received(client, play.to.port(), answer, play.now);
    }
    Outcome outcome{{}, play.complete() ? "" : play.failure(), play.transfer.facts(), play.transfer.next()};
    if (play.complete()) outcome.file = play.transfer.take_file();
    return outcome;
}

TEST(Request, AsksForOctetModeWithBlockSizeAndSize) {
    const std::string expected{
        "\0\1CTLFile.tlv\0octet\0blksize\0"
        "1428\0tsize\0"
        "0\0",
        41};
    EXPECT_EQ(as_text(Play{}.request.packet), expected);
    EXPECT_EQ(Play{}.request.to, service);
}

TEST(Request, PlainOneIsTheTwentyOctetsOfTheStandard) {
    EXPECT_EQ(as_text(Play{false}.request.packet), (std::string_view{"\0\1CTLFile.tlv\0octet\0", 20}));
}

struct Size {
    std::size_t octets, block_size;
};
class FileOfSize : public testing::TestWithParam<Size> {};

TEST_P(FileOfSize, ArrivesWhole) {
    const auto file = content(GetParam().octets);
    TftpServer::Traits traits;
    traits.answers_options = GetParam().block_size != 512;
    traits.largest_block = GetParam().block_size;
    const auto got = transfer_from(TftpServer{file, traits});
    EXPECT_EQ(got.failure, "");
    EXPECT_EQ(got.file, file);
    EXPECT_EQ(got.facts.block_size, GetParam().block_size);
    EXPECT_EQ(got.facts.options_taken, traits.answers_options);
    EXPECT_EQ(got.facts.repeated, 0U);
}

// 512: F38, a server that ignores options. 1428: taken as asked. 600: lowered.
INSTANTIATE_TEST_SUITE_P(, FileOfSize,
                         testing::Values(Size{0, 512}, Size{511, 512}, Size{512, 512}, Size{513, 512},
                                         Size{1024, 512}, Size{0, 1428}, Size{1427, 1428}, Size{1428, 1428},
                                         Size{1429, 1428}, Size{20'000, 1428}, Size{1200, 600},
                                         Size{599, 600}));

TEST(Transfer, F38_GoesOnPlainWhenTheServerAnswersWithDataAtOnce) {
    Play play;
    EXPECT_EQ(play.get(data(1, content(512))), ack(1));
    EXPECT_EQ(play.get(data(2, content(3))), ack(2));
    ASSERT_TRUE(play.complete());
    EXPECT_EQ(play.transfer.take_file().size(), 515U);
    EXPECT_FALSE(play.transfer.facts().options_taken);
}

TEST(Transfer, F38_TakesOptionNamesWithoutCase) {
    Play play;
    EXPECT_EQ(play.get(option_ack({{"BlkSize", "1024"}, {"TSIZE", "7"}})), ack(0));
    EXPECT_EQ(play.transfer.facts().block_size, 1024U);
    EXPECT_EQ(play.transfer.facts().announced, 7U);
}

TEST(Transfer, F40_AnswersTheFirstPortAndTellsAnotherPortThatItIsUnknown) {
    Play play;
    EXPECT_EQ(play.get(data(1, content(512))), ack(1));
    EXPECT_EQ(play.to, tid);
    const auto stranger = address("10.1.1.5", 40'002);
    EXPECT_EQ(error_code(play.get(data(2, content(5)), stranger)), ErrorCode::unknown_transfer_id);
    EXPECT_EQ(play.to, stranger);
    EXPECT_TRUE(play.running());
    EXPECT_EQ(play.get(data(2, content(5))), ack(2));
    EXPECT_TRUE(play.complete());
    EXPECT_EQ(play.transfer.facts().strangers, 1U);
}

TEST(Transfer, F40_NeverAnswersAnErrorOfAStranger) {
    Play play;
    play.get(data(1, content(512)));
    EXPECT_TRUE(play.get(error(ErrorCode::unknown_transfer_id, "who?"), address("10.1.1.5", 40'002)).empty());
    EXPECT_TRUE(play.get(ack(3), address("10.1.1.9", 69)).empty());
    EXPECT_TRUE(play.running());
}

TEST(Transfer, F40_TellsOnlyAFewOfAFloodOfStrangers) {
    Play play;
    play.get(data(1, content(512)));
    std::size_t told = 0;
    for (Port port = 1; port <= 1000; ++port) {
        told += play.get(data(1, {}), address("10.1.1.9", port)).empty() ? 0U : 1U;
    }
    EXPECT_EQ(told, 32U);
}

TEST(Transfer, F41_TakesAnAnswerFromPort69Itself) {
    Play play;
    EXPECT_EQ(play.get(data(1, content(20)), service), ack(1));
    EXPECT_EQ(play.to, service);
    EXPECT_TRUE(play.complete());
}

TEST(Transfer, F41_RefusesAnAnswerOfAnotherAddressAndNamesBoth) {
    Play play;
    const auto other = address("10.1.1.6", 40'001);
    EXPECT_EQ(error_code(play.get(data(1, content(20)), other)), ErrorCode::unknown_transfer_id);
    EXPECT_EQ(play.to, other);
    EXPECT_TRUE(play.running());
    EXPECT_EQ(play.silence(), play.request.packet);
    play.silence();
    EXPECT_EQ(
        play.failure(),
        "TFTP_PROTOCOL 10.1.1.5:69: 10.1.1.6:40001 answered in its place; only the address that was asked "
        "is believed");
    EXPECT_EQ(play.transfer.next(), Next::elsewhere);
}

class BlockWrap : public testing::TestWithParam<std::uint16_t> {};

TEST_P(BlockWrap, F42_IsFollowedInAFileOf600KilobytesInBlocksOf8) {
    const auto file = content(600'003);
    TftpServer::Traits traits;
    traits.largest_block = 8;
    traits.after_wrap = GetParam();
    const auto got = transfer_from(TftpServer{file, traits});
    EXPECT_EQ(got.failure, "");
    EXPECT_EQ(got.file, file);
}
INSTANTIATE_TEST_SUITE_P(, BlockWrap, testing::Values(0, 1));

TEST(Transfer, F42_IsFollowedTwiceInAFileOfAMegabyteInBlocksOf8) {
    for (const std::uint16_t after : {std::uint16_t{0}, std::uint16_t{1}}) {
        TftpServer::Traits traits;
        traits.largest_block = 8;
        traits.after_wrap = after;
        EXPECT_EQ(transfer_from(TftpServer{content(1'100'000), traits}).file, content(1'100'000));
    }
}

TEST(Transfer, F42_StopsAnEndlessFileAtTheCap) {
    Play play{false};
    std::uint16_t block = 0;
    Bytes answer;
    while (play.running()) answer = play.get(data(++block, content(512)));
    EXPECT_EQ(error_code(answer), ErrorCode::disk_full);
    EXPECT_EQ(play.failure(), "CTL_TOO_LARGE 10.1.1.5:69: CTLFile.tlv is longer than 16777216 octets");
    EXPECT_EQ(play.transfer.next(), Next::nothing);
    EXPECT_EQ(play.transfer.facts().received, (16U << 20U) / 512 + 1);
}

TEST(Transfer, RefusesAnAnnouncedSizeAboveTheCapBeforeReading) {
    Play play;
    EXPECT_EQ(error_code(play.get(oack("1428", "16777217"))), ErrorCode::disk_full);
    EXPECT_EQ(play.failure(),
              "CTL_TOO_LARGE 10.1.1.5:69: CTLFile.tlv has 16777217 octets, 16777216 are taken at most");
}

TEST(Transfer, F43_AsksPlainAfterTwoSilentTimeOutsOfTheRequest) {
    Play play;
    EXPECT_EQ(play.silence(), play.request.packet);
    EXPECT_TRUE(play.silence().empty());
    EXPECT_THAT(play.failure(), HasSubstr("no answer to 2 requests for CTLFile.tlv"));
    EXPECT_EQ(play.transfer.next(), Next::plain);
}

TEST(Transfer, F43_AsksPlainWhenTheFirstBlockNeverComes) {
    Play play;
    EXPECT_EQ(play.get(oack("1428", "9000")), ack(0));
    EXPECT_EQ(play.silence(), ack(0)) << "early";
    EXPECT_EQ(play.silence(), ack(0));
    EXPECT_TRUE(play.silence().empty());
    EXPECT_THAT(play.failure(), HasSubstr("silent after it had agreed to the options"));
    EXPECT_EQ(play.transfer.next(), Next::plain);
}

TEST(Transfer, F44_DropsACopyOfABlockWithoutAnAnswer) {
    Play play;
    play.get(data(1, content(512)));
    play.now += 20ms;
    EXPECT_TRUE(play.get(data(1, content(512))).empty());
    EXPECT_EQ(play.get(data(2, content(7))), ack(2));
    EXPECT_EQ(play.transfer.take_file().size(), 519U);
}

TEST(Transfer, F44_AcknowledgesABlockAgainThatTheServerRepeatsAfterItsTimeOut) {
    Play play;
    play.get(data(1, content(512)));
    const auto wake = play.transfer.wake();
    play.now += 500ms;
    EXPECT_EQ(play.get(data(1, content(512))), ack(1));
    EXPECT_EQ(play.transfer.wake(), wake) << "a repeated block must not move the timer";
    EXPECT_EQ(play.transfer.facts().repeated, 1U);
}

TEST(Transfer, F44_TakesADuplicateOptionAckOnce) {
    Play play;
    EXPECT_EQ(play.get(oack("1428", "7")), ack(0));
    EXPECT_TRUE(play.get(oack("1428", "7")).empty());
    play.now += 1s;
    EXPECT_EQ(play.get(oack("1428", "7")), ack(0));
    EXPECT_EQ(play.get(data(1, content(7))), ack(1));
    EXPECT_TRUE(play.complete());
}

TEST(Transfer, F44_IgnoresALateOptionAckBetweenBlocks) {
    Play play;
    play.get(oack("512", "1000"));
    EXPECT_EQ(play.get(data(1, content(512))), ack(1));
    play.now += 1s;
    EXPECT_TRUE(play.get(oack("512", "1000")).empty());
    EXPECT_TRUE(play.running());
}

TEST(Transfer, F44_IgnoresBlocksOutOfOrder) {
    Play play;
    EXPECT_EQ(play.get(data(1, content(512))), ack(1));
    EXPECT_TRUE(play.get(data(3, content(512))).empty());
    EXPECT_TRUE(play.get(data(0, content(512))).empty());
    EXPECT_EQ(play.get(data(2, content(512))), ack(2));
    play.now += 1s;
    EXPECT_TRUE(play.get(data(1, content(512))).empty());
    EXPECT_TRUE(play.running());
}

TEST(Transfer, F44_AnswersRepeatsOfTheLastBlockWhenItsAckWasLost) {
    Play play;
    EXPECT_EQ(play.get(data(1, content(20))), ack(1));
    ASSERT_TRUE(play.complete());
    for (int i = 0; i < 5; ++i) {
        play.now += 1s;
        EXPECT_EQ(play.get(data(1, content(20))), ack(1));
    }
    play.now += 1s;
    EXPECT_TRUE(play.get(data(1, content(20))).empty()) << "not for ever";
}

TEST(Transfer, RepeatsTheLastAckWhenTheNextBlockIsLost) {
    Play play{false};
    play.get(data(1, content(512)));
    const auto began = play.now;
    EXPECT_EQ(play.silence(), ack(1)) << "early, as the server had answered at once";
    EXPECT_NEAR(std::chrono::duration<double>(play.now - began).count(), 0.2, 0.025);
    for (int i = 0; i < 4; ++i) EXPECT_EQ(play.silence(), ack(1));
    EXPECT_TRUE(play.silence().empty());
    EXPECT_EQ(play.failure(),
              "TFTP_UNREACHABLE 10.1.1.5:69: silent after block 1 (512 octets of CTLFile.tlv)");
}

TEST(Transfer, WaitsLongerForTheEarlyRepeatWhenTheServerAnswersSlowly) {
    Play play{false};
    play.now += 150ms;
    play.get(data(1, content(512)));
    const auto began = play.now;
    EXPECT_EQ(play.silence(), ack(1));
    EXPECT_NEAR(std::chrono::duration<double>(play.now - began).count(), 0.6, 0.075);
}

TEST(Transfer, F45_RefusesABlockLargerThanAgreedAndNamesBothSizes) {
    Play play{false};
    EXPECT_EQ(error_code(play.get(data(1, content(1428)))), ErrorCode::illegal_operation);
    EXPECT_EQ(play.failure(), "TFTP_PROTOCOL 10.1.1.5:69: block 1 has 1428 octets where 512 were agreed");
}

TEST(Transfer, F45_RefusesSmallerBlocksThanAgreedAndNamesBothSizes) {
    for (const std::size_t size : {512U, 1000U}) {
        Play play;
        play.get(oack("1428", "5000"));
        EXPECT_EQ(play.get(data(1, content(size))), ack(1));
        EXPECT_EQ(
            play.failure(),
            fmt::format("TFTP_PROTOCOL 10.1.1.5:69: block 1 has {} octets where 1428 were agreed, of a file "
                        "of 5000",
                        size));
        EXPECT_EQ(play.transfer.next(), Next::same) << "or a shorter file has replaced it";
    }
}

TEST(Transfer, F47_RefusesAFileThatEndsBeforeItsAnnouncedSize) {
    TftpServer::Traits traits;
    traits.announced = 5000;
    const auto got = transfer_from(TftpServer{content(3000), traits});
    EXPECT_EQ(
        got.failure,
        "TFTP_PROTOCOL 10.1.1.5:69: CTLFile.tlv ended after 3000 octets, 5000 were announced: replaced on "
        "the server in mid-transfer");
    EXPECT_EQ(got.next, Next::same);
}

TEST(Transfer, F47_RefusesAFileThatGoesOnBehindItsAnnouncedSize) {
    TftpServer::Traits traits;
    traits.announced = 2000;
    const auto got = transfer_from(TftpServer{content(30'000), traits});
    EXPECT_EQ(
        got.failure,
        "TFTP_PROTOCOL 10.1.1.5:69: CTLFile.tlv was announced with 2000 octets and goes on behind them: "
        "replaced on the server in mid-transfer");
    EXPECT_EQ(got.next, Next::same);
}

struct Reply {
    int code;
    bool options;
    std::string_view expected;
    Next next;
};
class ErrorReplies : public testing::TestWithParam<Reply> {};

TEST_P(ErrorReplies, BecomeTheirFault) {
    Play play{GetParam().options};
    EXPECT_TRUE(
        play.get(error(ErrorCode{static_cast<std::uint16_t>(GetParam().code)}, "No\x1b[31m")).empty());
    EXPECT_EQ(play.failure(), GetParam().expected);
    EXPECT_EQ(play.transfer.next(), GetParam().next);
}

INSTANTIATE_TEST_SUITE_P(
    , ErrorReplies,
    testing::Values(
        Reply{1, true, R"(CTL_NOT_FOUND 10.1.1.5:69: file not found (ERROR 1) for CTLFile.tlv: "No\x1b[31m")",
              Next::elsewhere},
        Reply{2, true,
              R"(TFTP_REFUSED 10.1.1.5:69: access violation (ERROR 2) for CTLFile.tlv: "No\x1b[31m")",
              Next::elsewhere},
        Reply{77, true, R"(TFTP_REFUSED 10.1.1.5:69: ERROR 77 for CTLFile.tlv: "No\x1b[31m")",
              Next::elsewhere},
        Reply{0, true, R"(TFTP_REFUSED 10.1.1.5:69: see the text (ERROR 0) for CTLFile.tlv: "No\x1b[31m")",
              Next::plain},
        Reply{4, true,
              R"(TFTP_REFUSED 10.1.1.5:69: illegal operation (ERROR 4) for CTLFile.tlv: "No\x1b[31m")",
              Next::plain},
        Reply{8, true, R"(TFTP_REFUSED 10.1.1.5:69: option refused (ERROR 8) for CTLFile.tlv: "No\x1b[31m")",
              Next::plain},
        Reply{8, false, R"(TFTP_REFUSED 10.1.1.5:69: option refused (ERROR 8) for CTLFile.tlv: "No\x1b[31m")",
              Next::elsewhere}));

TEST(Transfer, ReadsAnErrorTextWithoutItsNulAndCutsALongOne) {
    Play play;
    auto packet = error(ErrorCode::file_not_found, std::string(400, 'x'));
    packet.pop_back();
    play.get(packet);
    EXPECT_THAT(play.failure(), HasSubstr("\"" + std::string(200, 'x') + "…\""));
}

TEST(Transfer, EndsWithoutAnAnswerOnAnErrorThatIsCutShort) {
    Play play;
    EXPECT_TRUE(play.get({0, 5}).empty());
    EXPECT_EQ(play.failure(), "TFTP_PROTOCOL 10.1.1.5:69: a packet of 2 octets where ERROR has at least 4");
}

TEST(Transfer, StopsOnAnErrorInMidTransfer) {
    Play play;
    play.get(data(1, content(512)));
    play.get(error(ErrorCode::see_text, "shutting down"));
    EXPECT_THAT(play.failure(), HasSubstr("TFTP_REFUSED"));
    EXPECT_EQ(play.transfer.next(), Next::elsewhere) << "not plain: the options were no problem";
}

struct Hostile {
    Bytes packet;
    bool options;
    ErrorCode answer;
    std::string_view expected;
};
class BadPackets : public testing::TestWithParam<Hostile> {};

TEST_P(BadPackets, EndTheTransferWithAnErrorToTheServer) {
    Play play{GetParam().options};
    EXPECT_EQ(error_code(play.get(GetParam().packet)), GetParam().answer);
    EXPECT_EQ(play.failure(), fmt::format("TFTP_PROTOCOL 10.1.1.5:69: {}", GetParam().expected));
}

constexpr auto illegal = ErrorCode::illegal_operation;
constexpr auto option = ErrorCode::option_refused;
INSTANTIATE_TEST_SUITE_P(
    , BadPackets,
    testing::Values(Hostile{{}, true, illegal, "a packet of 0 octets"},
                    Hostile{{0}, true, illegal, "a packet of 1 octets"},
                    Hostile{{0, 3, 0}, true, illegal, "a packet of 3 octets where DATA has at least 4"},
                    Hostile{ack(1), true, illegal, "an ACK (opcode 4) from a server"},
                    Hostile{read_request("x", {}), true, illegal, "a read request (opcode 1) from a server"},
                    Hostile{{0, 99, 0, 0}, true, illegal, "a packet (opcode 99) from a server"},
                    Hostile{{0, 6, 'a'}, true, illegal, "an OACK whose last text has no end"},
                    Hostile{{0, 6, 'a', 0}, true, illegal, "an OACK whose last text has no end"},
                    Hostile{{0, 6, 0, 0}, true, illegal, "an OACK with an option without a name"},
                    Hostile{option_ack(std::vector<Option>(9, Option{"a", "b"})), true, illegal,
                            "an OACK of more than 8 options"},
                    Hostile{option_ack({{"blksize", "512"}}), false, option,
                            "an OACK to a request without options"},
                    Hostile{option_ack({{"windowsize", "4"}}), true, option,
                            "option \"windowsize\" in the OACK was not asked, or is there twice"},
                    Hostile{option_ack({{"tsize", "4"}, {"tsize", "4"}}), true, option,
                            "option \"tsize\" in the OACK was not asked, or is there twice"},
                    Hostile{option_ack({{"blksize", "8192"}}), true, option,
                            "block size \"8192\" where 8 to 1428 may be agreed"},
                    Hostile{option_ack({{"blksize", "0"}}), true, option,
                            "block size \"0\" where 8 to 1428 may be agreed"},
                    Hostile{option_ack({{"tsize", "-1"}}), true, option, "file size \"-1\" in the OACK"}));

TEST(Transfer, RepeatsTheRequestWithDoublingWaitsAndGivesUpAfterFiveTries) {
    Play play{false};
    const auto began = play.now;
    std::vector<double> waits;
    for (int i = 0; i < 4; ++i) {
        const auto before = play.now;
        EXPECT_EQ(play.silence(), play.request.packet);
        waits.push_back(std::chrono::duration<double>(play.now - before).count());
    }
    EXPECT_TRUE(play.silence().empty());
    for (std::size_t i = 0; i < waits.size(); ++i) EXPECT_NEAR(waits[i], 1 << i, (1 << i) / 8.0);
    EXPECT_LT(play.now - began, 26s);
    EXPECT_EQ(play.failure(), "TFTP_UNREACHABLE 10.1.1.5:69: no answer to 5 requests for CTLFile.tlv");
}

TEST(Transfer, SaysHowFarItGotWhenTheDeadlinePasses) {
    Play play;
    play.now += 800ms;
    play.get(oack("512", "45000"));
    for (std::uint16_t block = 1; play.running(); ++block) {
        play.now += 800ms;
        if (play.now >= play.transfer.wake()) {
            play.silence();
        } else {
            play.get(data(block, content(512)));
        }
    }
    EXPECT_EQ(
        play.failure(),
        "TFTP_UNREACHABLE 10.1.1.5:69: not complete within 30.0 s: silent after block 36 (18432 of 45000 "
        "octets of CTLFile.tlv)");
    EXPECT_EQ(play.transfer.next(), Next::nothing);
}

TEST(Transfer, ReportsAnIcmpRefusalAtOnce) {
    Play play;
    play.transfer.undeliverable(service, ECONNREFUSED);
    EXPECT_EQ(play.failure(), "TFTP_UNREACHABLE 10.1.1.5:69: nothing listens there (ICMP port unreachable)");
    EXPECT_EQ(play.transfer.next(), Next::elsewhere);
}

TEST(Transfer, IgnoresAnIcmpRefusalOfAStranger) {
    Play play;
    play.get(data(1, content(512)));
    play.transfer.undeliverable(address("10.1.1.5", 40'002), ECONNREFUSED);
    play.transfer.undeliverable(service, ECONNREFUSED);
    EXPECT_TRUE(play.running());
}

TEST(Transfer, ReportsAPortClosedInMidTransfer) {
    Play play;
    play.get(data(1, content(512)));
    play.transfer.undeliverable(tid, ECONNREFUSED);
    EXPECT_EQ(
        play.failure(),
        "TFTP_UNREACHABLE 10.1.1.5:69: port 40001 was closed in mid-transfer (ICMP port unreachable), silent "
        "after block 1 (512 octets of CTLFile.tlv)");
}

TEST(Transfer, SurvivesARouteThatIsLostForAMomentInMidTransfer) {
    Play play;
    play.get(data(1, content(512)));
    play.transfer.undeliverable(tid, EHOSTUNREACH);
    EXPECT_EQ(play.silence(), ack(1));
    EXPECT_EQ(play.get(data(2, content(1))), ack(2));
    EXPECT_TRUE(play.complete());
}

}  // namespace
}  // namespace tserver::tftp
