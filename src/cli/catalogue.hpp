// The catalogue of failure classes, and the messages of the log, as people, programs and the pages of doc/
// read them.
#pragma once

#include <optional>

#include "cli/daemon_commands.hpp"

namespace tserver::cli {

/// One class in full, or a line for each.
/// @return 0, or 2 when there is no such class (the nearest name is offered)
int show_faults(const Terms& terms, const std::optional<std::string>& id);

/// doc/faults.md as it is committed.
std::string faults_document();

/// A line for each message of the log, or with an id that one alone.
/// @return 0, or 2 when there is no such message
int show_messages(const Terms& terms, const std::optional<unsigned>& id);

/// doc/messages.md as it is committed.
std::string messages_document();

}  // namespace tserver::cli
