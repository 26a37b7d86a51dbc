// For tests, as LD_PRELOAD: one system call of one program fails, once or from then on.
//   TSERVER_FAIL=PROGRAM:CALL:ERRNO:N:once|for-good
// The N-th call of each process of that name (from 1) fails with this errno, and a line on standard error
// says so.
#include <dlfcn.h>
#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace {

struct Plan {
    char program[32] = "", call[32] = "", lasts[16] = "";
    int error = 0;
    unsigned long from = 0;
    Plan() {
        const char* text = std::getenv("TSERVER_FAIL");
        const bool good = text != nullptr && std::sscanf(text, "%31[^:]:%31[^:]:%d:%lu:%15s", program, call,
                                                         &error, &from, lasts) == 5;
        if (!good || std::strcmp(program, program_invocation_short_name) != 0) from = 0;
    }
};

std::atomic<unsigned long> made{0};

bool fails(const char* call) {
    static const Plan plan;
    if (plan.from == 0 || std::strcmp(call, plan.call) != 0) return false;
    const auto number = ++made;
    if (number != plan.from && (number < plan.from || std::strcmp(plan.lasts, "for-good") != 0)) return false;
    if (number == plan.from) {
        constexpr char line[] = "failing_call: failed\n";
        static const auto next =
            reinterpret_cast<ssize_t (*)(int, const void*, size_t)>(dlsym(RTLD_NEXT, "write"));
        [[maybe_unused]] const auto told = next(STDERR_FILENO, line, sizeof line - 1);
    }
    errno = plan.error;
    return true;
}

template <class Call>
Call real(const char* name) {
    return reinterpret_cast<Call>(dlsym(RTLD_NEXT, name));
}

}  // namespace

#define FAILING(result, name, parameters, arguments)                    \
    extern "C" result name parameters {                                 \
        static const auto next = real<result(*) parameters>(#name);     \
        return fails(#name) ? static_cast<result>(-1) : next arguments; \
    }

FAILING(int, fsync, (int fd), (fd))
FAILING(int, ftruncate, (int fd, off_t length), (fd, length))
FAILING(int, renameat, (int a, const char* from, int b, const char* to), (a, from, b, to))
FAILING(int, mkdirat, (int fd, const char* path, mode_t mode), (fd, path, mode))
FAILING(int, unlinkat, (int fd, const char* path, int flags), (fd, path, flags))
FAILING(int, fchmod, (int fd, mode_t mode), (fd, mode))
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wshadow"  // <fcntl.h> has a struct of this name
FAILING(int, flock, (int fd, int operation), (fd, operation))
#pragma GCC diagnostic pop
FAILING(ssize_t, read, (int fd, void* into, size_t size), (fd, into, size))
FAILING(ssize_t, write, (int fd, const void* from, size_t size), (fd, from, size))
FAILING(ssize_t, recv, (int fd, void* into, size_t size, int flags), (fd, into, size, flags))
FAILING(ssize_t, send, (int fd, const void* from, size_t size, int flags), (fd, from, size, flags))
FAILING(int, socket, (int domain, int type, int protocol), (domain, type, protocol))
FAILING(int, connect, (int fd, const sockaddr* to, socklen_t length), (fd, to, length))
FAILING(int, bind, (int fd, const sockaddr* to, socklen_t length), (fd, to, length))
FAILING(int, listen, (int fd, int backlog), (fd, backlog))
FAILING(int, accept4, (int fd, sockaddr* from, socklen_t* length, int flags), (fd, from, length, flags))
FAILING(int, socketpair, (int domain, int type, int protocol, int* ends), (domain, type, protocol, ends))
FAILING(int, epoll_create1, (int flags), (flags))
FAILING(int, epoll_ctl, (int fd, int operation, int of, epoll_event* event), (fd, operation, of, event))
FAILING(int, SSL_do_handshake, (void* session), (session))
FAILING(int, eventfd, (unsigned value, int flags), (value, flags))

extern "C" int openat(int at, const char* path, int flags, ...) {
    va_list more;
    va_start(more, flags);
    const auto mode = va_arg(more, mode_t);
    va_end(more);
    static const auto next = real<int (*)(int, const char*, int, ...)>("openat");
    return fails("openat") ? -1 : next(at, path, flags, mode);
}
