// A trust list for people and for programs.
#pragma once

#include <boost/json.hpp>
#include <ostream>
#include <string>

#include "trust/decide.hpp"
#include "trust/list.hpp"

namespace tserver::cli {

/// A list and what became of its signature.
struct CheckedList {
    std::string file;  ///< the path, escaped
    trust::List list;
    std::optional<trust::Verified> verified;
    std::optional<Error> refusal;       ///< why it is not verified
    bool by_held;                       ///< against a held list, not against itself
    std::vector<std::string> warnings;  ///< of reading and of verifying
};

boost::json::value reason_json(const std::optional<Error>& error);
boost::json::value time_json(const std::optional<Instant>& when);
boost::json::value text_json(const std::string& text);  ///< null for an empty one

/// Everything about the list but its records.
boost::json::object head_json(const CheckedList& checked);
boost::json::array records_json(const trust::List& list, Instant now);

void print_head(std::ostream& out, const CheckedList& checked);
void print_verdict(std::ostream& out, const CheckedList& checked);
void print_records(std::ostream& out, const trust::List& list, Instant now);

}  // namespace tserver::cli
