// Problems and plans for people and for programs; tserver answers `config plan` and `reload` with them, the
// command line prints them.
#pragma once

#include <boost/json.hpp>
#include <string>

#include "config/config.hpp"
#include "config/plan.hpp"

namespace tserver::config {

/// [{"fault","file","line","column","text","remedy","other":null|{"file","line","column"}}]; line or column
/// 0: the whole file, the whole line.
boost::json::array problems_json(const Problems& problems);

/// {"accepted","changes":[{"link":null|name,"option","effect","from":null|text,"to":null|text,"reason"}],
/// "drops":[name],"pending_restart":bool}; effect is nothing, at_once, link_reset, restart or refused; link
/// null: the daemon's option.
boost::json::object plan_json(const Plan& plan);

/// One paragraph a change, links that share it together, and a line that sums up.
std::string plan_text(const Plan& plan);

}  // namespace tserver::config
