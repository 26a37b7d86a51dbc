// Waiting times between attempts: a floor, a cap, doubling, and full jitter so that many links spread out.
#pragma once

#include <chrono>
#include <cstdint>
#include <random>

namespace tserver {

class Backoff {
public:
    struct Limits {
        std::chrono::milliseconds first;  ///< upper bound of the first wait
        std::chrono::milliseconds cap;    ///< upper bound of every later one
        std::chrono::milliseconds floor;  ///< no wait is shorter: no busy loop
    };

    explicit Backoff(Limits limits, std::uint64_t seed = std::random_device{}())
        : limits_{limits}, random_{seed} {}

    /// The next wait: uniform between the floor and min(cap, first·2ⁿ) (full jitter).
    std::chrono::milliseconds next() {
        auto bound = limits_.first;
        for (unsigned i = 0; i < failures_ && bound < limits_.cap; ++i) bound *= 2;
        ++failures_;
        bound = std::max(limits_.floor, std::min(bound, limits_.cap));
        std::uniform_int_distribution<std::chrono::milliseconds::rep> pick{limits_.floor.count(),
                                                                           bound.count()};
        return std::chrono::milliseconds{pick(random_)};
    }
    void reset() noexcept { failures_ = 0; }
    [[nodiscard]] unsigned failures() const noexcept { return failures_; }

private:
    Limits limits_;
    unsigned failures_ = 0;
    std::minstd_rand random_;
};

}  // namespace tserver
