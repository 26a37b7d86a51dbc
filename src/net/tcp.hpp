// TCP: connecting with a deadline to every address of a name, listening, accepting, and finding dead peers.
#pragma once

#include "net/address.hpp"
#include "os/fd.hpp"

namespace tserver::net {

/// How a silent peer is found: keep-alive probes on an idle connection, a user time-out on a sending one (RFC
/// 5482).
struct DeadPeer {
    std::chrono::seconds idle{15};     ///< quiet time before the first probe
    std::chrono::seconds interval{5};  ///< between probes
    int probes = 5;                    ///< unanswered probes that end the connection
    std::chrono::seconds unacknowledged{
        40};  ///< sent data may wait this long; 0: as long as the system lets it
};

/// A connected, non-blocking stream socket with TCP_NODELAY.
/// @return CTI_REFUSED (nobody listens), CTI_UNREACHABLE (no route, no answer), CTI_CLOSED (reset at once),
/// OUT_OF_RESOURCES; detail "10.1.1.5:2749: …"
Task<Result<os::Fd>> connect(Loop& loop, Address to, std::chrono::milliseconds limit);

/// The first address that takes the connection; each gets `limit`.
/// @return the error of the last address, or NAME_RESOLUTION
Task<Result<os::Fd>> connect(Loop& loop, Host host, Port port, std::chrono::milliseconds limit);

/// connect() speaks of the CTIManager: what it says of the far end becomes `unreachable`, the rest stays.
Error of_other_server(Error error, Fault unreachable);

/// Failures are not reported: a socket that cannot have the option works without it.
void watch_for_death(int socket, const DeadPeer& limits);

/// A listening socket.  @return PORT_IN_USE, PERMISSION, CONFIG_VALUE (an address of no interface here)
Result<os::Fd> listen(const Address& at, int backlog = 16);

/// The next connection: non-blocking, TCP_NODELAY. OUT_OF_RESOURCES when descriptors run out (pause, then go
/// on).
Result<os::Fd> accept_now(int listener);

/// Closing sends a reset instead of the rest of the stream.
void reset_on_close(int socket) noexcept;

/// The pending error of a socket, 0 if there is none.
int pending_error(int socket) noexcept;

}  // namespace tserver::net
