#include "config/values.hpp"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace tserver::config {
namespace {

using std::chrono::milliseconds;

constexpr std::array<std::pair<std::string_view, long>, 5> units{
    {{"d", 86'400'000}, {"h", 3'600'000}, {"m", 60'000}, {"s", 1'000}, {"ms", 1}}};

std::optional<milliseconds> duration(std::string_view text) {
    const auto digits = std::min(text.find_first_not_of("0123456789"), text.size());
    const auto number = decimal(text.substr(0, digits), 0, 1'000'000'000);
    const auto unit = trim(text.substr(digits));
    if (!number) return std::nullopt;
    if (unit.empty()) return milliseconds{*number * 1'000};
    const auto* at = std::ranges::find(units, unit, &std::pair<std::string_view, long>::first);
    return at == units.end() ? std::nullopt : std::optional{milliseconds{*number * at->second}};
}

Result<void> check_path(std::string_view text) {
    if (!text.starts_with('/'))
        return fail(Fault::CONFIG_VALUE, "the path must be absolute, beginning with /");
    if (text.size() > 4000) return fail(Fault::CONFIG_VALUE, "the path is longer than 4000 octets");
    return {};
}

bool is_v4(const Address& a) {
    return std::all_of(a.begin(), a.begin() + 10, [](auto o) { return o == 0; }) && a[10] == 0xFF &&
           a[11] == 0xFF;
}
bool is_unspecified(const Address& a) {
    const auto zero = [](auto o) { return o == 0; };
    return std::ranges::all_of(a, zero) || (is_v4(a) && std::all_of(a.begin() + 12, a.end(), zero));
}

bool is_credential_name(std::string_view name) {
    return !name.empty() && name.size() <= 255 && name.find('/') == std::string_view::npos && name != "." &&
           name != "..";
}

}  // namespace

Result<bool> read_bool(std::string_view text) {
    static constexpr Word<bool> words[]{{"true", true}, {"false", false}, {"yes", true}, {"no", false}};
    return read_word(text, words);
}
std::string bool_text(bool value) { return value ? "true" : "false"; }

Result<milliseconds> read_duration(std::string_view text, milliseconds low, milliseconds high) {
    const auto value = duration(text);
    if (!value || *value < low || *value > high) {
        return fail(Fault::CONFIG_VALUE, fmt::format("\"{}\" is not a time from {} to {}", escape(text, 60),
                                                     duration_text(low), duration_text(high)));
    }
    return *value;
}

std::string duration_text(milliseconds value) {
    for (const auto& [unit, size] : units) {
        if (value.count() % size == 0 && value.count() != 0)
            return fmt::format("{}{}", value.count() / size, unit);
    }
    return "0s";
}

Result<Host> read_host(std::string_view text) {
    TRY(host, Host::parse(text));
    const bool numeric = host.str().find_first_not_of("0123456789.") == std::string::npos;
    if ((numeric || host.is_ipv6()) && !address_of(host)) {
        return fail(Fault::CONFIG_VALUE,
                    fmt::format("\"{}\" is neither a name nor a valid address", escape(text)));
    }
    return host;
}

Result<std::vector<Host>> read_hosts(std::string_view text) {
    std::vector<Host> hosts;
    for (const auto piece : split(text, ',')) {
        if (piece.empty())
            return fail(Fault::CONFIG_VALUE, "a host is missing between two commas or at an end");
        TRY(host, read_host(piece));
        if (std::ranges::find(hosts, host) != hosts.end())
            return fail(Fault::CONFIG_VALUE, fmt::format("\"{}\" is in the list twice", escape(piece)));
        hosts.push_back(std::move(host));
    }
    return hosts;
}

std::string hosts_text(const std::vector<Host>& hosts) {
    std::string out;
    for (const auto& host : hosts) out += (out.empty() ? "" : ", ") + host.str();
    return out;
}

Result<Endpoint> read_listen(std::string_view text) {
    TRY(endpoint, Endpoint::parse(text, 2748));
    if (!address_of(endpoint.host)) {
        return fail(
            Fault::CONFIG_VALUE,
            fmt::format("\"{}\" is not an address of this host (a name is not taken here)", escape(text)));
    }
    return endpoint;
}

Result<Bytes> read_fingerprint(std::string_view text) {
    auto octets = from_hex(text);
    if (!octets) return fail(Fault::CONFIG_VALUE, "a fingerprint is 64 hex digits (SHA-256), like AB:CD:…");
    if (octets->size() != 32) {
        return fail(Fault::CONFIG_VALUE,
                    fmt::format("a SHA-256 fingerprint has 32 octets, this one has {}{}", octets->size(),
                                octets->size() == 20 ? " (a SHA-1 one)" : ""));
    }
    return *std::move(octets);
}

Result<std::filesystem::path> read_path(std::string_view text) {
    CHECK(check_path(text));
    return std::filesystem::path{text};
}

Result<std::string> read_password_file(std::string_view text) {
    if (!text.starts_with(credential_prefix)) {
        CHECK(check_path(text));
    } else if (!is_credential_name(text.substr(credential_prefix.size()))) {
        return fail(Fault::CONFIG_VALUE, "the name of a credential is a file name without /");
    }
    return std::string{text};
}

std::optional<Address> address_of(const Host& host) {
    Address octets{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF};
    if (inet_pton(AF_INET, host.str().c_str(), octets.data() + 12) == 1) return octets;
    const auto bare = host.str().substr(0, host.str().find('%'));
    if (inet_pton(AF_INET6, bare.c_str(), octets.data()) == 1) return octets;
    return std::nullopt;
}

bool is_loopback(const Host& host) {
    const auto address = address_of(host);
    if (!address) return false;
    const Address& a = *address;
    return a == Address{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1} || (is_v4(a) && a[12] == 127);
}

bool overlap(const Listener& a, const Listener& b) {
    return a.port == b.port && a.address && b.address &&
           (*a.address == *b.address || is_unspecified(*a.address) || is_unspecified(*b.address));
}

}  // namespace tserver::config
