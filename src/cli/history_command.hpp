// tserverctl history LINK: its last trust lists, enrolments and handshakes, step by step.
#pragma once

#include <string>

#include "cli/daemon_commands.hpp"

namespace tserver::cli {

/// Of what tserver keeps of the link (control/events.hpp), all but the comings and goings of applications: no
/// payload and no secret is in it. It outlives the link process, not tserver.
/// @param last  so many steps at most, the newest
/// @return 0; 2 no such link, or tserver does not answer
int history(const Terms& terms, const std::string& link, std::size_t last);

}  // namespace tserver::cli
