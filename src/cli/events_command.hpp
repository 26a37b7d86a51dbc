// tserverctl events: what has happened, and what happens.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "cli/daemon_commands.hpp"

namespace tserver::cli {

struct EventsWanted {
    std::optional<std::uint64_t> after;  ///< number of the last event that is known; nothing: the oldest kept
    std::string run;                     ///< of tserver, for `after`; empty: the one that runs
    std::string link;                    ///< of one link only; empty: all, and tserver itself
    bool follow = false;
};

/// One line an event: with --json the event as tserver gives it and its run, so that any line says where to
/// go on. Following survives a restart of tserver: it begins again with the first event of the new run.
/// @return 0; 3 EVENTS_TOO_OLD; 2 tserver does not answer
int events(const Terms& terms, const EventsWanted& wanted);

}  // namespace tserver::cli
