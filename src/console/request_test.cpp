#include "console/request.hpp"

#include <gmock/gmock.h>

namespace tserver::console {
namespace {

using testing::HasSubstr;

std::string get(std::string_view line, std::string_view headers = "Host: localhost\r\n") {
    return std::string{line} + "\r\n" + std::string{headers} + "\r\n";
}

TEST(RequestTest, IsReadWithItsPathQueryAndHost) {
    const auto got =
        parse_request(get("GET /api/v1/status?x=1?y HTTP/1.1", "Host: LocalHost:9748\r\nAccept: */*\r\n"));
    ASSERT_TRUE(got) << got.error().why;
    EXPECT_EQ(got->path, "/api/v1/status");
    EXPECT_EQ(got->query, "x=1?y");
    EXPECT_EQ(got->host, "localhost");
    EXPECT_FALSE(got->head_only);
    EXPECT_TRUE(got->keep_alive);
}

TEST(RequestTest, SaysWhatConcernsTheConnection) {
    EXPECT_TRUE(parse_request(get("HEAD / HTTP/1.1"))->head_only);
    EXPECT_FALSE(parse_request(get("GET / HTTP/1.0"))->keep_alive);
    EXPECT_FALSE(parse_request(get("GET / HTTP/1.1", "Host: a\r\nConnection: Close\r\n"))->keep_alive);
    EXPECT_EQ(parse_request(get("GET / HTTP/1.1", "Host: a\r\nLast-Event-ID:  ab:7 \r\n"))->last_event,
              "ab:7");
    EXPECT_TRUE(parse_request(get("GET / HTTP/1.1", "Host: a\r\nContent-Length: 0\r\n")));
}

struct HostCase {
    const char *value, *host;  ///< nullptr: refused
};

TEST(RequestTest, TakesAHostApart) {
    const HostCase rows[] = {
        {"a", "a"},           {"A.b:80", "a.b"},     {"127.0.0.1:9748", "127.0.0.1"},
        {"[::1]", "[::1]"},   {"[::1]:80", "[::1]"}, {"a:", "a"},
        {"", nullptr},        {":80", nullptr},      {"a:x", nullptr},
        {"[::1", nullptr},    {"[::1]x", nullptr},   {"a b", nullptr},
        {"a:70000", nullptr},
    };
    for (const auto& row : rows) {
        const auto got = parse_request(get("GET / HTTP/1.1", std::string{"Host: "} + row.value + "\r\n"));
        if (row.host == nullptr) {
            EXPECT_FALSE(got) << row.value;
        } else {
            ASSERT_TRUE(got) << row.value;
            EXPECT_EQ(got->host, row.host);
        }
    }
}

struct RefusalCase {
    const char* why;
    std::string head;
    int status;
};

TEST(RequestTest, IsRefused) {
    const RefusalCase rows[] = {
        {"another method", get("POST / HTTP/1.1"), 405},
        {"no method", get(" / HTTP/1.1"), 400},
        {"a method that is no token", get("G(T / HTTP/1.1"), 400},
        {"no version", get("GET /"), 400},
        {"HTTP/2", get("GET / HTTP/2.0"), 505},
        {"HTTP/1.2", get("GET / HTTP/1.2"), 505},
        {"a blank in the target", get("GET /a b HTTP/1.1"), 400},
        {"a whole URL", get("GET http://a/ HTTP/1.1"), 400},
        {"an asterisk", get("GET * HTTP/1.1"), 400},
        {"octets above 0x7f in the target", get("GET /\xc3\xa4 HTTP/1.1"), 400},
        {"no Host", get("GET / HTTP/1.1", ""), 400},
        {"two Hosts", get("GET / HTTP/1.1", "Host: a\r\nHost: b\r\n"), 400},
        {"a body", get("GET / HTTP/1.1", "Host: a\r\nContent-Length: 5\r\n"), 413},
        {"two lengths in one", get("GET / HTTP/1.1", "Host: a\r\nContent-Length: 0, 5\r\n"), 413},
        {"chunks", get("GET / HTTP/1.1", "Host: a\r\nTransfer-Encoding: chunked\r\n"), 400},
        {"an upgrade", get("GET / HTTP/1.1", "Host: a\r\nUpgrade: h2c\r\n"), 400},
        {"a blank before the colon", get("GET / HTTP/1.1", "Host : a\r\n"), 400},
        {"a continued line", get("GET / HTTP/1.1", "Host: a\r\n b: c\r\n"), 400},
        {"a header without a colon", get("GET / HTTP/1.1", "Host: a\r\nb\r\n"), 400},
        {"a lone CR", get("GET / HTTP/1.1", "Host: a\rX: b\r\n"), 400},
        {"a lone LF", get("GET / HTTP/1.1", "Host: a\nX: b\r\n"), 400},
        {"a NUL", get("GET / HTTP/1.1", std::string_view{"Host: a\0b\r\n", 11}), 400},
        {"nothing", "", 400},
        {"an unfinished head", "GET / HTTP/1.1\r\nHost: a\r\n", 400},
        {"two heads", get("GET / HTTP/1.1") + get("GET / HTTP/1.1"), 400},
        {"a head that is too long", get("GET / HTTP/1.1", "Host: a\r\nX: " + std::string(9000, 'x') + "\r\n"),
         431},
    };
    for (const auto& row : rows) {
        const auto got = parse_request(row.head);
        ASSERT_FALSE(got) << row.why;
        EXPECT_EQ(got.error().status, row.status) << row.why;
    }
}

TEST(RequestTest, EndsWithItsEmptyLine) {
    EXPECT_EQ(end_of_head("GET / HTTP/1.1\r\n\r\nrest"), 18U);
    EXPECT_FALSE(end_of_head("GET / HTTP/1.1\r\n"));
    EXPECT_FALSE(end_of_head("GET / HTTP/1.1\n\n"));
}

}  // namespace
}  // namespace tserver::console
