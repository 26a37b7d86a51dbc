// The small values that every layer speaks of. Each is checked where it is made and cannot be wrong
// afterwards.
#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "base/secret.hpp"

namespace tserver {

/// Instance ID of a CAPF profile. The cluster allows one live CTI connection per instance ID, so two links
/// never hold equal values (checked when the configuration is read). Source: doc/protocols/capf.md,
/// section 2.
class InstanceId {
public:
    /// @param text  1 to 128 of A–Z a–z 0–9. Blanks are refused, not trimmed: the cluster keeps them.
    /// @return      CONFIG_VALUE; the detail gives the offset (octets, from 0) of the first bad character.
    static Result<InstanceId> parse(std::string_view text);

    [[nodiscard]] const std::string& str() const noexcept { return text_; }
    auto operator<=>(const InstanceId&) const = default;

private:
    explicit InstanceId(std::string text) : text_{std::move(text)} {}
    std::string text_;
};

/// One-time authentication code that arms an enrolment: 4 to 10 digits.
class AuthCode {
public:
    /// @return CONFIG_VALUE; the detail never repeats the text.
    static Result<AuthCode> parse(std::string_view text);

    [[nodiscard]] std::string_view reveal() const noexcept { return digits_.reveal(); }
    friend bool operator==(const AuthCode&, const AuthCode&) = default;

private:
    explicit AuthCode(Secret digits) : digits_{std::move(digits)} {}
    Secret digits_;
};

using Port = std::uint16_t;

/// A host by name or by address, as an operator writes it: "cucm-pub.example.com", "10.1.1.5",
/// "[fe80::1%eth0]". Brackets and a trailing dot are taken off.
class Host {
public:
    /// @return CONFIG_VALUE
    static Result<Host> parse(std::string_view text);

    [[nodiscard]] const std::string& str() const noexcept { return text_; }
    [[nodiscard]] bool is_ipv6() const noexcept { return text_.find(':') != std::string::npos; }
    auto operator<=>(const Host&) const = default;

private:
    explicit Host(std::string text) : text_{std::move(text)} {}
    std::string text_;
};

/// Host and port: "10.1.1.5:2749", "[::1]:2749".
struct Endpoint {
    Host host;
    Port port;

    /// @param fallback  the port when the text has none; 0 = the text must have one.
    static Result<Endpoint> parse(std::string_view text, Port fallback = 0);
    [[nodiscard]] std::string str() const;
    auto operator<=>(const Endpoint&) const = default;
};

/// @return CONFIG_VALUE for anything but 1 to 65535
Result<Port> parse_port(std::string_view text);

}  // namespace tserver
