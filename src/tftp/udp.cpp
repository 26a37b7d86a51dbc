#include "tftp/udp.hpp"

#include <linux/errqueue.h>
#include <netinet/in.h>

#include <array>
#include <cerrno>
#include <cstring>

namespace tserver::tftp {
namespace {

bool enable(int socket, int level, int option) {
    const int on = 1;
    return setsockopt(socket, level, option, &on, sizeof on) == 0;
}

net::Address any(int family) {
    sockaddr_storage storage{};
    storage.ss_family = static_cast<sa_family_t>(family);
    const socklen_t length = family == AF_INET6 ? sizeof(sockaddr_in6) : sizeof(sockaddr_in);
    return {reinterpret_cast<const sockaddr*>(&storage), length};
}

}  // namespace

Result<UdpSocket> UdpSocket::open(int family) {
    os::Fd fd{::socket(family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)};
    if (!fd) return os::failed("UDP socket", errno);
    const bool six = family == AF_INET6;
    if (six && !enable(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY)) return os::failed("IPV6_V6ONLY", errno);
    if (!enable(fd.get(), six ? SOL_IPV6 : SOL_IP, six ? IPV6_RECVERR : IP_RECVERR)) {
        return os::failed("IP_RECVERR", errno);
    }
    const auto address = any(family);
    if (::bind(fd.get(), address.raw(), address.length()) != 0) return os::failed("UDP port", errno);
    return UdpSocket{std::move(fd)};
}

int UdpSocket::send(const net::Address& to, ByteView packet) noexcept {
    // An ICMP error that waits on the socket fails one send; it says nothing about this packet.
    for (int attempt = 0; attempt < 2; ++attempt) {
        const auto sent = ::sendto(fd_.get(), packet.data(), packet.size(), 0, to.raw(), to.length());
        if (sent >= 0 || errno == EAGAIN || errno == ENOBUFS) return 0;
        if (errno != ECONNREFUSED && errno != EHOSTUNREACH) return errno;
    }
    return errno == EHOSTUNREACH ? errno : 0;
}

UdpSocket::Arrival UdpSocket::next() {
    if (const auto error = next_error()) return *error;
    sockaddr_storage from{};
    for (int attempt = 0; attempt < 2; ++attempt) {
        socklen_t length = sizeof from;
        const auto got = ::recvfrom(fd_.get(), buffer_.data(), buffer_.size(), 0,
                                    reinterpret_cast<sockaddr*>(&from), &length);
        if (got >= 0) {
            return Datagram{net::Address{reinterpret_cast<const sockaddr*>(&from), length},
                            ByteView{buffer_}.first(static_cast<std::size_t>(got))};
        }
        if (errno == EAGAIN) break;
        if (const auto error = next_error()) return *error;
    }
    return {};
}

std::optional<UdpSocket::Undeliverable> UdpSocket::next_error() {
    sockaddr_storage to{};
    alignas(cmsghdr) std::array<char, 512> control{};
    msghdr message{};
    message.msg_name = &to;
    message.msg_namelen = sizeof to;
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    if (::recvmsg(fd_.get(), &message, MSG_ERRQUEUE) < 0) return std::nullopt;
    int error = 0;
    for (auto* part = CMSG_FIRSTHDR(&message); part != nullptr; part = CMSG_NXTHDR(&message, part)) {
        const bool four = part->cmsg_level == SOL_IP && part->cmsg_type == IP_RECVERR;
        const bool six = part->cmsg_level == SOL_IPV6 && part->cmsg_type == IPV6_RECVERR;
        if (!four && !six) continue;
        sock_extended_err what{};
        std::memcpy(&what, CMSG_DATA(part), sizeof what);
        error = static_cast<int>(what.ee_errno);
    }
    return Undeliverable{net::Address{reinterpret_cast<const sockaddr*>(&to), message.msg_namelen}, error};
}

}  // namespace tserver::tftp
