// The commands that ask a running tserver: status, reload, config plan, link …, trust confirm.
// Each prints for people, or one JSON value a line with --json, and returns the exit code.
#pragma once

#include <boost/json.hpp>
#include <filesystem>
#include <functional>
#include <optional>
#include <ostream>
#include <string>

#include "base/secret.hpp"
#include "cli/status_print.hpp"

namespace tserver::cli {

/// Where answers go, and where tserver is.
struct Terms {
    std::ostream& out;
    std::ostream& err;
    std::string control;  ///< path of the control socket
    bool json = false;
    Colour colour = Colour::off;
    bool terminal = false;  ///< `out` is one: it can be redrawn in place
};

/// "FAULT_ID: meaning (detail)" and "→ action" on `err`; with --json {"error":{…}} on `out`.
/// @return the exit code of the fault
int say_error(const Terms& terms, const Error& error);
/// One line of JSON on `out`, at once.
void print(const Terms& terms, const boost::json::value& value);

/// @return 0 every link carries traffic, 1 some, 2 none, or tserver does not answer
int status(const Terms& terms);
/// @return the same, and 1 when something beside the links is degraded
int check_status(const Terms& terms);
/// Until interrupted: redraws in place on a terminal, otherwise writes the status anew when it changes.
int watch_status(const Terms& terms);

/// @return 0 taken, 2 refused
int reload(const Terms& terms);
/// @return 0 it can be taken, 2 it would be refused
int plan(const Terms& terms, const std::filesystem::path& file);

/// @param what  start, stop or restart. A stop is waited for.
int control_link(const Terms& terms, const std::string& link, const std::string& what);
/// @param source  where the code comes from, as in read_secret()
int enrol(const Terms& terms, const std::string& link, const std::optional<std::string>& source);

/// @param link  nothing: every link whose trust list waits for the operator
int confirm_trust(const Terms& terms, const std::optional<std::string>& link, bool replace);
/// Fetches the trust list now.
int refresh_trust(const Terms& terms, const std::string& link);

}  // namespace tserver::cli
