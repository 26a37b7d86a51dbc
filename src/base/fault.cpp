#include "base/fault.hpp"

#include <algorithm>
#include <array>
#include <cstdlib>

namespace tserver {
namespace {

constexpr std::array table{
#define FAULT(number, name, retry, severity, exit, meaning, sign, cause, action) \
    FaultRow{Fault::name, #name, Retry::retry, Severity::severity, exit, meaning, sign, cause, action},
#include "base/faults.def"
#undef FAULT
};

static_assert(std::ranges::is_sorted(table, {}, &FaultRow::fault), "faults.def: keep the numbers in order");
static_assert(std::ranges::adjacent_find(table, {}, &FaultRow::fault) == table.end());

}  // namespace

std::string_view name(Retry retry) noexcept {
    switch (retry) {
        case Retry::again: return "again";
        case Retry::stop: return "stop";
        case Retry::refuse: return "refuse";
    }
    return {};
}

std::string_view name(Severity severity) noexcept {
    switch (severity) {
        case Severity::critical: return "critical";
        case Severity::major: return "major";
        case Severity::minor: return "minor";
        case Severity::notice: return "notice";
    }
    return {};
}

std::span<const FaultRow> faults() noexcept { return table; }

const FaultRow& row(Fault fault) noexcept {
    const auto* at = std::ranges::lower_bound(table, fault, {}, &FaultRow::fault);
    if (at == table.end() || at->fault != fault) std::abort();  // a Fault is always a row of the table
    return *at;
}

std::optional<Fault> fault_named(std::string_view id) noexcept {
    const auto* at = std::ranges::find(table, id, &FaultRow::id);
    return at == table.end() ? std::nullopt : std::optional{at->fault};
}

}  // namespace tserver
