// One catalogue of failure classes; every program names a failure by it. The rows are in faults.def.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace tserver {

enum class Fault : std::uint16_t {
#define FAULT(number, name, retry, severity, exit, meaning, sign, cause, action) name = number,
#include "base/faults.def"
#undef FAULT
};

/// What the link does after a failure of this class.
enum class Retry : std::uint8_t { again, stop, refuse };
std::string_view name(Retry retry) noexcept;  ///< "again", "stop", "refuse"

/// How much is lost while it lasts.
enum class Severity : std::uint8_t {
    critical,  ///< a link is down until somebody acts
    major,     ///< a link is down or goes in clear, or tserver does not start
    minor,     ///< one command, application or later step is affected
    notice,    ///< nothing needs to be done
};
std::string_view name(Severity severity) noexcept;

struct FaultRow {
    Fault fault;
    std::string_view id;  ///< stable name: CTL_SIG_UNTRUSTED
    Retry retry;
    Severity severity;
    int exit_code;             ///< of a command that ends with it
    std::string_view meaning;  ///< what happened, one clause
    std::string_view sign;     ///< what it is recognised by
    std::string_view cause;    ///< likely causes, most likely first
    std::string_view action;   ///< what the operator does
};

/// Every row, in the order of the table.
std::span<const FaultRow> faults() noexcept;

const FaultRow& row(Fault fault) noexcept;
inline std::string_view id(Fault fault) noexcept { return row(fault).id; }
std::optional<Fault> fault_named(std::string_view id) noexcept;

}  // namespace tserver
