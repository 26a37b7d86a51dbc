#include "sim/tftp.hpp"

#include <gmock/gmock.h>
#include <poll.h>

#include <sstream>
#include <thread>

#include "sim/scratch_test.hpp"

namespace tserver::sim {
namespace {

using namespace std::chrono_literals;

struct RequestCase {
    const char* what;
    std::string packet;
    int code;  ///< of the ERROR; -1: accepted
    const char* text;
};
class TftpRequestPacket : public testing::TestWithParam<RequestCase> {};

TEST_P(TftpRequestPacket, IsTakenOrAnsweredByTheNamedError) {
    const auto& c = GetParam();
    const auto parsed = parse_request(as_bytes(c.packet));
    if (const auto* refusal = std::get_if<TftpRefusal>(&parsed)) {
        EXPECT_EQ(refusal->code, c.code) << c.what;
        EXPECT_EQ(refusal->text, c.text) << c.what;
    } else {
        EXPECT_EQ(c.code, -1) << c.what;
        EXPECT_EQ(std::get<TftpRequest>(parsed).file, c.text);
    }
}

using namespace std::string_literals;
INSTANTIATE_TEST_SUITE_P(
    , TftpRequestPacket,
    testing::Values(RequestCase{"plain", "\0\1CTLFile.tlv\0octet\0"s, -1, "CTLFile.tlv"},
                    RequestCase{"mode in capitals", "\0\1CTLFile.tlv\0OCTET\0"s, -1, "CTLFile.tlv"},
                    RequestCase{"netascii", "\0\1CTLFile.tlv\0netascii\0"s, 4, "mode is octet only"},
                    RequestCase{"write", "\0\2CTLFile.tlv\0octet\0"s, 2, "read only"},
                    RequestCase{"no NUL", "\0\1CTLFile.tlv\0octet"s, 4, "request without NUL"},
                    RequestCase{"slash", "\0\1a/CTLFile.tlv\0octet\0"s, 2, "access violation"},
                    RequestCase{"backslash", "\0\1a\\CTLFile.tlv\0octet\0"s, 2, "access violation"},
                    RequestCase{"parent", "\0\1..CTLFile.tlv\0octet\0"s, 2, "access violation"},
                    RequestCase{"no name", "\0\1\0octet\0"s, 2, "access violation"},
                    RequestCase{"option cut", "\0\1CTLFile.tlv\0octet\0blksize\0"s, 4, "option without NUL"},
                    RequestCase{"long", "\0\1CTLFile.tlv\0octet\0"s + std::string(500, 'x'), 4,
                                "request longer than 512 octets"},
                    RequestCase{"ack", "\0\4\0\1"s, 4, "not a read request"}));

/// A client that does exactly what its script says.
class Script {
public:
    explicit Script(const Address& server) : server_{server} {
        fd_ = bind_udp(Address::parse("127.0.0.1:0").value()).value();
    }
    void request(const std::string& options = {}, const std::string& name = "CTLFile.tlv") {
        send(server_, "\0\1"s + name + "\0octet\0"s + options);
    }
    void ack(std::uint16_t block) { send(peer_, std::string{as_text(Writer{}.u16(4).u16(block).take())}); }
    /// The next packet, its sender becoming the peer of the acknowledgements; empty after `time`.
    std::string packet(std::chrono::milliseconds time = 30s) {
        if (wait(fd_.get(), POLLIN, never_, Steady::now() + time) != Woken::ready) return {};
        std::string out(70000, '\0');
        sockaddr_storage storage{};
        socklen_t length = sizeof storage;
        const auto got =
            ::recvfrom(fd_.get(), out.data(), out.size(), 0, reinterpret_cast<sockaddr*>(&storage), &length);
        peer_ = Address{reinterpret_cast<sockaddr*>(&storage), length};
        out.resize(static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
        return out;
    }
    const Address& peer() const { return peer_; }
    Fd& fd() { return fd_; }

    /// A correct reader; gives the file.
    std::string file(const std::string& options = {}, std::size_t block = 512) {
        request(options);
        std::string out;
        std::uint16_t next = options.empty() ? 1 : 0;
        while (true) {
            const auto p = packet();
            if (p.size() < 4 || p[1] == 5) return "broken off";
            const auto number =
                static_cast<std::uint16_t>(p[1] == 6 ? 0 : *Reader{as_bytes(p).subspan(2)}.u16());
            if (number == next) {
                if (p[1] == 3) out += p.substr(4);
                ++next;
                ack(number);
                if (p[1] == 3 && p.size() < block + 4) return out;
            } else {
                ack(static_cast<std::uint16_t>(next - 1));
            }
        }
    }

private:
    void send(const Address& to, const std::string& packet) {
        ::sendto(fd_.get(), packet.data(), packet.size(), 0, to.raw(), to.length());
    }
    Address server_;
    Address peer_ = server_;
    Fd fd_;
    Stop never_;
};

struct TftpServerTest : testing::Test {
    Scratch scratch;
    std::ostringstream notes;
    Settings settings = [] {
        Settings s;
        s.tftp_timeout = 100ms;
        return s;
    }();
    std::unique_ptr<Cluster> cluster;
    std::unique_ptr<TftpServer> server;

    void start(std::initializer_list<const char*> faults) {
        server.reset();
        settings.state = scratch.path();
        settings.faults = {faults.begin(), faults.end()};
        cluster = std::make_unique<Cluster>(settings, notes);
        for (const auto& fault : settings.faults) ASSERT_TRUE(cluster->faults.set(fault));
        server = std::make_unique<TftpServer>(*cluster);
        ASSERT_TRUE(server->start(Address::parse("127.0.0.1:0").value()));
    }
    static std::string pattern(std::size_t size) {
        std::string out(size, '\0');
        for (std::size_t i = 0; i < size; ++i) out[i] = static_cast<char>(i % 251);
        return out;
    }
};

TEST_F(TftpServerTest, EndsAnExactMultipleOfTheBlockSizeWithAnEmptyBlock) {
    for (const auto* size : {"0", "511", "512", "513", "1024"}) {
        start({});
        ASSERT_TRUE(cluster->faults.set("tftp-size="s + size));
        EXPECT_EQ(Script{server->address()}.file(), pattern(std::stoul(size))) << size;
    }
}

TEST_F(TftpServerTest, AnswersFromAFreshPort) {
    start({"tftp-size=10"});
    Script client{server->address()};
    client.request();
    ASSERT_EQ(client.packet().substr(0, 4), "\0\3\0\1"s);
    EXPECT_NE(client.peer().port(), server->address().port());
    EXPECT_EQ(client.peer().host(), "127.0.0.1");
}

TEST_F(TftpServerTest, AnswersOptionsInAnOackAndKeepsToThem) {
    start({"tftp-size=3000"});
    Script client{server->address()};
    client.request("blksize\0001428\0tsize\0000\0timeout\0003\0windowsize\0008\0"s);
    EXPECT_EQ(client.packet(), "\0\6blksize\0001428\0tsize\0003000\0timeout\0003\0"s);
    client.ack(0);
    EXPECT_EQ(client.packet().size(), 1432U);
}

TEST_F(TftpServerTest, LowersIgnoresAndRefusesOptions) {
    start({"tftp-size=3000", "tftp-blksize=1000@1"});
    Script lowered{server->address()};
    lowered.request("blksize\0001428\0"s);
    EXPECT_EQ(lowered.packet(), "\0\6blksize\0001000\0"s);
    ASSERT_TRUE(cluster->faults.set("tftp-ignore-options@1"));
    Script ignored{server->address()};
    ignored.request("blksize\0001428\0"s);
    EXPECT_EQ(ignored.packet().size(), 516U);
    ASSERT_TRUE(cluster->faults.set("tftp-refuse-options@1"));
    Script refused{server->address()};
    refused.request("blksize\0001428\0"s);
    EXPECT_EQ(refused.packet().substr(0, 4), "\0\5\0\10"s);
}

TEST_F(TftpServerTest, RepeatsDataOnSilenceOnlyNeverForADuplicateAck) {
    settings.tftp_timeout = 400ms;
    start({"tftp-size=1100"});
    Script client{server->address()};
    client.request();
    ASSERT_EQ(client.packet()[3], 1);
    client.ack(1);
    ASSERT_EQ(client.packet()[3], 2);
    client.ack(1);  // the duplicate
    EXPECT_EQ(client.packet(150ms), "") << "a duplicate ACK was answered";
    EXPECT_EQ(client.packet()[3], 2) << "silence was not";
}

TEST_F(TftpServerTest, TellsAStrangerErrorFiveAndGoesOn) {
    start({"tftp-size=600"});
    Script client{server->address()};
    client.request();
    ASSERT_EQ(client.packet()[3], 1);
    Script stranger{client.peer()};
    stranger.ack(1);
    EXPECT_EQ(stranger.packet().substr(0, 4), "\0\5\0\5"s);
    client.ack(1);
    EXPECT_EQ(client.packet().size(), 4U + 88U);
}

TEST_F(TftpServerTest, SendsTheExactFileThroughLossDuplicationAndReordering) {
    settings.tftp_timeout = 20ms;
    settings.tftp_tries = 50;
    start({"tftp-size=20000", "tftp-drop=15", "tftp-duplicate=20", "tftp-reorder=20"});
    Script client{server->address()};
    std::string got;
    for (int tries = 0; got != pattern(20000) && tries < 5; ++tries) got = Script{server->address()}.file();
    EXPECT_EQ(got, pattern(20000));
}

TEST_F(TftpServerTest, CanAnswerFromTheRequestPortOrFromAnotherAddress) {
    start({"tftp-size=1500", "tftp-from-69"});
    Script client{server->address()};
    EXPECT_EQ(client.file(), pattern(1500));
    EXPECT_EQ(client.peer(), server->address());
    cluster->faults.clear();
    ASSERT_TRUE(cluster->faults.set("tftp-other-address"));
    ASSERT_TRUE(cluster->faults.set("tftp-size=10"));
    Script other{server->address()};
    other.request();
    other.packet();
    EXPECT_EQ(other.peer().host(), "127.0.0.2");
}

TEST_F(TftpServerTest, RollsBlockNumbersOverToNoughtOrToOne) {
    for (const bool to_one : {false, true}) {
        start({"tftp-size=524320", to_one ? "tftp-rollover-one" : "tftp-delay=0"});  // 65,540 blocks of 8
        Script client{server->address()};
        client.request("blksize\0008\0"s);
        client.packet();
        client.ack(0);
        std::uint16_t last = 0;
        for (int block = 1; block <= 65536;) {
            const auto data = client.packet();
            ASSERT_GE(data.size(), 4U) << "block " << block;
            const auto number = *Reader{as_bytes(data).subspan(2)}.u16();
            if (number == last) continue;  // sent again: on a busy machine our acknowledgement came late
            last = number;
            ++block;
            client.ack(last);
        }
        EXPECT_EQ(last, to_one ? 1 : 0);
    }
}

/// The server counts in a thread of its own.
bool comes_to_one(const auto& counter) {
    const auto until = std::chrono::steady_clock::now() + std::chrono::seconds{10};
    while (counter != 1U && std::chrono::steady_clock::now() < until) {
        std::this_thread::sleep_for(std::chrono::milliseconds{1});
    }
    return counter == 1U;
}

TEST_F(TftpServerTest, CountsTheErrorFiveThatAForeignPortGetsBack) {
    start({"tftp-size=10", "tftp-stranger"});
    Script client{server->address()};
    client.request();
    const auto first = client.packet();
    EXPECT_EQ(first, "\0\3\0\1from a foreign port"s);
    const auto foreign = client.peer();
    const auto error = "\0\5\0\5\0"s;
    ::sendto(client.fd().get(), error.data(), error.size(), 0, foreign.raw(), foreign.length());
    EXPECT_EQ(client.packet(), "\0\3\0\1"s + pattern(10));
    client.ack(1);
    EXPECT_TRUE(comes_to_one(cluster->counters.tftp_completed));
    EXPECT_TRUE(comes_to_one(cluster->counters.tftp_stranger_errors));
}

struct OddAnswer {
    const char* fault;
    std::string first;  ///< first packet to a request without options
};
class TftpOddAnswer : public TftpServerTest, public testing::WithParamInterface<OddAnswer> {};
TEST_P(TftpOddAnswer, IsWhatTheFaultSays) {
    start({"tftp-size=4"});
    ASSERT_TRUE(cluster->faults.set(GetParam().fault));
    Script client{server->address()};
    client.request();
    EXPECT_EQ(client.packet(400ms), GetParam().first);
}
INSTANTIATE_TEST_SUITE_P(, TftpOddAnswer,
                         testing::Values(OddAnswer{"tftp-silent", ""},
                                         OddAnswer{"tftp-error=3", "\0\5\0\3fault tftp-error\0"s},
                                         OddAnswer{"tftp-error-no-nul", "\0\5\0\1File not found"s},
                                         OddAnswer{"tftp-unasked-option", "\0\6windowsize\0004\0"s},
                                         OddAnswer{"tftp-wrong-blksize=2", "\0\3\0\1\0\1"s}));

TEST_F(TftpServerTest, ClosesItsPortAndComesBackOnTheSame) {
    start({"tftp-size=4"});
    const auto port = server->address().port();
    ASSERT_TRUE(cluster->faults.set("tftp-down"));
    server->close_port();
    ASSERT_TRUE(server->open_port());
    Script client{server->address()};
    client.request();
    EXPECT_EQ(client.packet(200ms), "");
    cluster->faults.clear();
    ASSERT_TRUE(cluster->faults.set("tftp-size=4"));
    ASSERT_TRUE(server->open_port());
    EXPECT_EQ(server->address().port(), port);
    EXPECT_EQ(Script{server->address()}.file(), pattern(4));
}

}  // namespace
}  // namespace tserver::sim
