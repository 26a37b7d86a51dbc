// Two kinds of time: instants that are shown (sys_seconds), and a steady clock to wait by. Both are passed
// in.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace tserver {

using Instant = std::chrono::sys_seconds;
using Steady = std::chrono::steady_clock;

inline Instant wall_now() {
    return std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
}

/// "2026-11-25T10:00:00Z" (RFC 3339, UTC).
std::string rfc3339(Instant when);
/// "2026-11-25T10:00:00.123Z"
std::string rfc3339_ms(std::chrono::system_clock::time_point when);
std::optional<Instant> from_rfc3339(std::string_view text);
/// As rfc3339_ms() writes it; nothing for a time that the system's clock cannot hold.
std::optional<std::chrono::sys_time<std::chrono::milliseconds>> from_rfc3339_ms(std::string_view text);

/// Whole days from `now` until `when`, rounded down; negative once it has passed.
long days_until(Instant when, Instant now);

}  // namespace tserver
