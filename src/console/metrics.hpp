// The status as Prometheus reads it (text format 0.0.4).
//
// Written by ourselves and not by prometheus-cpp: that library keeps a registry of numbers that a program
// counts up, and brings a web server with threads of its own. What is shown here is one snapshot that others
// have counted; a text is its whole life, and this process is to have one thread and one socket that listens.
#pragma once

#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "control/status.hpp"

namespace tserver::console {

struct MetricFamily {
    std::string_view name, type, help;
};
/// Every family there is, in the order of the text; each is announced even while it has no value.
std::span<const MetricFamily> metric_families() noexcept;

/// Ends of certificates, kept while a link has none to tell: an alert on them must not vanish with the link.
class Expiries {
public:
    struct Listed {
        std::string subject, roles;
        Instant not_after;
        bool operator==(const Listed&) const = default;
    };
    struct Dates {
        Instant not_before, not_after;
    };
    struct Known {
        bool wants_client = false;  ///< TLS is on for the link
        std::optional<Dates> client;
        std::vector<Listed> listed;
    };
    /// A link that is not in the status any more is forgotten.
    void learn(const control::Status& status);
    [[nodiscard]] const std::map<std::string, Known>& known() const noexcept { return known_; }

private:
    std::map<std::string, Known> known_;
};

struct ConsoleCounts {
    std::uint64_t requests = 0;
    std::uint64_t refused = 0;
    std::size_t connections = 0;
    std::size_t followers = 0;
};

/// @param status  nothing while tserver does not answer
/// @param now     what the certificates are valid at, or not
std::string metrics_text(const std::optional<control::Status>& status, const Expiries& expiries,
                         const ConsoleCounts& counts, Instant now);

}  // namespace tserver::console
