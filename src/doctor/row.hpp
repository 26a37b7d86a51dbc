// What the doctor says of one link: a row for each step from the configuration to the session.
#pragma once

#include <array>
#include <boost/json/fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace tserver::doctor {

enum class Step : std::uint8_t { configuration, names, clock, tftp, list, capf, store, tls, session };
constexpr std::array<std::string_view, 9> step_names{"configuration", "names", "clock", "tftp",   "list",
                                                     "capf",          "store", "tls",   "session"};
constexpr std::string_view name(Step step) noexcept { return step_names[static_cast<std::size_t>(step)]; }

enum class Verdict : std::uint8_t { pass, fail, skip };
std::string_view name(Verdict verdict) noexcept;  ///< "PASS", "FAIL", "SKIP"

struct Row {
    Step step;
    Verdict verdict;
    std::string seen;              ///< what was seen, or why the step was left out; text of peers is escaped
    std::optional<Fault> fault{};  ///< with `fail`: what to do stands in its row of the fault table
};

/// {"step","verdict","seen","fault","action"}; the last two are null unless it failed.
boost::json::object to_json(const Row& row);

/// The first failure.
std::optional<Fault> first_fault(const std::vector<Row>& rows);

}  // namespace tserver::doctor
