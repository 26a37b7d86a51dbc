// Every log message, declared once. doc/messages.md is generated from `message_rows()`.
// 8103, 8102, 35100 and 35102 have the meaning they have in the vendor's public message list.
#pragma once

#include <span>

#include "log/message.hpp"

namespace tserver::log {

using enum Level;

// tserver
inline constexpr Message<Text, Text> tserver_started{
    24001, standard, "tserver started", {"version", "config"}};
inline constexpr Message<> tserver_stopped{24002, standard, "tserver stopped", {}};
inline constexpr Message<Text> config_warning{24003, standard, "configuration warning", {"detail"}};
inline constexpr Message<Failure, Text, Text> config_refused{
    24004, alarm, "configuration refused", {"fault", "detail", "action"}, 24005};
inline constexpr Message<Number, Text> config_taken{
    24005, standard, "configuration taken", {"generation", "changes"}};
inline constexpr Message<Text, Text> control_failed{
    24006, alarm, "control socket failed", {"path", "detail"}};
inline constexpr Message<Name, Text> config_pending{
    24007, standard, "option changed, takes effect after restart", {"link", "option"}};
inline constexpr Message<Text> control_request{24008, interaction, "control request", {"command"}};
inline constexpr Message<Text, Failure, Text> console_degraded{
    24009, alarm, "the console cannot serve, it tries again", {"address", "fault", "detail"}, 24010};
inline constexpr Message<Text> console_serves{24010, standard, "the console serves", {"address"}};
inline constexpr Message<Text, Number> log_file_opened{
    24011, standard, "log file opened", {"path", "opening"}};
inline constexpr Message<Text, Failure, Text> log_file_failed{
    24012, alarm, "log file cannot be opened, it is tried again", {"path", "fault", "detail"}, 24011};

// link process, as the supervisor sees it
inline constexpr Message<Name, Number> link_process_started{
    35100, standard, "link process started", {"link", "pid"}};
inline constexpr Message<Name, Number, Text> link_process_stopped{
    35102, standard, "link process stopped", {"link", "pid", "status"}};
inline constexpr Message<Name, Text, Took> link_process_died{
    35103, alarm, "link process died", {"link", "status", "restart_in"}, 35100};
inline constexpr Message<Name> link_process_hung{
    35104, alarm, "link process does not answer, it is killed", {"link"}, 35100};
inline constexpr Message<Name, Failure, Text> link_process_failed{
    35105, alarm, "link process cannot be started", {"link", "fault", "detail"}, 35100};
inline constexpr Message<Name, Failure, Text> link_process_gives_up{
    35106, alarm, "link process cannot go on and ends", {"link", "fault", "detail"}, 35100};

inline constexpr Message<Name, Text, Text, Text, Text> link_state{
    35110, interaction, "link state changed", {"link", "from", "to", "fault", "detail"}};

// trust
inline constexpr Message<Name, Text, Text, Text> trust_taken{
    24101, standard, "trust list taken", {"link", "file", "signer", "sha256"}};
inline constexpr Message<Name, Text> trust_unverified{
    24102,
    standard,
    "trust list of first use, unverified until confirmed or pinned",
    {"link", "sha256"},
    24103};
inline constexpr Message<Name, Text> trust_confirmed{
    24103, standard, "trust list confirmed", {"link", "sha256"}};
inline constexpr Message<Name, Failure, Text> trust_kept{
    24104, alarm, "trust list could not be renewed, the held one stays", {"link", "fault", "detail"}, 24105};
inline constexpr Message<Name> trust_current{24105, interaction, "trust list is current", {"link"}};
inline constexpr Message<Name, Text> trust_changed{
    24106, standard, "trust list changed", {"link", "difference"}};
inline constexpr Message<Name, Text, Number> trust_expiring{
    24107, standard, "certificate of the trust list expires", {"link", "subject", "days_left"}};
inline constexpr Message<Name, Text> trust_warning{24108, standard, "trust list warning", {"link", "detail"}};

// identity
inline constexpr Message<Name, Text> enrol_started{24201, standard, "enrolment started", {"link", "capf"}};
inline constexpr Message<Name, Text, Text, Number> enrolled{
    24202, standard, "certificate enrolled", {"link", "subject", "sha256", "days_left"}};
inline constexpr Message<Name, Failure, Text, Text> enrol_failed{
    24203, alarm, "enrolment failed", {"link", "fault", "detail", "action"}, 24202};
inline constexpr Message<Name, Text, Number> identity_loaded{
    24204, standard, "identity loaded from the store", {"link", "subject", "days_left"}};
inline constexpr Message<Name, Number> identity_expiring{
    24205, standard, "client certificate expires", {"link", "days_left"}, 24202};
inline constexpr Message<Name, Text> code_remembered{
    24206, interaction, "authentication code was used before, it is ignored", {"link", "detail"}};
inline constexpr Message<Name, Text> capf_step{24207, interaction, "CAPF step", {"link", "step"}};
inline constexpr Message<Name, Text> store_warning{24208, standard, "store warning", {"link", "detail"}};

// session
inline constexpr Message<Name, Text, Text, Text, Took> secure_up{
    8103, standard, "secure connection established", {"link", "ctimanager", "version", "suite", "took"}};
inline constexpr Message<Name, Failure, Text, Text, Took> session_failed{
    8102, alarm, "connection failed", {"link", "fault", "detail", "action", "retry_in"}, 8103};
inline constexpr Message<Name, Text, Took> plain_up{
    24301, standard, "connection established IN CLEAR, TLS is off", {"link", "ctimanager", "took"}};
inline constexpr Message<Name, Text> plain_reason{
    24302, alarm, "TLS is off for this link", {"link", "missing"}};
inline constexpr Message<Name, Failure, Text, Text> link_stopped{
    24303, alarm, "link stopped until the operator acts", {"link", "fault", "detail", "action"}, 8103};
inline constexpr Message<Name, Text> listening{
    24304, interaction, "listening for the application", {"link", "address"}};
inline constexpr Message<Name, Text> application_connected{
    24305, standard, "application connected", {"link", "from"}};
inline constexpr Message<Name, Number, Number, Text> application_left{
    24306, standard, "application session ended", {"link", "to_ctimanager", "to_application", "how"}};
inline constexpr Message<Name, Failure, Text> application_refused{
    24307, alarm, "application refused", {"link", "fault", "action"}};
inline constexpr Message<Name, Failure, Text, Took> listen_failed{
    24308, alarm, "cannot listen for the application", {"link", "fault", "detail", "retry_in"}, 24304};
inline constexpr Message<Name, Text> legacy_profile{
    24309, standard, "weak TLS profile in use", {"link", "profile"}};
inline constexpr Message<Name, Text> session_note{24310, interaction, "session", {"link", "detail"}};
inline constexpr Message<Name, Failure, Text> on_demand{
    24311,
    standard,
    "CTIManager closes idle sessions: the link now connects when an application comes",
    {"link", "fault", "ctimanager"}};
inline constexpr Message<Name, Failure, Text, Text> accept_paused{
    24312,
    alarm,
    "application cannot be taken, tried again every second",
    {"link", "fault", "detail", "action"},
    24305};

// doctor, when a link fails before it was ever up
inline constexpr Message<Name, Text, Text, Text> doctor_saw{
    24401, standard, "doctor", {"link", "step", "verdict", "seen"}};
inline constexpr Message<Name, Text, Failure, Text, Text> doctor_failed{
    24402, standard, "doctor found a fault", {"link", "step", "fault", "seen", "action"}};

/// All rows, in the order of the table.
std::span<const Row> message_rows() noexcept;
/// The row with this id, nothing if there is none.
const Row* message_row(unsigned id) noexcept;

/// What everybody wants to know, each change of a link's state, and the steps of enrolments and handshakes:
/// what `tserverctl events` and `tserverctl history` show.
constexpr bool is_event(const Row& row) noexcept {
    return row.level <= Level::standard || row.id == link_state.row.id || row.id == capf_step.row.id ||
           row.id == session_note.row.id;
}

}  // namespace tserver::log
