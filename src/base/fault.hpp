// One catalogue of failure classes; every program names a failure by it. The rows are in faults.def.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace tserver {

enum class Fault : std::uint16_t {
#define FAULT(number, name, retry, exit, meaning, cause, action) name = number,
#include "base/faults.def"
#undef FAULT
};

/// What the link does after a failure of this class.
enum class Retry : std::uint8_t { again, stop, refuse };

struct FaultRow {
    Fault fault;
    std::string_view id;  ///< stable name: CTL_SIG_UNTRUSTED
    Retry retry;
    int exit_code;             ///< of a command that ends with it
    std::string_view meaning;  ///< what happened, one clause
    std::string_view cause;    ///< likely causes, most likely first
    std::string_view action;   ///< what the operator does
};

/// Every row, in the order of the table.
std::span<const FaultRow> faults() noexcept;

const FaultRow& row(Fault fault) noexcept;
inline std::string_view id(Fault fault) noexcept { return row(fault).id; }
std::optional<Fault> fault_named(std::string_view id) noexcept;

}  // namespace tserver
