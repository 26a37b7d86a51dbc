// `tserverctl config …`: what a configuration file says, what is wrong with it, what taking it would do.
// Nothing here writes, and all but a plan work without a running tserver.
#pragma once

#include <filesystem>
#include <optional>
#include <ostream>
#include <string_view>

#include "config/config.hpp"

namespace tserver::cli {

enum class ConfigFormat { text, json };

/// Every problem and warning of the file.
/// Text: problems on `err`, warnings and the verdict on `out`.
/// JSON on `out`: {"file","accepted","links":n,"problems":[P],"warnings":[P]} with
///   P = {"fault","file","line","column","text","remedy","other":null|{"file","line","column"}}
///   (line or column 0: the whole file, the whole line).
/// @return 0 accepted, 1 accepted with warnings, 2 refused
int config_check(std::ostream& out, std::ostream& err, const std::filesystem::path& file,
                 ConfigFormat format);

/// The effective configuration; secrets as stars.
/// JSON:
/// {"file","daemon":{option:value},"links":[{"name","number","security","listen","port","options":{option:
///   value|null}}]}, values as text.
/// @return 0, or 2 with the problems as config_check() shows them
int config_show(std::ostream& out, std::ostream& err, const std::filesystem::path& file, ConfigFormat format);

/// What taking `file` would do to a tserver that runs with `running`.
/// JSON: {"file","accepted","changes":[{"link":null|name,"option","effect","from":null|text,"to":null|text,
///   "reason"}],"drops":[name],"pending_restart":bool}, effect one of nothing, at_once, link_reset, restart,
///   refused.
/// @return 0 it can be taken (also if it changes nothing), 2 it would be refused
int config_plan(std::ostream& out, std::ostream& err, const config::Config& running,
                const std::filesystem::path& file, ConfigFormat format);

/// One option, or all. JSON: the option, or {"options":[…]}, each
/// {"name","section","type","default":null|text,
/// "takes_effect":"at_once|link_reset|restart","secret","needed_for_tls","example","help"}.
/// @return 0, or 2 for a name that is none (with a suggestion)
int config_explain(std::ostream& out, std::ostream& err, std::optional<std::string_view> option,
                   ConfigFormat format);

/// `config explain --markdown`: prints doc/options.md.
int config_explain_markdown(std::ostream& out);

}  // namespace tserver::cli
