// Secret octets: never printed, never compared by accident, wiped when they go.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>
#include <vector>

#include "base/bytes.hpp"

namespace tserver {

/// Overwrites memory in a way the compiler keeps.
void wipe(std::span<std::uint8_t> octets) noexcept;
void wipe(std::string& text) noexcept;

/// A passphrase or a code. It cannot be printed or streamed; `reveal()` marks every place that reads it.
class Secret {
public:
    Secret() = default;
    explicit Secret(std::string_view text) : octets_{text.begin(), text.end()} {}
    Secret(const Secret& other) = default;
    Secret(Secret&& other) noexcept : octets_{std::move(other.octets_)} { other.octets_.clear(); }
    Secret& operator=(const Secret& other);
    Secret& operator=(Secret&& other) noexcept;
    ~Secret();

    [[nodiscard]] bool empty() const noexcept { return octets_.empty(); }
    [[nodiscard]] std::string_view reveal() const noexcept { return {octets_.data(), octets_.size()}; }

    friend bool operator==(const Secret& a,
                           const Secret& b) noexcept;  ///< time does not depend on the octets

private:
    std::vector<char> octets_;
};

}  // namespace tserver
