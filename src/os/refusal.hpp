// Why the system refuses a path although nothing is wrong with its owner and modes: the walls of our systemd
// unit (F82), or SELinux (F83). Reads only.
#pragma once

#include <cstdint>
#include <string>

#include "os/fd.hpp"

namespace tserver::os {

enum class Wanted : std::uint8_t { to_read, to_write };

/// What can be seen of a refusal.
struct Refusal {
    std::string path;   ///< what was refused
    std::string there;  ///< the same, or the nearest directory above it that is there
    int error = 0;
    bool in_unit = false;       ///< a service manager has started us
    bool modes_permit = false;  ///< owner and modes of `there` and of all above it let us
    std::string label;          ///< SELinux label of `there`; empty where there is none
};

/// A clause that names the line of the unit, or the label and how to find the denial; empty when nothing is
/// known beyond the system's own word.
std::string hint(const Refusal& refusal);

Refusal look_at_refusal(const std::string& path, int error, Wanted wanted);

/// "; " and the hint, to stand behind the system's word; or nothing.
std::string why_refused(const std::string& path, int error, Wanted wanted);

/// failed() of a path that was to be written to, with the hint.
tl::unexpected<Error> refused_path(const std::string& path, int error, Fault otherwise = Fault::INTERNAL);

}  // namespace tserver::os
