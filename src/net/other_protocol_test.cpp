#include "net/other_protocol.hpp"

#include <gmock/gmock.h>

namespace tserver::net {
namespace {

struct Case {
    const char* name;
    std::string_view first;
    std::optional<std::string> seen;
};

class OtherProtocol : public testing::TestWithParam<Case> {};

TEST_P(OtherProtocol, is_told_by_its_first_octets) {
    EXPECT_EQ(other_protocol(as_bytes(GetParam().first)), GetParam().seen);
}

using namespace std::string_view_literals;
INSTANTIATE_TEST_SUITE_P(
    , OtherProtocol,
    testing::Values(
        Case{"server_hello", "\x16\x03\x03\x00\x5a\x02"sv, {}},
        Case{"alert", "\x15\x03\x01\x00\x02\x02\x46"sv, {}}, Case{"one_octet_of_tls", "\x16"sv, {}},
        Case{"echo", "\x16\x03\x01\x00\xc8\x01"sv, "our own TLS hello comes back: a plain port that echoes"},
        Case{"http", "HTTP/1.1 400 Bad Request\r\nServer: x"sv,
             "an HTTP server answers: HTTP/1.1 400 Bad Request"},
        Case{"ssh", "SSH-2.0-OpenSSH_9.2\r\n"sv, "an SSH server answers: SSH-2.0-OpenSSH_9.2"},
        Case{"smtp", "220 mail ready\n"sv, "what answers is no TLS: 220 mail ready"},
        Case{"control_octets_are_escaped", "\x16\x41\x1b[2J"sv, "what answers is no TLS: \\x16A\\x1b[2J"}),
    [](const auto& info) { return std::string{info.param.name}; });

TEST(TlsAlert, is_seven_octets_of_one_record_and_nothing_else) {
    const std::vector<std::pair<std::string_view, bool>> cases{
        {"\x15\x03\x01\x00\x02\x02\x46"sv, true},  {"\x15\x03\x03\x00\x02\x02\x28"sv, true},
        {"\x15\x03\x03\x00\x02\x02"sv, false},     {"\x16\x03\x03\x00\x02\x02\x28"sv, false},
        {"\x15\x03\x03\x00\x1a\x02\x28"sv, false}, {"\x15\x03\x03\x00\x02\x07\x28"sv, false},
        {"\x15\x02\x03\x00\x02\x02\x28"sv, false}, {"", false}};
    for (const auto& [octets, alert] : cases)
        EXPECT_EQ(is_tls_alert(as_bytes(octets)), alert) << octets.size();
}

}  // namespace
}  // namespace tserver::net
