// Texts drawn from the options table: `config explain`, `config show` and doc/options.md.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "config/config.hpp"
#include "config/options.hpp"

namespace tserver::config {

/// Every option with its default, when it counts, and its help in a line.
std::string explain_all();
/// One option in full; nothing for a name that is none.
std::optional<std::string> explain(std::string_view option);

enum class Secrets : std::uint8_t { as_stars, in_clear };
/// The effective configuration as a file that parse() reads back to an equal one (with in_clear; for tests
/// and for moving a file). What was not set stands as a comment with its default.
std::string show(const Config& config, Secrets secrets = Secrets::as_stars);

/// doc/options.md.
std::string options_document();

}  // namespace tserver::config
