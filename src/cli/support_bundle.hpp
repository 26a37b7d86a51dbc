// tserverctl support-bundle: one file for whoever helps, with everything but secrets in it.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "cli/daemon_commands.hpp"

namespace tserver::cli {

struct BundleRequest {
    std::string file;                ///< must not exist
    std::string config;              ///< configuration file
    std::optional<std::string> log;  ///< a log file whose end goes in too
};

/// Runs a command of tserverctl with these arguments.
using RunCommand =
    std::function<int(std::vector<std::string> arguments, std::ostream& out, std::ostream& err)>;

constexpr std::size_t largest_bundle = 5'000'000;

/// A JSON file of mode 0600 and at most 5 MB: versions, this system, and what the commands say that look at
/// configuration (secrets as stars), states, events, store and chain. The passphrase and the codes of the
/// configuration are struck out of the log lines, should one ever stand there.
/// @return 0; 4 the file exists or cannot be written
int support_bundle(const Terms& terms, const BundleRequest& request, const RunCommand& run);

/// The text with every whole occurrence of the secret as stars: digits are struck out only where no other
/// digit stands beside them.
std::string struck_out(std::string text, std::string_view secret);

}  // namespace tserver::cli
