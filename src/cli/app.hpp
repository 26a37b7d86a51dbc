// The command line of tserverctl: which commands there are, what they take, and what their help says.
#pragma once

#include <ostream>
#include <string>
#include <vector>

namespace tserver::cli {

/// @param arguments  without the program's name
/// @return the exit code
int run(std::vector<std::string> arguments, std::ostream& out, std::ostream& err);

}  // namespace tserver::cli
