#include "net/other_protocol.hpp"

#include <fmt/format.h>

#include "base/text.hpp"

namespace tserver::net {
namespace {

constexpr std::size_t shown = 64;

std::string first_line(std::string_view text) {
    return escape(text.substr(0, std::min(text.find_first_of("\r\n"), shown)), shown);
}

}  // namespace

bool begins_tls(ByteView first) noexcept {
    constexpr std::uint8_t change_cipher_spec = 20;
    constexpr std::uint8_t application_data = 23;
    if (first.empty() || first[0] < change_cipher_spec || first[0] > application_data) return false;
    return (first.size() < 2 || first[1] == 3) && (first.size() < 3 || first[2] <= 4);
}

bool is_tls_alert(ByteView first) noexcept {
    constexpr std::size_t whole = 7;
    constexpr std::uint8_t alert = 21;
    constexpr std::uint8_t length = 2;
    return first.size() >= whole && first[0] == alert && begins_tls(first) && first[3] == 0 &&
           first[4] == length && (first[5] == 1 || first[5] == 2);
}

std::optional<std::string> other_protocol(ByteView first) {
    constexpr std::size_t message_type_at = 5;
    constexpr std::uint8_t handshake = 22;
    constexpr std::uint8_t client_hello = 1;
    if (begins_tls(first)) {
        if (first.size() > message_type_at && first[0] == handshake && first[message_type_at] == client_hello)
            return "our own TLS hello comes back: a plain port that echoes";
        return std::nullopt;
    }
    const auto text = as_text(first.first(std::min(first.size(), shown)));
    if (text.starts_with("HTTP/")) return "an HTTP server answers: " + first_line(text);
    if (text.starts_with("SSH-")) return "an SSH server answers: " + first_line(text);
    return fmt::format("what answers is no TLS: {}", first_line(text));
}

}  // namespace tserver::net
