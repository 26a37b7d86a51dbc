// Where a secret may come from: a prompt without echo, a file, or standard input; never the command line
// (F94).
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "base/secret.hpp"

namespace tserver::cli {

/// One line without its end (LF or CRLF); blanks are kept, as they may belong to a passphrase.
/// @param source  a path, or "-" for standard input; nothing: ask on the terminal
/// @return UNREADABLE; USAGE when there is no terminal to ask on
Result<Secret> read_secret(std::string_view prompt, const std::optional<std::string>& source);

}  // namespace tserver::cli
