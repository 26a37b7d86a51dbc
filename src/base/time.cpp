#include "base/time.hpp"

#include <fmt/format.h>

#include "base/text.hpp"

namespace tserver {
namespace {

std::string stem(Instant when) {
    const auto day = std::chrono::floor<std::chrono::days>(when);
    const std::chrono::year_month_day date{day};
    const std::chrono::hh_mm_ss clock{when - day};
    return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}", static_cast<int>(date.year()),
                       static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                       clock.hours().count(), clock.minutes().count(), clock.seconds().count());
}

}  // namespace

std::string rfc3339(Instant when) { return stem(when) + "Z"; }

std::string rfc3339_ms(std::chrono::system_clock::time_point when) {
    const auto seconds = std::chrono::floor<std::chrono::seconds>(when);
    const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(when - seconds).count();
    return fmt::format("{}.{:03}Z", stem(seconds), ms);
}

std::optional<Instant> from_rfc3339(std::string_view t) {
    if (t.size() != 20 || t[4] != '-' || t[7] != '-' || t[10] != 'T' || t[13] != ':' || t[16] != ':' ||
        t[19] != 'Z') {
        return std::nullopt;
    }
    const auto year = decimal(t.substr(0, 4), 0, 9999);
    const auto month = decimal(t.substr(5, 2), 1, 12);
    const auto day = decimal(t.substr(8, 2), 1, 31);
    const auto hour = decimal(t.substr(11, 2), 0, 23);
    const auto minute = decimal(t.substr(14, 2), 0, 59);
    const auto second = decimal(t.substr(17, 2), 0, 60);
    if (!year || !month || !day || !hour || !minute || !second) return std::nullopt;
    const std::chrono::year_month_day date{std::chrono::year{static_cast<int>(*year)},
                                           std::chrono::month{static_cast<unsigned>(*month)},
                                           std::chrono::day{static_cast<unsigned>(*day)}};
    if (!date.ok()) return std::nullopt;
    return std::chrono::sys_days{date} + std::chrono::hours{*hour} + std::chrono::minutes{*minute} +
           std::chrono::seconds{*second};
}

std::optional<std::chrono::sys_time<std::chrono::milliseconds>> from_rfc3339_ms(std::string_view t) {
    if (t.size() != 24 || t[19] != '.' || t[23] != 'Z') return std::nullopt;
    const auto seconds = from_rfc3339(std::string{t.substr(0, 19)} + 'Z');
    const auto ms = decimal(t.substr(20, 3), 0, 999);
    // The system's clock counts nanoseconds in 64 bits: 1677 to 2262.
    if (!seconds || !ms || !decimal(t.substr(0, 4), 1678, 2261)) return std::nullopt;
    return *seconds + std::chrono::milliseconds{*ms};
}

long days_until(Instant when, Instant now) {
    return std::chrono::floor<std::chrono::days>(when - now).count();
}

}  // namespace tserver
