#include "log/messages.hpp"

#include <algorithm>
#include <array>

namespace tserver::log {
namespace {

constexpr std::array rows{
    tserver_started.row,
    tserver_stopped.row,
    config_warning.row,
    config_refused.row,
    config_taken.row,
    control_failed.row,
    config_pending.row,
    control_request.row,
    console_degraded.row,
    console_serves.row,
    log_file_opened.row,
    log_file_failed.row,
    link_process_started.row,
    link_process_stopped.row,
    link_process_died.row,
    link_process_hung.row,
    link_process_failed.row,
    link_process_gives_up.row,
    link_state.row,
    trust_taken.row,
    trust_unverified.row,
    trust_confirmed.row,
    trust_kept.row,
    trust_current.row,
    trust_changed.row,
    trust_expiring.row,
    trust_warning.row,
    enrol_started.row,
    enrolled.row,
    enrol_failed.row,
    identity_loaded.row,
    identity_expiring.row,
    code_remembered.row,
    capf_step.row,
    store_warning.row,
    secure_up.row,
    session_failed.row,
    plain_up.row,
    plain_reason.row,
    link_stopped.row,
    listening.row,
    application_connected.row,
    application_left.row,
    application_refused.row,
    listen_failed.row,
    legacy_profile.row,
    session_note.row,
    on_demand.row,
    accept_paused.row,
    doctor_saw.row,
    doctor_failed.row,
};

constexpr bool has(unsigned id) {
    return std::ranges::any_of(rows, [=](const Row& r) { return r.id == id; });
}
static_assert(std::ranges::all_of(rows, [](const Row& r) { return r.cleared_by == 0 || has(r.cleared_by); }),
              "a message that clears another must be in the table");

}  // namespace

std::span<const Row> message_rows() noexcept { return rows; }

const Row* message_row(unsigned id) noexcept {
    const auto at = std::ranges::find(rows, id, &Row::id);
    return at == rows.end() ? nullptr : &*at;
}

}  // namespace tserver::log
