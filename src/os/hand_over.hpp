// A descriptor goes to another process over a Unix socket (SCM_RIGHTS).
#pragma once

#include <optional>

#include "os/fd.hpp"

namespace tserver::os {

/// Never waits; a peer that has left or does not read is the peer's trouble.
/// @param socket  one that keeps messages apart (SOCK_SEQPACKET)
Result<void> hand_over(int socket, int descriptor);

/// The next descriptor that was handed over.  @return nothing when the peer has left, or none came along
Result<std::optional<Fd>> take_over(int socket);

}  // namespace tserver::os
