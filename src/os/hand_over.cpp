#include "os/hand_over.hpp"

#include <sys/socket.h>

#include <array>
#include <cstring>

namespace tserver::os {
namespace {

/// A message of one octet with room for one descriptor beside it.
struct Parcel {
    char octet = 'd';
    iovec part{&octet, 1};
    alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> beside{};
    msghdr message{};
    Parcel() {
        message.msg_iov = &part;
        message.msg_iovlen = 1;
        message.msg_control = beside.data();
        message.msg_controllen = beside.size();
    }
    Parcel(const Parcel&) = delete;
    Parcel& operator=(const Parcel&) = delete;
};

}  // namespace

Result<void> hand_over(int socket, int descriptor) {
    Parcel parcel;
    auto* head = CMSG_FIRSTHDR(&parcel.message);
    head->cmsg_level = SOL_SOCKET;
    head->cmsg_type = SCM_RIGHTS;
    head->cmsg_len = CMSG_LEN(sizeof descriptor);
    std::memcpy(CMSG_DATA(head), &descriptor, sizeof descriptor);
    if (::sendmsg(socket, &parcel.message, MSG_NOSIGNAL | MSG_DONTWAIT) != 1) return failed("sendmsg", errno);
    return {};
}

Result<std::optional<Fd>> take_over(int socket) {
    Parcel parcel;
    const auto got = ::recvmsg(socket, &parcel.message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
    if (got < 0) return failed("recvmsg", errno);
    const auto* head = CMSG_FIRSTHDR(&parcel.message);
    if (got == 0 || head == nullptr || head->cmsg_type != SCM_RIGHTS) return std::optional<Fd>{};
    int descriptor = -1;
    std::memcpy(&descriptor, CMSG_DATA(head), sizeof descriptor);
    return std::optional{Fd{descriptor}};
}

}  // namespace tserver::os
