#include "base/types.hpp"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <algorithm>

#include "base/text.hpp"

namespace tserver {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool is_host_character(char c) { return is_letter(c) || is_digit(c) || c == '-' || c == '.' || c == '_'; }

/// RFC 4291, section 2.2, and a zone id behind '%' (RFC 4007, section 11).
bool is_ipv6_address(std::string_view text) {
    const auto percent = text.find('%');
    const auto zone = percent == std::string_view::npos ? "0" : text.substr(percent + 1);
    in6_addr address{};
    return inet_pton(AF_INET6, std::string{text.substr(0, percent)}.c_str(), &address) == 1 &&
           !zone.empty() && std::ranges::all_of(zone, is_host_character);
}

}  // namespace

Result<InstanceId> InstanceId::parse(std::string_view text) {
    if (text.empty())
        return fail(Fault::CONFIG_VALUE, "an instance ID has 1 to 128 characters, this one none");
    if (text.size() > 128) {
        return fail(Fault::CONFIG_VALUE,
                    fmt::format("an instance ID has 1 to 128 characters, this one {}", text.size()));
    }
    const auto bad = std::ranges::find_if_not(text, [](char c) { return is_letter(c) || is_digit(c); });
    if (bad != text.end()) {
        return fail(Fault::CONFIG_VALUE,
                    fmt::format("an instance ID has letters and digits only; character at offset {} is not",
                                bad - text.begin()));
    }
    return InstanceId{std::string{text}};
}

Result<AuthCode> AuthCode::parse(std::string_view text) {
    if (text.size() < 4 || text.size() > 10 || !std::ranges::all_of(text, is_digit)) {
        return fail(Fault::CONFIG_VALUE, "an authentication code is 4 to 10 digits");
    }
    return AuthCode{Secret{text}};
}

Result<Host> Host::parse(std::string_view text) {
    const auto whole = text;
    if (text.size() >= 2 && text.front() == '[' && text.back() == ']') text = text.substr(1, text.size() - 2);
    const bool address = text.find(':') != std::string_view::npos;
    if (!address && text.size() > 1 && text.back() == '.') text.remove_suffix(1);
    const bool name = !text.empty() && text.size() <= 253 && std::ranges::all_of(text, is_host_character) &&
                      text.front() != '-' && text.front() != '.' && text.find("..") == std::string_view::npos;
    if (!(address ? is_ipv6_address(text) : name)) {
        return fail(Fault::CONFIG_VALUE, fmt::format("\"{}\" is not a host name or address", escape(whole)));
    }
    return Host{std::string{text}};
}

Result<Endpoint> Endpoint::parse(std::string_view text, Port fallback) {
    auto host = text;
    std::string_view port;
    const auto bracket = text.rfind(']');
    const auto colon = text.rfind(':');
    const bool bare_ipv6 = bracket == std::string_view::npos && std::ranges::count(text, ':') > 1;
    if (colon != std::string_view::npos && !bare_ipv6 &&
        (bracket == std::string_view::npos || colon > bracket)) {
        host = text.substr(0, colon);
        port = text.substr(colon + 1);
    } else if (fallback == 0) {
        return fail(Fault::CONFIG_VALUE,
                    fmt::format("\"{}\" has no port (write ADDRESS:PORT, an IPv6 address in brackets)",
                                escape(text)));
    }
    TRY(parsed, Host::parse(host));
    if (colon == std::string_view::npos || bare_ipv6 || port.data() == nullptr)
        return Endpoint{std::move(parsed), fallback};
    TRY(number, parse_port(port));
    return Endpoint{std::move(parsed), number};
}

std::string Endpoint::str() const {
    return host.is_ipv6() ? fmt::format("[{}]:{}", host.str(), port) : fmt::format("{}:{}", host.str(), port);
}

Result<Port> parse_port(std::string_view text) {
    const auto number = decimal(text, 1, 65535);
    if (!number)
        return fail(Fault::CONFIG_VALUE, fmt::format("\"{}\" is not a port (1 to 65535)", escape(text)));
    return static_cast<Port>(*number);
}

}  // namespace tserver
