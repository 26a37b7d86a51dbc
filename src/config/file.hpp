// An INI file as sections and entries, each with its place; knows nothing of options. Format: config.hpp.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "config/config.hpp"

namespace tserver::config {

struct Entry {
    std::string_view name;   ///< a view into the text, as is the value
    std::string_view value;  ///< trimmed, one pair of double quotes taken off
    Place name_at, value_at;
};
struct Section {
    std::string_view name;
    Place at;
    std::vector<Entry> entries;
};

/// Gathers problems; a hostile file does not make a report without end.
class ProblemList {
public:
    static constexpr std::size_t limit = 100;

    void add(Problem problem);
    [[nodiscard]] bool empty() const noexcept { return problems_.empty(); }
    /// By place; the last one says so if there were more.
    Problems take();

private:
    Problems problems_;
    std::size_t left_out_ = 0;
};

/// Text of a problem that an option's set() made.
Problem value_problem(std::string_view option, const Error& error, Place at);

/// Reads on after a problem, so that every one is found. Sections of one name are one, and a problem. The
/// problems name a text of the file only where it is a name of a section or option, never a value.
std::vector<Section> read_file(std::string_view text, std::string_view path, ProblemList& problems);

}  // namespace tserver::config
