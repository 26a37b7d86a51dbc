// Socket addresses, and names resolved to all of theirs.
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>

#include <vector>

#include "base/types.hpp"
#include "net/wait.hpp"

namespace tserver::net {

/// An IPv4 or IPv6 address with its port.
class Address {
public:
    Address() = default;
    Address(const sockaddr* address, socklen_t length);

    /// An address literal, no name: "127.0.1.1:2748".  @return CONFIG_VALUE
    static Result<Address> literal(const Endpoint& endpoint);

    [[nodiscard]] const sockaddr* raw() const noexcept {
        return reinterpret_cast<const sockaddr*>(&storage_);
    }
    [[nodiscard]] socklen_t length() const noexcept { return length_; }
    [[nodiscard]] int family() const noexcept { return storage_.ss_family; }
    [[nodiscard]] Port port() const noexcept;
    [[nodiscard]] std::string host() const;  ///< "10.1.1.5", "fe80::1%eth0"
    [[nodiscard]] std::string str() const;   ///< "10.1.1.5:2749", "[::1]:2749"
    [[nodiscard]] bool same_host(const Address& other) const noexcept;
    friend bool operator==(const Address& a, const Address& b) noexcept {
        return a.same_host(b) && a.port() == b.port();
    }

private:
    sockaddr_storage storage_{};
    socklen_t length_ = 0;
};

/// Every address of the host, in the resolver's order; a literal needs no resolver. Ten seconds at most.
/// @return NAME_RESOLUTION; the detail names the host and what the resolver said.
Task<Result<std::vector<Address>>> resolve(Loop& loop, Host host, Port port);

/// The local and the far address of a socket.
Address local_address(int descriptor);
Address peer_address(int descriptor);

}  // namespace tserver::net
