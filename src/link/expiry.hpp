// When the end of a certificate is worth a warning: at 30, 7 and 1 days, and when it is over.
#pragma once

#include <optional>

#include "base/time.hpp"

namespace tserver::link {

/// The smallest threshold that has been passed: 30, 7, 1, or 0 once expired.
inline std::optional<long> expiry_threshold(Instant not_after, Instant now) {
    if (now >= not_after) return 0;
    const auto days = days_until(not_after, now);
    for (const long threshold : {1L, 7L, 30L}) {
        if (days < threshold) return threshold;
    }
    return std::nullopt;
}

}  // namespace tserver::link
