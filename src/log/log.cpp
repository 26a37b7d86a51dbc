#include "log/log.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>

#include "log/messages.hpp"

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

std::string quoted(std::string_view value) {
    if (!needs_quotes(value)) return std::string{value};
    std::string out = "\"";
    for (const char c : value) {
        if (c == '"') out += '\\';
        out += c;
    }
    return out + '"';
}

std::string shown(const Name& field) { return std::string{field.value}; }
std::string shown(const Text& field) { return escape(field.value, 600); }
std::string shown(const Number& field) { return std::to_string(field.value); }
std::string shown(const Took& field) {
    const auto ms = field.value.count();
    return ms < 10'000 ? fmt::format("{}ms", ms) : fmt::format("{}s", ms / 1000);
}
std::string shown(const Failure& field) { return std::string{id(field.value)}; }

bool Log::wanted(const Row& row) const noexcept {
    return row.level <= setup_.most || (listener_ != nullptr && is_event(row));
}

void Log::line(const Row& row, std::span<const Field> fields) {
    if (row.level > Level::standard) return emit(row, fields, 0);
    const auto now = Steady::now();
    auto key = std::to_string(row.id);
    for (const auto& field : fields) key += '\n' + field.value;
    const auto [at, fresh] = recent_.try_emplace(std::move(key), Seen{now});
    if (fresh) {
        if (recent_.size() > remembered) {
            std::erase_if(recent_, [&](const auto& entry) { return now - entry.second.first > quiet; });
        }
        return emit(row, fields, 0);
    }
    auto& seen = at->second;
    if (now - seen.first < quiet) {
        ++seen.suppressed;
        return;
    }
    emit(row, fields, seen.suppressed);
    seen = Seen{now};
}

void Log::emit(const Row& row, std::span<const Field> fields, unsigned repeated) {
    if (listener_ != nullptr && is_event(row)) listener_->logged(row, fields, repeated);
    if (row.level > setup_.most) return;
    auto text = setup_.journal ? fmt::format("<{}>", syslog_priority(row.level))
                               : rfc3339_ms(std::chrono::system_clock::now()) + ' ';
    text += fmt::format("{} {} {}", short_name(row.level), row.id, row.text);
    for (const auto& field : fields) text += fmt::format(" {}={}", field.key, quoted(field.value));
    if (repeated > 0) text += fmt::format(" repeated={}", repeated);
    text += '\n';
    // One write per line, so lines of several processes never mix; a log that cannot be written stops nobody.
    [[maybe_unused]] const auto written = ::write(setup_.descriptor, text.data(), text.size());
}

}  // namespace tserver::log
