// Walks the chain of one link: configuration, names, clock, TFTP, list, CAPF port, store, TLS, session.
//
// Reads only: no code is used, nothing is asked of CAPF, no list is taken, no file of a generation is
// written. An identity that a running link holds is never shown to a CTIManager a second time (that would
// drop both connections); what the link itself says stands in the session row then.
#pragma once

#include "config/link_config.hpp"
#include "control/status.hpp"
#include "doctor/row.hpp"
#include "net/wait.hpp"

namespace tserver::doctor {

enum class AskedBy : std::uint8_t {
    operator_,
    link,  ///< by itself, when it fails to come up: CAPF is met only if the trouble lies with an enrolment
};

struct Patient {
    config::LinkConfig link;
    /// What a running tserver says of the link; nothing when none runs: then its identity is tried itself,
    /// under the store's lock.
    std::optional<control::LinkStatus> running{};
    AskedBy asked_by = AskedBy::operator_;
};

/// Less than fifteen seconds, whatever is silent.
constexpr auto examination_budget = std::chrono::milliseconds{13'500};

/// A row for every step, in the order of the steps. What the budget leaves no time for is skipped.
net::Task<std::vector<Row>> examine(net::Loop& loop, Patient patient,
                                    std::chrono::milliseconds budget = examination_budget);

}  // namespace tserver::doctor
