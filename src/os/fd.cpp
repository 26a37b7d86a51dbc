#include "os/fd.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <system_error>

namespace tserver::os {

void Fd::reset(int descriptor) noexcept {
    // EINTR: Linux has closed the descriptor all the same; a second close could hit somebody else's.
    if (descriptor_ >= 0) ::close(descriptor_);
    descriptor_ = descriptor;
}

std::string reason(int error) { return std::generic_category().message(error); }

tl::unexpected<Error> failed(std::string_view what, int error, Fault otherwise) {
    const auto fault = [&] {
        switch (error) {
            case ENOSPC:
            case EDQUOT: return Fault::DISK_FULL;
            case EMFILE:
            case ENFILE:
            case ENOBUFS:
            case ENOMEM:
            case EAGAIN: return Fault::OUT_OF_RESOURCES;
            case EACCES:
            case EPERM: return Fault::PERMISSION;
            default: return otherwise;
        }
    }();
    return fail(fault, fmt::format("{}: {}", what, reason(error)));
}

}  // namespace tserver::os
