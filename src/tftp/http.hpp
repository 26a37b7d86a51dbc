// GET of one file from the HTTP side of Cisco TFTP (TCP 6970). Source: doc/protocols/tftp.md, section 6.
#pragma once

#include "base/bytes.hpp"
#include "base/types.hpp"
#include "net/wait.hpp"

namespace tserver::tftp {

struct HttpLimits {
    std::chrono::milliseconds deadline{30'000};   ///< of everything together
    std::size_t largest = 16U << 20U;             ///< octets of the file
    int busy_answers = 4;                         ///< 503 answers until it is given up
    std::chrono::milliseconds busy_pause{1'000};  ///< after the first 503; doubles
};

struct HttpFile {
    Bytes file;
    std::string from;  ///< "10.1.1.5:6970"
};

/// No redirects, no chunks, no compression, one connection for each request.
/// @return TFTP_UNREACHABLE (no connection, or the deadline: how far it got), CTL_NOT_FOUND (404),
///         TFTP_REFUSED (any other status; 503 to the end), TFTP_PROTOCOL, CTL_TOO_LARGE, NAME_RESOLUTION
net::Task<Result<HttpFile>> http_get(net::Loop& loop, Host host, Port port, std::string file_name,
                                     HttpLimits limits = {});

}  // namespace tserver::tftp
