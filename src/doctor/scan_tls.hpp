// What a TLS port offers: versions, suites and certificates, and which profile of ours fits.
#pragma once

#include "doctor/look_tls.hpp"

namespace tserver::doctor {

struct OfferedSuite {
    std::string version, suite;
};

struct ProfileFit {
    TlsProfile profile;
    std::optional<Error> why_not;  ///< nothing: it fits
    std::string version, suite;    ///< what the two agree on
};

struct Scan {
    std::string address;
    std::vector<ProfileFit> profiles;  ///< strongest first
    std::vector<OfferedSuite>
        suites;  ///< weakest version first, of each the suites as the server prefers them
    std::vector<crypto::Certificate> certificates;  ///< each once
    bool complete = true;                           ///< false: the time was over first

    /// The strongest that fits.
    [[nodiscard]] std::optional<TlsProfile> profile() const;
};

/// Shows no certificate of ours. One connection for each suite found, so some thirty in all.
/// @return NAME_RESOLUTION, CTI_UNREACHABLE, CTI_REFUSED; for what answers but speaks no TLS: CTI_NOT_TLS
/// (the
///         detail says what it is), CTI_SILENT, CTI_CLOSED
net::Task<Result<Scan>> scan_tls(net::Loop& loop, Endpoint server, std::chrono::milliseconds budget);

/// For a server that `tried` does not agree with: "; tls-profile = legacy fits (TLSv1, AES128-SHA)", or that
/// none does. Shows no certificate of ours.
net::Task<std::string> advise_profile(net::Loop& loop, Endpoint server, TlsProfile tried,
                                      std::chrono::milliseconds budget);

/// Whether it is by its profile that a link does not agree with a server.
constexpr bool is_about_profile(Fault fault) noexcept {
    return fault == Fault::CTI_TLS_VERSION || fault == Fault::CTI_TLS_CIPHER;
}

}  // namespace tserver::doctor
