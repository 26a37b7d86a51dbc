// Command line of ucmsim.
#pragma once

#include <filesystem>

#include "crypto/digest.hpp"
#include "sim/profiles.hpp"
#include "sim/wire.hpp"

namespace tserver::sim {

enum class TlsMode : std::uint8_t { modern, cluster, legacy };

/// What CTIManager does with the payload.
struct CtiMode {
    enum class Kind : std::uint8_t { echo, sink, burst };
    Kind kind = Kind::echo;
    std::size_t records = 0;  ///< of a burst
    std::size_t octets = 0;   ///< of each record
};

struct Settings {
    std::optional<Address> tftp, capf, http;
    std::vector<Address> cti, cti_tls;  ///< one of each per node, publisher first
    std::filesystem::path state;
    std::optional<std::filesystem::path> record, control;
    std::vector<Profile> profiles;
    std::vector<std::string> faults;
    std::vector<std::pair<std::string, std::filesystem::path>> served;  ///< further files of TFTP and HTTP
    TlsMode tls = TlsMode::cluster;
    CtiMode mode;
    crypto::Digest list_digest = crypto::Digest::sha1;
    std::uint64_t seed = 1;
    std::chrono::days lsc_days{5 * 365};
    std::chrono::milliseconds tftp_timeout{1000};
    unsigned tftp_tries = 5;
    std::uint8_t capf_version = 3;
    Profiles::Rules rules;

    [[nodiscard]] std::size_t nodes() const { return std::max({cti.size(), cti_tls.size(), std::size_t{1}}); }
};

/// Parsed settings, or text to print and the exit code (help, version, mistakes).
struct Said {
    std::string text;
    int exit_code;
};
using Parsed = std::variant<Settings, Said>;
Parsed parse_command_line(int argc, const char* const* argv);

Result<CtiMode> parse_mode(std::string_view text);  ///< "echo", "sink", "burst", "burst=N*M"

}  // namespace tserver::sim
