// The fault menu: everything that the simulated cluster can be told to do wrong. One table; --list-faults,
// the control socket and doc/protocols/ucmsim.md speak from it.
#pragma once

#include <atomic>
#include <map>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace tserver::sim {

/// What may stand behind NAME=.
enum class FaultValue : std::uint8_t {
    none,          ///< nothing
    number,        ///< a decimal number
    maybe_number,  ///< a decimal number, or nothing
    step,          ///< one of the CAPF steps
    step_reason,   ///< STEP:REASON
    choice,        ///< one of the words in `values`, separated by |
};

struct FaultItem {
    std::string_view name;
    FaultValue takes;
    std::string_view values;  ///< unit of a number, or the words of a choice
    std::string_view help;
};

std::span<const FaultItem> fault_items() noexcept;

/// Steps of a CAPF exchange, in order; a fault acts in place of the message (S>C) or behind it (C>S).
std::span<const std::string_view> capf_steps() noexcept;

/// The faults that are on. Safe from any thread.
class FaultMenu {
public:
    /// @param text  NAME[=VALUE][@TIMES]; with TIMES the fault switches itself off after that many uses.
    /// @return USAGE
    Result<void> set(std::string_view text);
    void clear();
    /// @return USAGE for a name that is not in the table
    Result<void> clear(std::string_view name);

    /// Looks without using.
    [[nodiscard]] bool on(std::string_view name) const;
    /// Uses the fault once: its value ("" when it has none), nothing if it is off.
    std::optional<std::string> use(std::string_view name);
    std::optional<long> use_number(std::string_view name, long without_value = 1);
    /// Uses the fault if its value is, or begins with, this step; gives what stands behind "STEP:".
    std::optional<std::string> use_at(std::string_view name, std::string_view step);
    /// The value without using it up.
    [[nodiscard]] std::optional<std::string> value(std::string_view name) const;

    /// While it lives, the menu stays as it is for every other thread: for what looks at several faults.
    [[nodiscard]] std::unique_lock<std::recursive_mutex> hold() const { return std::unique_lock{mutex_}; }

    /// Counts every change; lets others know that something built under the old set is stale.
    [[nodiscard]] unsigned long generation() const noexcept { return generation_.load(); }
    [[nodiscard]] std::map<std::string, std::string> all() const;

private:
    struct Active {
        std::string value;
        std::optional<long> times;
    };
    mutable std::recursive_mutex mutex_;
    std::map<std::string, Active, std::less<>> active_;
    std::atomic<unsigned long> generation_{0};
};

}  // namespace tserver::sim
