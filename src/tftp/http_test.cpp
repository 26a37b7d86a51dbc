// The tiny HTTP client: what it reads, and what it does with each status.
#include "tftp/http.hpp"

#include <gmock/gmock.h>

#include "net/tcp.hpp"
#include "tftp/http_reply.hpp"
#include "tftp/test_peer.hpp"

namespace tserver::tftp {
namespace {

using namespace test;
using testing::HasSubstr;

struct Reading {
    std::string_view answer;
    std::string_view outcome;  ///< body after "200 ", or the fault and the detail
};

/// Feeds the answer in pieces of `step` octets and then the end of the connection.
std::string read(std::string_view answer, std::size_t step) {
    HttpReply reply{20};
    Result<void> fed;
    for (std::size_t at = 0; at < answer.size() && fed && !reply.complete(); at += step) {
        fed = reply.feed(as_bytes(answer.substr(at, step)));
    }
    if (fed) fed = reply.end();
    if (!fed) return fmt::format("{} {}", id(fed.error().fault), fed.error().detail);
    return fmt::format("{} {}", reply.status(), as_text(reply.take_body()));
}

class HttpAnswers : public testing::TestWithParam<Reading> {};

TEST_P(HttpAnswers, AreReadAlikeInAnyPieces) {
    for (const std::size_t step : {1U, 2U, 7U, 100'000U}) {
        EXPECT_EQ(read(GetParam().answer, step), GetParam().outcome) << "pieces of " << step;
    }
}

INSTANTIATE_TEST_SUITE_P(
    , HttpAnswers,
    testing::Values(
        Reading{"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabcde", "200 abcde"},
        Reading{"HTTP/1.1 200 OK\r\ncontent-length:5\r\n\r\nabcdefg", "200 abcde"},
        Reading{"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "200 "},
        Reading{"HTTP/1.0 200 OK\r\nServer: x\r\n\r\nto the end", "200 to the end"},
        Reading{"HTTP/1.1 200\r\n\r\nx", "200 x"},
        Reading{"HTTP/1.1 404 Not Found\r\nContent-Length: 99999999\r\n\r\n", "404 "},
        Reading{"HTTP/1.1 302 Found\r\nLocation: http://evil/\r\n\r\n", "302 "},
        Reading{"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabc",
                "TFTP_PROTOCOL the connection ended after 3 of 5 octets"},
        Reading{"HTTP/1.1 200 OK\r\nContent-Le",
                "TFTP_PROTOCOL the connection ended after 27 octets of headers"},
        Reading{"", "TFTP_PROTOCOL the connection ended after 0 octets of headers"},
        Reading{"HTTP/1.1 200 OK\r\nContent-Length: 21\r\n\r\n",
                "CTL_TOO_LARGE a file of 21 octets, 20 are taken at most"},
        Reading{"HTTP/1.1 200 OK\r\n\r\n123456789012345678901",
                "CTL_TOO_LARGE a file of more than 20 octets"},
        Reading{"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", "TFTP_PROTOCOL Content-Length \"-1\""},
        Reading{"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n",
                "TFTP_PROTOCOL Content-Length \"6\""},
        Reading{"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
                "TFTP_PROTOCOL a body in the encoding \"chunked\""},
        Reading{"HTTP/1.1 200 OK\r\nno colon\r\n\r\n", "TFTP_PROTOCOL HTTP header \"no colon\""},
        Reading{"HTTP/1.1 99 OK\r\n\r\n", "TFTP_PROTOCOL not an HTTP/1 status line: \"HTTP/1.1 99 OK\""},
        Reading{"HTTP/2 200 OK\r\n\r\n", "TFTP_PROTOCOL not an HTTP/1 status line: \"HTTP/2 200 OK\""},
        Reading{"\x16", "TFTP_PROTOCOL not HTTP: \"\\x16\""}));

TEST(HttpAnswer, WithEndlessHeadersIsRefused) {
    EXPECT_EQ(read("HTTP/1.1 200 OK\r\n" + std::string(100'000, 'x'), 1000),
              "TFTP_PROTOCOL HTTP headers above 16384 octets");
}

/// A listening socket that gives one answer after the other, each on its own connection.
class HttpPeer {
public:
    explicit HttpPeer(std::vector<std::string> answers)
        : listener_{net::listen(address("127.0.0.1", 0)).value()}, script_{[this, all = std::move(answers)] {
              play(all);
          }} {}

    [[nodiscard]] Port port() const { return net::local_address(listener_.get()).port(); }
    /// What was asked, once every answer has been given.
    std::vector<std::string> requests() {
        script_.join();
        return requests_;
    }

private:
    void play(const std::vector<std::string>& answers) {
        for (const auto& answer : answers) {
            pollfd wait{listener_.get(), POLLIN, 0};
            if (::poll(&wait, 1, 5000) != 1) return;
            const os::Fd connection{::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC)};
            std::array<char, 2048> buffer{};
            const auto got = ::recv(connection.get(), buffer.data(), buffer.size(), 0);
            requests_.emplace_back(buffer.data(), got < 0 ? 0U : static_cast<std::size_t>(got));
            ::send(connection.get(), answer.data(), answer.size(), MSG_NOSIGNAL);
        }
    }
    os::Fd listener_;
    std::vector<std::string> requests_;
    Script script_;
};

Result<HttpFile> get(Port port, HttpLimits limits = {}) {
    limits.busy_pause = 5ms;
    net::Loop loop;
    return run_to_end(loop, http_get(loop, host("127.0.0.1"), port, "CTLFile.tlv", limits));
}

const std::string busy = "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n";

TEST(HttpGet, AsksForTheFileAndReturnsIt) {
    HttpPeer peer{{"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc"}};
    const auto got = get(peer.port());
    ASSERT_TRUE(got) << got.error().text();
    EXPECT_EQ(as_text(got->file), "abc");
    EXPECT_EQ(got->from, fmt::format("127.0.0.1:{}", peer.port()));
    EXPECT_EQ(
        peer.requests(),
        (std::vector<std::string>{fmt::format("GET /CTLFile.tlv HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nAccept: "
                                              "*/*\r\nUser-Agent: tserver\r\nConnection: close\r\n\r\n",
                                              peer.port())}));
}

TEST(HttpGet, AsksAgainWhileTheServiceIsBusy) {
    HttpPeer peer{{busy, busy, "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx"}};
    const auto got = get(peer.port());
    ASSERT_TRUE(got) << got.error().text();
    EXPECT_EQ(peer.requests().size(), 3U);
}

TEST(HttpGet, GivesUpAServiceThatStaysBusy) {
    HttpPeer peer{{busy, busy, busy, busy}};
    const auto got = get(peer.port());
    ASSERT_FALSE(got);
    EXPECT_EQ(got.error().fault, Fault::TFTP_REFUSED);
    EXPECT_THAT(got.error().detail, HasSubstr("HTTP 503 Service Unavailable for CTLFile.tlv, 4 times"));
}

struct Status {
    std::string answer;
    Fault fault;
    std::string_view detail;
};
class HttpStatus : public testing::TestWithParam<Status> {};

TEST_P(HttpStatus, BecomesItsFault) {
    HttpPeer peer{{GetParam().answer}};
    const auto got = get(peer.port());
    ASSERT_FALSE(got);
    EXPECT_EQ(got.error().fault, GetParam().fault);
    EXPECT_THAT(got.error().detail, HasSubstr(GetParam().detail));
}
INSTANTIATE_TEST_SUITE_P(, HttpStatus,
                         testing::Values(Status{"HTTP/1.1 404 Not Found\r\n\r\n", Fault::CTL_NOT_FOUND,
                                                "HTTP 404 Not Found for CTLFile.tlv"},
                                         Status{"HTTP/1.1 302 Found\r\nLocation: /x\r\n\r\n",
                                                Fault::TFTP_REFUSED, "HTTP 302 Found"},
                                         Status{"HTTP/1.1 403 \x1b[31m\r\n\r\n", Fault::TFTP_REFUSED,
                                                "HTTP 403 \\x1b[31m"},
                                         Status{"SSH-2.0-OpenSSH\r\n", Fault::TFTP_PROTOCOL, "not HTTP"}));

TEST(HttpGet, SaysThatNobodyListens) {
    const auto port = HttpPeer{{}}.port();
    const auto got = get(port);
    ASSERT_FALSE(got);
    EXPECT_EQ(got.error().fault, Fault::TFTP_UNREACHABLE);
    EXPECT_THAT(got.error().detail, HasSubstr(fmt::format("127.0.0.1:{}: Connection refused", port)));
}

TEST(HttpGet, SaysHowFarItGotWhenTheDeadlinePasses) {
    const auto listener = net::listen(address("127.0.0.1", 0)).value();
    std::promise<void> returned;
    Script server{[&] {
        pollfd wait{listener.get(), POLLIN, 0};
        if (::poll(&wait, 1, 5000) != 1) return;
        const os::Fd connection{::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC)};
        const std::string part = "HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\nabc";
        ::send(connection.get(), part.data(), part.size(), MSG_NOSIGNAL);
        returned.get_future().wait();
    }};
    HttpLimits limits;
    limits.deadline = 300ms;
    const auto port = net::local_address(listener.get()).port();
    const auto got = get(port, limits);
    returned.set_value();
    ASSERT_FALSE(got);
    EXPECT_EQ(got.error().fault, Fault::TFTP_UNREACHABLE);
    EXPECT_EQ(got.error().detail,
              fmt::format("127.0.0.1:{}: not complete within 300 ms: no whole answer (3 octets of the file)",
                          port));
}

}  // namespace
}  // namespace tserver::tftp
