// The catalogue of failure classes as people, programs and doc/faults.md read it.
#pragma once

#include <optional>

#include "cli/daemon_commands.hpp"

namespace tserver::cli {

/// One class in full, or a line for each.
/// @return 0, or 2 when there is no such class (the nearest name is offered)
int show_faults(const Terms& terms, const std::optional<std::string>& id);

/// doc/faults.md as it is committed.
std::string faults_document();

}  // namespace tserver::cli
