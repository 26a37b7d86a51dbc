#include "base/types.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.hpp"

namespace tserver {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool is_host_character(char c) { return is_letter(c) || is_digit(c) || c == '-' || c == '.' || c == '_'; }
bool is_address_character(char c) {
    return is_letter(c) || is_digit(c) || c == ':' || c == '.' || c == '%' || c == '-' || c == '_';
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
    const bool good = !text.empty() && text.size() <= 253 &&
                      std::ranges::all_of(text, address ? is_address_character : is_host_character);
    if (!good || (!address && (text.front() == '-' || text.front() == '.' ||
                               text.find("..") != std::string_view::npos))) {
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
