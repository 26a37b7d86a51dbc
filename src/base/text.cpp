#include "base/text.hpp"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <numeric>

#include "base/bytes.hpp"

namespace tserver {
namespace {

/// Length of the valid UTF-8 sequence at the front, 0 if there is none (overlong forms, surrogates and
/// anything above U+10FFFF are invalid: RFC 3629).
std::size_t utf8_length(std::string_view text) {
    const auto at = [&](std::size_t i) { return i < text.size() ? static_cast<unsigned char>(text[i]) : 0U; };
    const auto tail = [&](std::size_t i) { return (at(i) & 0xC0U) == 0x80U; };
    const unsigned a = at(0);
    if (a < 0x80) return 1;
    if (a >= 0xC2 && a <= 0xDF) return tail(1) ? 2 : 0;
    if (a >= 0xE0 && a <= 0xEF) {
        if (!tail(1) || !tail(2)) return 0;
        if ((a == 0xE0 && at(1) < 0xA0) || (a == 0xED && at(1) > 0x9F)) return 0;
        return 3;
    }
    if (a >= 0xF0 && a <= 0xF4) {
        if (!tail(1) || !tail(2) || !tail(3)) return 0;
        if ((a == 0xF0 && at(1) < 0x90) || (a == 0xF4 && at(1) > 0x8F)) return 0;
        return 4;
    }
    return 0;
}

bool is_control(std::string_view character) {
    const auto first = static_cast<unsigned char>(character[0]);
    if (character.size() == 1) return first < 0x20 || first == 0x7F;
    // C1 controls, and the characters that turn the direction of text around.
    const auto second = static_cast<unsigned char>(character[1]);
    if (character.size() == 2) return (first == 0xC2 && second < 0xA0) || (first == 0xD8 && second == 0x9C);
    const auto third = static_cast<unsigned char>(character[2]);
    return first == 0xE2 &&
           ((second == 0x80 && ((third >= 0x8B && third <= 0x8F) || (third >= 0xA8 && third <= 0xAE))) ||
            (second == 0x81 && third >= 0xA0 && third <= 0xAF));
}

std::size_t distance(std::string_view a, std::string_view b) {
    std::vector<std::size_t> line(b.size() + 1);
    std::iota(line.begin(), line.end(), std::size_t{0});
    for (std::size_t i = 0; i < a.size(); ++i) {
        std::size_t diagonal = line[0];
        line[0] = i + 1;
        for (std::size_t j = 0; j < b.size(); ++j) {
            const std::size_t change = diagonal + (a[i] == b[j] ? 0 : 1);
            diagonal = line[j + 1];
            line[j + 1] = std::min({line[j] + 1, line[j + 1] + 1, change});
        }
    }
    return line.back();
}

}  // namespace

std::string_view trim(std::string_view text) {
    constexpr std::string_view blanks = " \t\r\n\v\f";
    const auto first = text.find_first_not_of(blanks);
    if (first == std::string_view::npos) return {};
    return text.substr(first, text.find_last_not_of(blanks) - first + 1);
}

std::vector<std::string_view> split(std::string_view text, char separator) {
    std::vector<std::string_view> out;
    for (;;) {
        const auto at = text.find(separator);
        out.push_back(trim(text.substr(0, at)));
        if (at == std::string_view::npos) return out;
        text.remove_prefix(at + 1);
    }
}

std::string lower_case(std::string_view text) {
    std::string out{text};
    for (auto& c : out) {
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    }
    return out;
}

std::string escape(std::string_view text, std::size_t limit) {
    std::string out;
    std::size_t used = 0;
    while (!text.empty()) {
        const auto length = utf8_length(text);
        const auto character = text.substr(0, std::max<std::size_t>(length, 1));
        if (used + character.size() > limit) return out + "…";
        if (length == 0 || is_control(character)) {
            for (const auto octet : as_bytes(character)) out += "\\x" + hex({&octet, 1});
        } else if (character == "\\") {
            out += "\\\\";
        } else {
            out += character;
        }
        used += character.size();
        text.remove_prefix(character.size());
    }
    return out;
}

std::optional<std::size_t> invalid_utf8_at(std::string_view text) {
    for (std::size_t i = 0; i < text.size();) {
        const auto length = utf8_length(text.substr(i));
        if (length == 0) return i;
        i += length;
    }
    return std::nullopt;
}

std::optional<long> decimal(std::string_view text, long low, long high) {
    long value = 0;
    const auto* end = text.data() + text.size();
    const auto [at, error] = std::from_chars(text.data(), end, value);
    if (text.empty() || error != std::errc{} || at != end || value < low || value > high) return std::nullopt;
    return value;
}

std::optional<std::string_view> nearest(std::string_view word, const std::vector<std::string_view>& known) {
    const auto limit = std::max<std::size_t>(2, word.size() / 3);
    std::optional<std::string_view> best;
    auto best_distance = limit + 1;
    for (const auto candidate : known) {
        if (const auto d = distance(word, candidate); d < best_distance) {
            best = candidate;
            best_distance = d;
        }
    }
    return best;
}

}  // namespace tserver
