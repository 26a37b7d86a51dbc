// The failure of a step of the sandbox.
#pragma once

#include "os/fd.hpp"

namespace tserver::os {

/// Of a system call that has just failed. A right that is refused is one that the sandbox needs: SANDBOX, not
/// PERMISSION.
inline tl::unexpected<Error> not_confined(std::string_view what) {
    auto out = failed(what, errno, Fault::SANDBOX);
    if (out.value().fault == Fault::PERMISSION) out.value().fault = Fault::SANDBOX;
    return out;
}

}  // namespace tserver::os
