// What a reload would do, computed before anything is done.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "config/config.hpp"

namespace tserver::config {

/// By growing cost.
enum class Effect : std::uint8_t {
    nothing,     ///< written differently, and no difference to the link
    at_once,     ///< the new value counts from its next use on; sessions stay
    link_reset,  ///< this link drops its session and connects anew
    restart,     ///< pending until tserver is restarted
    refused,     ///< the whole reload is refused
};
std::string_view text(Effect effect);

struct Change {
    std::string link;    ///< empty = the daemon's
    std::string option;  ///< "tls-instance-id"; "link-3-name" for a link that comes, goes or is renumbered
    Effect effect;
    std::string from, to;  ///< as shown: stars for secrets, empty = not set
    std::string reason;    ///< one clause, never empty
};

struct Plan {
    std::vector<Change> changes;  ///< in the order of links, then of the table
    /// The configuration in force once the plan is carried out: what waits for the restart keeps its running
    /// value, so plan(after, fresh) is exactly what is pending. The running one if the plan is refused.
    Config after;

    [[nodiscard]] bool refused() const;
    /// The costliest effect on a link, pending ones aside: nothing, at_once or link_reset.
    [[nodiscard]] Effect on(std::string_view link) const;
    /// Names of the links that drop. Stop all of them before the first is started again: two may swap an
    /// instance ID or a listen address.
    [[nodiscard]] std::vector<std::string> resets() const;
    /// Options of a link (empty name: of the daemon) that wait for the restart.
    [[nodiscard]] std::vector<std::string> pending(std::string_view link) const;
};

/// Links are told apart by name. Taking a used tls-auth-code out of the file is `nothing`: the certificate is
/// in the store, and what the link still needs is the link's to say.
Plan plan(const Config& running, const Config& fresh);

}  // namespace tserver::config
