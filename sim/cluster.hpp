// What all services of the simulated cluster share.
#pragma once

#include "sim/authority.hpp"
#include "sim/notes.hpp"
#include "sim/settings.hpp"

namespace tserver::sim {

/// Counts for tests to assert on; shown by the control command `status`.
struct Counters {
    std::atomic<std::uint64_t> tftp_requests{0};
    std::atomic<std::uint64_t> tftp_completed{0};
    std::atomic<std::uint64_t> tftp_stranger_errors{0};  ///< ERROR 5 that came back to a foreign port
    std::atomic<std::uint64_t> http_requests{0};
    std::atomic<std::uint64_t> capf_connections{0};
    std::atomic<std::uint64_t> capf_sessions{0};  ///< that got as far as AUTH_RESPONSE
    std::atomic<std::uint64_t> capf_refused{0};   ///< ended by END_SESSION before a certificate
    std::atomic<std::uint64_t> cti_accepted{0};
    std::atomic<std::uint64_t> cti_sessions{0};  ///< handshake done, or in clear
    std::atomic<std::uint64_t> cti_handshake_failures{0};
    std::atomic<std::uint64_t> cti_unclean{0};  ///< TLS sessions that the client ended without close_notify
    std::atomic<std::uint64_t> cti_collisions{0};
};

struct Cluster {
    Cluster(Settings s, std::ostream& out)
        : settings{std::move(s)}, notes{out}, authority{faults, settings.list_digest} {}

    /// Reads the state folder, sets profiles and faults.  @return STORE_IO, DECODE, USAGE
    Result<void> open();
    /// A file that TFTP and HTTP serve: the trust list, or one of --serve.
    std::optional<Bytes> file(const std::string& name);

    Settings settings;
    FaultMenu faults;
    Notes notes;
    Authority authority;
    Profiles profiles;
    Counters counters;
};

}  // namespace tserver::sim
