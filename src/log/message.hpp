// A log message: a stable id, a level, fixed words, and typed fields. People search for the id and the words,
// programs read the keys. Secrets have no field type, so they cannot be logged.
#pragma once

#include <algorithm>
#include <array>
#include <chrono>
#include <string>
#include <string_view>

#include "base/fault.hpp"
#include "base/text.hpp"

namespace tserver::log {

/// Alr: an operator must act. Std: what everybody wants to know. Int: every exchange with a peer.
/// Trc: steps inside. Dbg: for the maintainers.
enum class Level : unsigned char { alarm, standard, interaction, trace, debug };

std::string_view short_name(Level level) noexcept;            ///< "Alr", "Std", …
std::optional<Level> level_named(std::string_view) noexcept;  ///< by short or by full name

// Field types. `Text` holds what a peer or a file may have said; it is escaped here, once.
struct Name {
    std::string_view value;
};
struct Text {
    std::string_view value;
};
struct Number {
    long long value;
};
struct Took {
    std::chrono::milliseconds value;
};
struct Failure {
    Fault value;
};

/// A field as it is shown: escaped, without the quotes that a line of the log needs.
struct Field {
    std::string_view key;
    std::string value;
    bool number = false;
};
std::string shown(const Name&);
std::string shown(const Text&);
std::string shown(const Number&);
std::string shown(const Took&);
std::string shown(const Failure&);
/// In quotes where a blank, a quote or "=" asks for them: the value behind "key=" in a line.
std::string quoted(std::string_view value);

constexpr std::size_t most_fields = 6;

struct Row {
    unsigned id;
    Level level;
    std::string_view text;
    unsigned cleared_by;  ///< id of the message that reports recovery, 0 if there is nothing to recover
    std::array<std::string_view, most_fields> keys{};  ///< of its fields; empty behind the last
};

template <class... Fields>
struct Message {
    Row row;
    std::array<std::string_view, sizeof...(Fields)> keys;

    consteval Message(unsigned id, Level level, std::string_view text,
                      std::array<std::string_view, sizeof...(Fields)> names, unsigned cleared_by = 0)
        : row{id, level, text, cleared_by}, keys{names} {
        std::ranges::copy(names, row.keys.begin());
    }
};

}  // namespace tserver::log
