// The life of tserver: from its configuration to its end.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "config/config.hpp"
#include "log/log.hpp"

namespace tserver::supervisor {

struct DaemonSetup {
    config::Config config;
    std::string control_socket;
    std::string link_program;  ///< path of tserver-link
};

/// Runs until SIGTERM or SIGINT.
/// @return what kept it from starting: the control socket (CONTROL_IN_USE, PERMISSION, CONFIG_VALUE) or a
/// resource
Result<void> run(DaemonSetup setup, log::Log& log);

}  // namespace tserver::supervisor
