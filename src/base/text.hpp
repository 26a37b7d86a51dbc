// Text from outside: cutting it, and making it safe to show.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tserver {

std::string_view trim(std::string_view text);
/// Pieces between separators, each trimmed; empty pieces are kept.
std::vector<std::string_view> split(std::string_view text, char separator);
std::string lower_case(std::string_view text);

/// Text of a peer made safe for a terminal, a log line and a table: control characters, quotes-breaking
/// octets and invalid UTF-8 become \xNN, a backslash \\; cut at `limit` octets with "…" behind.
std::string escape(std::string_view text, std::size_t limit = 200);

/// Offset of the first octet that is not part of valid UTF-8.
std::optional<std::size_t> invalid_utf8_at(std::string_view text);

/// A whole decimal number of the given range, nothing before or behind it.
std::optional<long> decimal(std::string_view text, long low, long high);

/// The word of `known` nearest to `word`, if it is near enough to be a typing error.
std::optional<std::string_view> nearest(std::string_view word, const std::vector<std::string_view>& known);

}  // namespace tserver
