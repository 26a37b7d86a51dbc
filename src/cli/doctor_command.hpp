// tserverctl doctor: the chain of each link step by step, and what a TLS port offers.
#pragma once

#include <optional>
#include <string>

#include "cli/daemon_commands.hpp"

namespace tserver::cli {

struct DoctorRequest {
    std::string config;               ///< configuration file
    std::optional<std::string> link;  ///< nothing: every link
};

/// Reads only; asks a running tserver what its links do. Links are examined side by side.
/// @return 0 no step failed, 2 the configuration was refused or there is no such link, else the exit code of
/// the first failure's class
int examine_links(const Terms& terms, const DoctorRequest& request);

/// @param server  "10.1.1.5:2749"; the port may be left out
/// @return 0 a profile fits, 51 none does, else the exit code of the failure's class
int examine_tls(const Terms& terms, const std::string& server);

}  // namespace tserver::cli
