#include "os/syscall_filter.hpp"

#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <bit>
#include <cstddef>
#include <initializer_list>
#include <vector>

#include "os/not_confined.hpp"

namespace tserver::os {
namespace {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || defined(TSERVER_VALGRIND)
constexpr bool sanitized = true;
#elif defined(__has_feature)
constexpr bool sanitized = __has_feature(address_sanitizer) || __has_feature(thread_sanitizer);
#else
constexpr bool sanitized = false;
#endif

#if defined(__x86_64__)
constexpr std::uint32_t machine = AUDIT_ARCH_X86_64;
#elif defined(__aarch64__)
constexpr std::uint32_t machine = AUDIT_ARCH_AARCH64;
#else
constexpr std::uint32_t machine = 0;
#endif

/// Calls that are allowed whatever their arguments; those of the relay first.
constexpr std::array plain_calls {
    SYS_recvfrom, SYS_sendto, SYS_epoll_pwait, SYS_epoll_ctl, SYS_read, SYS_write, SYS_close, SYS_futex,
        SYS_clock_gettime, SYS_clock_nanosleep, SYS_nanosleep, SYS_getrandom, SYS_gettimeofday,
        SYS_clock_getres,
        // sockets
        SYS_connect, SYS_bind, SYS_listen, SYS_accept, SYS_accept4, SYS_getsockname, SYS_getpeername,
        SYS_setsockopt, SYS_getsockopt, SYS_sendmsg, SYS_recvmsg, SYS_sendmmsg, SYS_recvmmsg, SYS_shutdown,
        // waiting
        SYS_epoll_create1, SYS_epoll_pwait2, SYS_ppoll, SYS_pselect6, SYS_eventfd2, SYS_signalfd4,
        // files, as far as Landlock and the modes let
        SYS_openat, SYS_openat2, SYS_newfstatat, SYS_fstat, SYS_statx, SYS_lseek, SYS_readv, SYS_writev,
        SYS_pread64, SYS_pwrite64, SYS_faccessat, SYS_faccessat2, SYS_readlinkat, SYS_getdents64, SYS_mkdirat,
        SYS_unlinkat, SYS_renameat, SYS_renameat2, SYS_fsync, SYS_fdatasync, SYS_ftruncate, SYS_fchmod,
        SYS_fchmodat, SYS_fchown, SYS_flock, SYS_fcntl, SYS_statfs, SYS_fstatfs, SYS_umask, SYS_getcwd,
        SYS_dup, SYS_dup3, SYS_pipe2, SYS_getxattr,
        // memory
        SYS_munmap, SYS_mremap, SYS_madvise, SYS_brk, SYS_mlock, SYS_mlock2, SYS_munlock,
        // the process and its threads
        SYS_set_robust_list, SYS_rseq, SYS_set_tid_address, SYS_exit, SYS_exit_group, SYS_sched_yield,
        SYS_sched_getaffinity, SYS_gettid, SYS_getpid, SYS_getppid, SYS_getuid, SYS_geteuid, SYS_getgid,
        SYS_getegid, SYS_tgkill, SYS_restart_syscall, SYS_uname, SYS_sysinfo, SYS_getrusage, SYS_capget,
        SYS_rt_sigaction, SYS_rt_sigprocmask, SYS_rt_sigreturn, SYS_sigaltstack,
#if defined(__x86_64__)
        // the older names, which the C library of this machine still uses
        SYS_epoll_wait, SYS_poll, SYS_select, SYS_open, SYS_stat, SYS_lstat, SYS_access, SYS_readlink,
        SYS_mkdir, SYS_rmdir, SYS_unlink, SYS_rename, SYS_time, SYS_pipe, SYS_dup2,
#endif
};

/// The last call of this machine's table that was thought of here. A library that is newer than this program
/// asks for later ones and goes on with the older ones when it hears that they do not exist (F81).
constexpr std::uint32_t newest_known = SYS_set_mempolicy_home_node;

constexpr std::size_t low_half = std::endian::native == std::endian::little ? 0 : 4;

std::uint32_t argument(unsigned index, std::size_t half) {
    return static_cast<std::uint32_t>(offsetof(seccomp_data, args) + sizeof(std::uint64_t) * index + half);
}

constexpr std::uint32_t allowed = SECCOMP_RET_ALLOW;
constexpr std::uint32_t refused(int error) { return SECCOMP_RET_ERRNO | static_cast<std::uint32_t>(error); }

/// Writes the filter: every rule ends with an answer, so one that does not match goes on with the next.
class Filter {
public:
    Filter() {
        load(offsetof(seccomp_data, arch));
        unless_equal(machine, refused(EPERM));
        load(offsetof(seccomp_data, nr));
#if defined(__x86_64__)
        // Numbers of the x32 form of this machine are calls of another table.
        code_.push_back(BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, 0x4000'0000U, 0, 1));
        answer(refused(EPERM));
#endif
        code_.push_back(BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, newest_known, 0, 1));
        answer(refused(ENOSYS));
    }

    void allow(long call) { answer_to(call, allowed); }
    void answer_to(long call, std::uint32_t with) {
        code_.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, static_cast<std::uint32_t>(call), 0, 1));
        answer(with);
    }
    /// Allowed when the low half of the argument is one of the values.
    void allow_when(long call, unsigned index, std::initializer_list<std::uint32_t> values) {
        begin(call, 2 + 2 * values.size());
        load(argument(index, low_half));
        for (const auto value : values) {
            code_.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, 0, 1));
            answer(allowed);
        }
        answer(refused(EPERM));
    }
    /// Allowed when, of the argument's bits in `mask`, exactly those of `bits` are set, or (not) any others.
    void allow_bits(long call, unsigned index, std::uint32_t mask, std::uint32_t bits, bool equal) {
        begin(call, 5);
        load(argument(index, low_half));
        code_.push_back(BPF_STMT(BPF_ALU | BPF_AND | BPF_K, mask));
        code_.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, bits, 0, 1));
        answer(equal ? allowed : refused(EPERM));
        answer(equal ? refused(EPERM) : allowed);
    }
    /// Allowed when the whole argument is zero.
    void allow_zero(long call, unsigned index) {
        begin(call, 6);
        load(argument(index, 0));
        code_.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 3));
        load(argument(index, 4));
        code_.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 1));
        answer(allowed);
        answer(refused(EPERM));
    }

    Result<void> install() {
        answer(refused(EPERM));
        const sock_fprog program{static_cast<unsigned short>(code_.size()), code_.data()};
        if (::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &program) != 0)
            return not_confined("seccomp");
        return {};
    }

private:
    void load(std::size_t offset) {
        code_.push_back(BPF_STMT(BPF_LD | BPF_W | BPF_ABS, static_cast<std::uint32_t>(offset)));
    }
    void answer(std::uint32_t with) { code_.push_back(BPF_STMT(BPF_RET | BPF_K, with)); }
    void unless_equal(std::uint32_t value, std::uint32_t with) {
        code_.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, 1, 0));
        answer(with);
    }
    /// @param length  of the rule that follows, which other calls jump over
    void begin(long call, std::size_t length) {
        code_.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, static_cast<std::uint32_t>(call), 0,
                                 static_cast<std::uint8_t>(length)));
    }

    std::vector<sock_filter> code_;
};

}  // namespace

Result<bool> restrict_calls() {
    if constexpr (sanitized || machine == 0) return false;
    Filter filter;
    for (const auto call : plain_calls) filter.allow(call);
    filter.allow_when(SYS_socket, 0, {AF_UNIX, AF_INET, AF_INET6, AF_NETLINK});
    filter.allow_when(SYS_ioctl, 1, {FIONREAD, FIONBIO, TIOCOUTQ});
    filter.allow_when(SYS_prctl, 0, {PR_GET_NO_NEW_PRIVS, PR_GET_SECCOMP, PR_GET_DUMPABLE, PR_SET_NAME});
    filter.allow_bits(SYS_clone, 0, CLONE_THREAD | CLONE_VM, CLONE_THREAD | CLONE_VM, true);
    filter.allow_bits(SYS_mmap, 2, PROT_WRITE | PROT_EXEC, PROT_WRITE | PROT_EXEC, false);
    filter.allow_bits(SYS_mprotect, 2, PROT_EXEC, PROT_EXEC, false);
    filter.allow_zero(SYS_prlimit64, 2);
    filter.allow_when(SYS_setpriority, 0,
                      {PRIO_PROCESS});  // a thread that makes a key gives way to the relays
    filter.answer_to(SYS_clone3, refused(ENOSYS));
    CHECK(filter.install());
    return true;
}

}  // namespace tserver::os
