// What is wrong, or doubtful, in a configuration file, and where.
#pragma once

#include <optional>
#include <string>

#include "base/fault.hpp"

namespace tserver::config {

struct Place {
    std::string file;
    std::size_t line = 0;    ///< from 1; 0 = the whole file
    std::size_t column = 0;  ///< from 1, in octets; 0 = the whole line

    /// "tserver.conf:12:3", without the parts that are 0.
    [[nodiscard]] std::string str() const;
    bool operator==(const Place&) const = default;
};

/// No text in it ever repeats a secret. Text of the file is escaped.
struct Problem {
    Fault fault;
    Place at;
    std::string text;            ///< "tls-auth-code: an authentication code is 4 to 10 digits"
    std::string remedy;          ///< what to do, one clause
    std::optional<Place> other;  ///< the place it collides with

    /// "tserver.conf:12: tls-auth-code: …", then an indented line for the other place and one for the remedy.
    [[nodiscard]] std::string str() const;
    bool operator==(const Problem&) const = default;
};

/// The configuration is taken, and somebody should look at it.
using Warning = Problem;

}  // namespace tserver::config
