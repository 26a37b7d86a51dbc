#include "os/sandbox.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/capability.h>
#include <linux/seccomp.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <ctime>
#include <thread>

#include "os/landlock.hpp"
#include "os/not_confined.hpp"
#include "os/syscall_filter.hpp"

namespace tserver::os {
namespace {

using Capabilities = std::array<__user_cap_data_struct, _LINUX_CAPABILITY_U32S_3>;

__user_cap_header_struct for_self() { return {_LINUX_CAPABILITY_VERSION_3, 0}; }

Result<Capabilities> capabilities() {
    auto header = for_self();
    Capabilities out{};
    if (::syscall(SYS_capget, &header, out.data()) != 0) return not_confined("capget");
    return out;
}

/// Bounding set first: it needs a capability itself, and a process without that one has nothing to lose
/// there.
Result<void> drop_capabilities(LowPorts low_ports) {
    TRY(held, capabilities());
    constexpr std::uint32_t bind = 1U << CAP_NET_BIND_SERVICE;
    const auto keep = low_ports == LowPorts::yes ? held[0].permitted & bind : 0U;
    for (unsigned number = 0; ::prctl(PR_CAPBSET_READ, number) >= 0; ++number) {
        if (number == CAP_NET_BIND_SERVICE && keep != 0) continue;
        if (::prctl(PR_CAPBSET_DROP, number) != 0 && errno != EPERM) return not_confined("PR_CAPBSET_DROP");
    }
    if (::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) != 0 && errno != EINVAL)
        return not_confined("PR_CAP_AMBIENT_CLEAR_ALL");
    auto header = for_self();
    Capabilities wanted{};
    wanted[0].effective = wanted[0].permitted = keep;
    if (::syscall(SYS_capset, &header, wanted.data()) != 0) return not_confined("capset");
    return {};
}

tl::unexpected<Error> still(const char* what) {
    return fail(Fault::SANDBOX, std::string{"the self-test of the sandbox: still allowed: "} + what);
}

tl::unexpected<Error> lacks(std::string_view what) {
    return not_confined(fmt::format("the self-test of the sandbox: {}", what));
}

/// By their numbers, as a library may call them that does not find them in the vDSO.
bool clocks_work() {
    timespec now{};
    return ::syscall(SYS_clock_gettime, CLOCK_REALTIME, &now) == 0 &&
           ::syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &now) == 0;
}

bool random_numbers_work() {
    std::array<std::uint8_t, 16> octets{};
    return ::syscall(SYS_getrandom, octets.data(), octets.size(), 0U) == static_cast<long>(octets.size());
}

bool forbidden() { return errno == EPERM || errno == EACCES || errno == ENOSYS; }

/// What the resolver does with a name server, with ourselves in its place: nothing leaves this host.
bool questions_go_out() {
    const Fd socket{::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
    sockaddr_in self{};
    self.sin_family = AF_INET;
    self.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof self;
    auto* address = reinterpret_cast<sockaddr*>(&self);
    if (!socket || ::bind(socket.get(), address, length) != 0 ||
        ::getsockname(socket.get(), address, &length) != 0 || ::connect(socket.get(), address, length) != 0)
        return !forbidden();
    char octet = 'q';
    iovec part{&octet, 1};
    mmsghdr question{};
    question.msg_hdr.msg_iov = &part;
    question.msg_hdr.msg_iovlen = 1;
    pollfd answer{socket.get(), POLLIN, 0};
    const bool asked = ::sendmmsg(socket.get(), &question, 1, MSG_NOSIGNAL) == 1 &&
                       ::poll(&answer, 1, 1000) == 1 &&
                       ::recvfrom(socket.get(), &octet, 1, 0, nullptr, nullptr) == 1;
    return asked || !forbidden();
}

/// With the modules of nsswitch.conf, which are loaded here at the latest. That there is no such name is none
/// of the sandbox's business.
bool names_work() {
    addrinfo* found = nullptr;
    errno = 0;
    const int outcome = ::getaddrinfo("localhost", nullptr, nullptr, &found);
    if (outcome == 0) ::freeaddrinfo(found);
    return outcome != EAI_SYSTEM || !forbidden();
}

Result<void> works_inside() {
    if (!Fd{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)}) return lacks("a socket");
    bool ran = false;
    std::thread{[&] { ran = true; }}.join();
    if (!ran) return fail(Fault::SANDBOX, "no thread runs inside the sandbox");
    if (!clocks_work()) return lacks("the time");
    if (!random_numbers_work()) return lacks("random numbers");
    if (!questions_go_out()) return lacks("a question to a name server");
    if (!names_work()) return lacks("the address of a name");
    return {};
}

/// From inside: what must be gone is gone, and what we live on is there.
Result<void> self_test(const Confinement& wanted, const Confined& made) {
    if (::prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1) return still("new privileges");
    TRY(held, capabilities());
    const auto keep = wanted.low_ports == LowPorts::yes ? 1U << CAP_NET_BIND_SERVICE : 0U;
    if ((held[0].effective & ~keep) != 0 || held[1].effective != 0 || (held[0].permitted & ~keep) != 0)
        return still("capabilities");
    if (made.files && ::access("/proc/self/status", R_OK) == 0 && Fd{::open("/proc/self/status", 0)})
        return still("to read /proc");
    if (made.calls) {
        if (::execl("/bin/true", "true", nullptr) == 0 || errno != EPERM) return still("another program");
        if (::syscall(SYS_clone, SIGCHLD, nullptr, nullptr, nullptr, nullptr) >= 0) return still("a process");
        if (Fd{::socket(AF_PACKET, SOCK_RAW, 0)}) return still("a packet socket");
        auto* page = ::mmap(nullptr, 4096, PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (page != MAP_FAILED) return still("writable code");
        if (::prctl(PR_GET_SECCOMP) != SECCOMP_MODE_FILTER) return still("calls without a filter");
    }
    return works_inside();
}

}  // namespace

Result<Confined> confine(const Confinement& wanted) {
    if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return not_confined("PR_SET_NO_NEW_PRIVS");
    Confined out;
    TRY(files, restrict_files(wanted.writable));
    out.files = files;
    CHECK(drop_capabilities(wanted.low_ports));
    TRY(calls, restrict_calls());
    out.calls = calls;
    CHECK(self_test(wanted, out));
    return out;
}

}  // namespace tserver::os
