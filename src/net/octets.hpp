// Whole texts over a non-blocking stream socket, for the small servers of this host.
#pragma once

#include <sys/socket.h>

#include <cerrno>
#include <string_view>

#include "net/wait.hpp"
#include "os/fd.hpp"

namespace tserver::net {

/// Sends all of it; `text` outlives the wait.  @return true, or `otherwise` with what the system said
inline Task<Result<bool>> send_all(Loop& loop, int socket, std::string_view text, Fault otherwise) {
    while (!text.empty()) {
        const auto sent = ::send(socket, text.data(), text.size(), MSG_NOSIGNAL);
        if (sent >= 0) {
            text.remove_prefix(static_cast<std::size_t>(sent));
        } else if (errno == EAGAIN) {
            co_await writable(loop, socket);
        } else if (errno != EINTR) {
            co_return os::failed("send", errno, otherwise);
        }
    }
    co_return true;
}

}  // namespace tserver::net
