// How the values of options are read and written. Every read_… gives CONFIG_VALUE with a detail that says
// what is valid; every …_text gives what read_… reads back.
#pragma once

#include <array>
#include <chrono>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "base/bytes.hpp"
#include "base/result.hpp"
#include "base/text.hpp"
#include "base/types.hpp"
#include "config/link_config.hpp"

namespace tserver::config {

/// true, yes / false, no
Result<bool> read_bool(std::string_view text);
std::string bool_text(bool value);

/// "10s", "500ms", "2m", "12h"; a bare number is seconds.
Result<std::chrono::milliseconds> read_duration(std::string_view text, std::chrono::milliseconds low,
                                                std::chrono::milliseconds high);
/// In the largest unit that is exact.
std::string duration_text(std::chrono::milliseconds value);

/// A name, or an address that really is one: "10.1.1.500" and "fe80::zz" are refused.
Result<Host> read_host(std::string_view text);
/// A comma list of hosts, none of them empty.
Result<std::vector<Host>> read_hosts(std::string_view text);
std::string hosts_text(const std::vector<Host>& hosts);
/// Address and port of this host; 2748 if the port is left out. A name is refused.
Result<Endpoint> read_listen(std::string_view text);

/// SHA-256 as 64 hex digits, pairs may be separated by ':' or blanks.
Result<Bytes> read_fingerprint(std::string_view text);

/// An absolute path, taken as it is: blanks, quotes and any UTF-8 (F90).
Result<std::filesystem::path> read_path(std::string_view text);
/// An absolute path, or "credential:NAME" (systemd).
Result<std::string> read_password_file(std::string_view text);
inline constexpr std::string_view credential_prefix = "credential:";

/// Octets of an address, IPv4 as IPv4-mapped IPv6, so that equal addresses compare equal.
using Address = std::array<std::uint8_t, 16>;
/// Nothing for a name.
std::optional<Address> address_of(const Host& host);
bool is_loopback(const Host& host);

struct Listener {
    std::optional<Address> address;
    Port port;
};
inline Listener listener_of(const Endpoint& at) { return {address_of(at.host), at.port}; }
/// Whether two cannot both have what they ask for; an unspecified address (0.0.0.0, ::) takes every address.
bool overlap(const Listener& a, const Listener& b);

template <class E>
struct Word {
    std::string_view text;
    E value;
};
/// One of a few words; the detail lists them and guesses which was meant.
template <class E, std::size_t n>
Result<E> read_word(std::string_view text, const Word<E> (&words)[n]) {
    std::vector<std::string_view> known;
    for (const auto& word : words) {
        if (word.text == text) return word.value;
        known.push_back(word.text);
    }
    std::string list;
    for (std::size_t i = 0; i < n; ++i) {
        list += i == 0 ? "" : i + 1 < n ? ", " : " or ";
        list += known[i];
    }
    const auto guess = nearest(lower_case(text), known);
    return fail(Fault::CONFIG_VALUE, "\"" + escape(text, 60) + "\" is not " + list +
                                         (guess ? "; \"" + std::string{*guess} + "\"?" : std::string{}));
}
template <class E, std::size_t n>
std::string word_text(E value, const Word<E> (&words)[n]) {
    for (const auto& word : words) {
        if (word.value == value) return std::string{word.text};
    }
    return {};
}

}  // namespace tserver::config
