// The status model: what a link says of itself, what tserver adds, and the JSON that tserverctl, the console
// and scripts read (stable: fields are added, never renamed). Times are RFC 3339 UTC.
#pragma once

#include <boost/json/fwd.hpp>
#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "base/time.hpp"

namespace tserver::control {

enum class LinkState : std::uint8_t {
    disabled,    ///< tls-required is set and options are missing: connects nowhere
    plain,       ///< carries traffic (or is ready to) in clear
    trust,       ///< fetches and checks the trust list
    enrolling,   ///< opens the store, or gets a certificate from CAPF
    connecting,  ///< opens the session with CTIManager
    up,          ///< carries traffic (or is ready to) over mutual TLS
    waiting,     ///< something failed (see the reason) and is tried again
    stopped,     ///< waits for the operator (see the reason)
};
std::string_view text(LinkState state) noexcept;
std::optional<LinkState> link_state_named(std::string_view text) noexcept;
/// Whether the link carries traffic: up or plain.
constexpr bool carries(LinkState state) noexcept {
    return state == LinkState::up || state == LinkState::plain;
}

/// Why a link is not up: what failed last, also while it is tried again. In JSON `action` stands beside it,
/// from the fault table.
struct Reason {
    Fault fault;
    std::string detail;
    bool operator==(const Reason&) const = default;
};

/// The client certificate in use. In JSON `days_left` stands beside it.
struct IdentityStatus {
    Instant not_before;
    Instant not_after;
    std::string sha256;  ///< lower-case hex
    std::string subject;
    bool operator==(const IdentityStatus&) const = default;
};

enum class TrustState : std::uint8_t {
    none,     ///< no list is held
    current,  ///< the held list is the one the cluster serves
    kept,     ///< the list served last could not be fetched or verified; the held one stays in use
};
std::string_view text(TrustState state) noexcept;

/// A certificate of the trust list that matters to the link and whose end is worth watching.
struct ListedCertificate {
    std::string subject;
    std::vector<std::string> roles;
    Instant not_after;
    bool operator==(const ListedCertificate&) const = default;
};

struct TrustStatus {
    TrustState state = TrustState::none;
    std::string signer;              ///< subject of the signer's certificate; empty without a list
    std::string sha256;              ///< of the whole list, lower-case hex; empty without a list
    std::optional<Instant> fetched;  ///< when this list was taken
    bool unverified = false;         ///< taken at first use, neither confirmed nor pinned
    std::vector<ListedCertificate> certificates;
    bool operator==(const TrustStatus&) const = default;
};

enum class Closer : std::uint8_t { application, ctimanager };
std::string_view text(Closer closer) noexcept;

/// One side of the session has closed, the other has not.
struct HalfClosed {
    Closer by;
    Instant since;
    bool operator==(const HalfClosed&) const = default;
};

struct ApplicationStatus {
    bool connected = false;
    std::optional<Instant> since;  ///< of the present connection, or when the last one ended
    std::optional<HalfClosed> half_closed{};
    bool operator==(const ApplicationStatus&) const = default;
};

/// Octets of the application's stream since the link process started.
struct ByteCounts {
    std::uint64_t to_ctimanager = 0;
    std::uint64_t to_application = 0;
    bool operator==(const ByteCounts&) const = default;
};

/// How long the steps took, of the newest time each was done.
struct StepTimes {
    std::optional<std::chrono::milliseconds> start_to_up;  ///< process start to first up
    std::optional<std::chrono::milliseconds> trust;
    std::optional<std::chrono::milliseconds> enrolment;
    std::optional<std::chrono::milliseconds> session;   ///< resolve to up
    std::optional<std::chrono::milliseconds> recovery;  ///< loss of the session to up again
    bool operator==(const StepTimes&) const = default;
};

/// Since the link process started.
struct LinkCounters {
    std::uint64_t reconnects = 0;
    std::uint64_t applications = 0;
    std::uint64_t applications_refused = 0;
    std::uint64_t unclean_closes = 0;
    std::uint64_t enrolments = 0;
    std::uint64_t handshake_ms = 0;  ///< of the present session
    bool operator==(const LinkCounters&) const = default;
};

struct LinkStatus {
    std::string name;
    LinkState state = LinkState::waiting;
    Instant since{};  ///< of the state
    bool tls = false;
    std::optional<std::string> instance_id;
    std::optional<std::string> ctimanager;  ///< "10.1.1.5:2749": connected to, or tried
    std::string listen;                     ///< "127.0.1.1:2748"
    std::optional<Reason> reason;
    std::optional<IdentityStatus> identity;
    std::optional<TrustStatus> trust;  ///< nothing for a link in clear
    ApplicationStatus application;
    ByteCounts bytes;
    std::string profile;      ///< TLS profile; empty in clear
    std::string tls_version;  ///< of the present session, "TLSv1.2"; empty without one
    std::string tls_suite;
    StepTimes times;
    LinkCounters counters;
    std::vector<std::string> notes;  ///< things an operator should know, one clause each

    // tserver fills these in; a link process leaves them alone.
    unsigned restarts = 0;                     ///< of the link process, unasked for, since tserver started
    std::vector<std::string> pending_restart;  ///< options changed in the file that wait for a restart
    std::optional<int> pid;
    std::map<Fault, std::uint64_t> failures;  ///< times the link came to wait or stop, by the reason

    bool operator==(const LinkStatus&) const = default;
};

/// A place in the row of events (control/events.hpp).
struct EventCursor {
    std::string run;         ///< of tserver
    std::uint64_t last = 0;  ///< number of the newest event that is included
    bool operator==(const EventCursor&) const = default;
};

struct Status {
    std::string version;
    unsigned generation = 0;  ///< of the configuration in force: 1 at start, +1 with each reload taken
    std::vector<LinkStatus> links;
    std::vector<std::string> pending_restart;  ///< of the daemon's own options
    EventCursor events{};                      ///< follow the events from here
    std::vector<std::string> notes{};          ///< what is degraded beside the links, one clause each
    bool operator==(const Status&) const = default;
};

boost::json::object to_json(const Reason& reason);
/// @param now  what `days_left` counts from
boost::json::object to_json(const LinkStatus& link, Instant now = wall_now());
boost::json::object to_json(const Status& status, Instant now = wall_now());

/// Fields that are not known are ignored.
/// @return CONTROL_PROTOCOL; the detail names the field
Result<LinkStatus> link_status_from_json(const boost::json::value& json);
Result<Status> status_from_json(const boost::json::value& json);

/// The error of an answer: {"fault":…,"detail":…,"action":…} and "during" where there is one.
boost::json::object to_json(const Error& error);
Result<Error> error_from_json(const boost::json::value& json);

}  // namespace tserver::control
