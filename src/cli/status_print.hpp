// The status as a person reads it: a table, a paragraph for each link that carries nothing, and what else
// should be known. Pure text from the status model.
#pragma once

#include <string>

#include "base/time.hpp"
#include "control/status.hpp"

namespace tserver::cli {

enum class Colour : std::uint8_t { off, on };

/// Ends with a line end.
std::string status_text(const control::Status& status, Instant now, Colour colour);

/// 0 every link carries traffic (up, or in clear by its options), 1 some, 2 none.
int status_exit_code(const control::Status& status);

/// For a watchdog that asks: a line for each link that carries nothing and each thing of tserver that is
/// degraded, or one line that all is well.
std::string check_text(const control::Status& status);
/// 0 all is well, 1 some link carries nothing or something is degraded, 2 no link carries traffic.
int check_exit_code(const control::Status& status);

/// "12s", "5m", "3h 20m", "2d 4h"; "-" for nothing.
std::string duration_text(std::chrono::seconds time);
/// "0", "999", "1.2k", "34M"; decimal steps.
std::string octets_text(std::uint64_t count);

}  // namespace tserver::cli
