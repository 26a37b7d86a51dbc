#include "net/address.hpp"

#include <arpa/inet.h>
#include <net/if.h>
#include <netdb.h>

#include <cstring>

#include "base/text.hpp"
#include "net/worker.hpp"

namespace tserver::net {
namespace {

using Found = Result<std::vector<Address>>;

Found look_up(const std::string& host, Port port, int flags) {
    addrinfo hints{};
    hints.ai_family = AF_UNSPEC;
    hints.ai_socktype = SOCK_STREAM;
    hints.ai_flags = flags | AI_NUMERICSERV;
    addrinfo* list = nullptr;
    const int error = getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &list);
    if (error != 0)
        return fail(Fault::NAME_RESOLUTION, fmt::format("{}: {}", escape(host), gai_strerror(error)));
    const std::unique_ptr<addrinfo, void (*)(addrinfo*)> owned{list, freeaddrinfo};
    std::vector<Address> out;
    for (const auto* at = list; at != nullptr; at = at->ai_next)
        out.emplace_back(at->ai_addr, at->ai_addrlen);
    if (out.empty()) return fail(Fault::NAME_RESOLUTION, fmt::format("{}: no address", escape(host)));
    return out;
}

template <class Query>
Address queried(Query query, int descriptor) {
    sockaddr_storage storage{};
    socklen_t length = sizeof storage;
    if (query(descriptor, reinterpret_cast<sockaddr*>(&storage), &length) != 0) return {};
    return {reinterpret_cast<const sockaddr*>(&storage), length};
}

}  // namespace

Address::Address(const sockaddr* address, socklen_t length)
    : length_{std::min<socklen_t>(length, sizeof storage_)} {
    std::memcpy(&storage_, address, length_);
}

Result<Address> Address::literal(const Endpoint& endpoint) {
    auto found = look_up(endpoint.host.str(), endpoint.port, AI_NUMERICHOST);
    if (!found)
        return fail(Fault::CONFIG_VALUE, fmt::format("\"{}\" is not an address", endpoint.host.str()));
    return found->front();
}

Port Address::port() const noexcept {
    if (family() == AF_INET6) return ntohs(reinterpret_cast<const sockaddr_in6*>(&storage_)->sin6_port);
    return ntohs(reinterpret_cast<const sockaddr_in*>(&storage_)->sin_port);
}

std::string Address::host() const {
    std::array<char, NI_MAXHOST> text{};
    if (getnameinfo(raw(), length_, text.data(), text.size(), nullptr, 0, NI_NUMERICHOST) != 0) return "?";
    return text.data();
}

std::string Address::str() const {
    return family() == AF_INET6 ? fmt::format("[{}]:{}", host(), port())
                                : fmt::format("{}:{}", host(), port());
}

bool Address::same_host(const Address& other) const noexcept {
    if (family() != other.family()) return false;
    if (family() == AF_INET6) {
        return std::memcmp(&reinterpret_cast<const sockaddr_in6*>(&storage_)->sin6_addr,
                           &reinterpret_cast<const sockaddr_in6*>(&other.storage_)->sin6_addr,
                           sizeof(in6_addr)) == 0;
    }
    return reinterpret_cast<const sockaddr_in*>(&storage_)->sin_addr.s_addr ==
           reinterpret_cast<const sockaddr_in*>(&other.storage_)->sin_addr.s_addr;
}

Task<Result<std::vector<Address>>> resolve(Loop& loop, Host host, Port port) {
    if (auto literal = look_up(host.str(), port, AI_NUMERICHOST)) co_return literal;
    auto ask = [name = host.str(), port] { return look_up(name, port, 0); };
    auto asking = offload(loop, std::move(ask));
    auto limited = within(loop, std::chrono::seconds{10}, std::move(asking));
    auto found = co_await std::move(limited);
    if (!found && found.error().fault == Fault::TIMED_OUT) {
        co_return fail(Fault::NAME_RESOLUTION,
                       fmt::format("{}: the resolver did not answer within 10 s", host.str()));
    }
    co_return found;
}

Address local_address(int descriptor) { return queried(getsockname, descriptor); }
Address peer_address(int descriptor) { return queried(getpeername, descriptor); }

}  // namespace tserver::net
