#include "log/log.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>

namespace tserver::log {
namespace {

constexpr auto quiet = std::chrono::minutes{1};  ///< an equal line within this time is only counted
constexpr std::size_t remembered = 64;

int syslog_priority(Level level) {
    switch (level) {
        case Level::alarm: return 3;
        case Level::standard: return 5;
        case Level::interaction: return 6;
        default: return 7;
    }
}

bool needs_quotes(std::string_view value) {
    return value.empty() || value.find_first_of(" \"=") != std::string_view::npos;
}

std::string quoted(std::string_view value) {
    if (!needs_quotes(value)) return std::string{value};
    std::string out = "\"";
    for (const char c : value) {
        if (c == '"') out += '\\';
        out += c;
    }
    return out + '"';
}

}  // namespace

std::string_view short_name(Level level) noexcept {
    constexpr std::array names{"Alr", "Std", "Int", "Trc", "Dbg"};
    return names[static_cast<std::size_t>(level)];
}

std::optional<Level> level_named(std::string_view name) noexcept {
    constexpr std::array<std::string_view, 5> full{"alarm", "standard", "interaction", "trace", "debug"};
    for (std::size_t i = 0; i < full.size(); ++i) {
        const auto level = static_cast<Level>(i);
        if (name == full[i] || name == short_name(level)) return level;
    }
    return std::nullopt;
}

std::string render(const Name& field) { return quoted(field.value); }
std::string render(const Text& field) { return quoted(escape(field.value, 600)); }
std::string render(const Number& field) { return std::to_string(field.value); }
std::string render(const Took& field) {
    const auto ms = field.value.count();
    return ms < 10'000 ? fmt::format("{}ms", ms) : fmt::format("{}s", ms / 1000);
}
std::string render(const Failure& field) { return std::string{id(field.value)}; }

void Log::line(const Row& row, const std::string& tail) {
    if (row.level > Level::standard) return emit(row, tail);
    const auto now = Steady::now();
    const auto [at, fresh] = recent_.try_emplace(std::to_string(row.id) + tail, Seen{now});
    if (fresh) {
        if (recent_.size() > remembered) {
            std::erase_if(recent_, [&](const auto& entry) { return now - entry.second.first > quiet; });
        }
        return emit(row, tail);
    }
    auto& seen = at->second;
    if (now - seen.first < quiet) {
        ++seen.suppressed;
        return;
    }
    emit(row, seen.suppressed == 0 ? tail : tail + fmt::format(" repeated={}", seen.suppressed));
    seen = Seen{now};
}

void Log::emit(const Row& row, const std::string& tail) {
    const auto start = setup_.journal ? fmt::format("<{}>", syslog_priority(row.level))
                                      : rfc3339_ms(std::chrono::system_clock::now()) + ' ';
    const auto text = fmt::format("{}{} {} {}{}\n", start, short_name(row.level), row.id, row.text, tail);
    // One write per line, so lines of several processes never mix; a log that cannot be written stops nobody.
    [[maybe_unused]] const auto written = ::write(setup_.descriptor, text.data(), text.size());
}

}  // namespace tserver::log
