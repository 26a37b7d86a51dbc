// The configuration of one tserver: read from an INI file, checked as a whole, refused as a whole.
//
// Format: sections `[name]`, lines `name = value`, comments on lines of their own that start with # or ;. A
// value is everything behind the = without the blanks around it; # ; = and quotes in it are ordinary
// characters. One pair of double quotes around the whole value is taken off (so that blanks at its ends can
// be kept); nothing inside them is interpreted. UTF-8, with or without a byte order mark, lines end in LF or
// CRLF.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "config/link_config.hpp"
#include "config/problem.hpp"

namespace tserver::config {

/// The same words and order as log::Level, which this layer does not know.
enum class LogLevel : std::uint8_t { alarm, standard, interaction, trace, debug };

/// Options of the daemon itself, section [TServer].
struct DaemonConfig {
    LogLevel log_level = LogLevel::standard;
    std::filesystem::path control_socket{"/run/tserver/control"};
    std::filesystem::path log_file;  ///< empty: standard error

    bool operator==(const DaemonConfig&) const = default;
};

struct Config {
    DaemonConfig daemon;
    std::vector<LinkConfig> links;  ///< by number; at least one
    std::vector<Warning> warnings;
    std::string source;  ///< path of the file, as given

    /// Same options; where they were written and what was warned of does not count.
    bool operator==(const Config& other) const { return daemon == other.daemon && links == other.links; }
    [[nodiscard]] const LinkConfig* link(std::string_view name) const;
};

/// Every problem of a file, in the order of its lines; never empty.
using Problems = std::vector<Problem>;
template <class T>
using Checked = tl::expected<T, Problems>;

/// Reads text alone, touching no file: a `password-file` is remembered, not read.
/// @param path  only named in problems
Checked<Config> parse(std::string_view text, std::string_view path);

/// Why a file is read: systemd passes a credential to the service only, so a check by hand cannot see it and
/// warns.
enum class Purpose : std::uint8_t { running, checking };

/// Reads the file, and what it names on this host: password-file or systemd credential
/// (CREDENTIALS_DIRECTORY), kind and mode of tls-cert-path. Writes nothing.
Checked<Config> load(const std::filesystem::path& path, Purpose purpose = Purpose::running);

/// The same problems as one Error (the first in full, the others counted), for those who can show only one.
Error as_error(const Problems& problems);

}  // namespace tserver::config
