// Each promise in a process of its own: confinement cannot be taken back.
#include "os/sandbox.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <linux/sockios.h>
#include <netdb.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <fstream>
#include <functional>
#include <iostream>
#include <thread>

#include "os/fd.hpp"
#include "os/tree.hpp"
#include "tests/support/scratch.hpp"

namespace tserver::os {
namespace {

constexpr int kept = 0;
constexpr int broken = 1;
constexpr int not_here = 77;  ///< the kernel or the build has not what the promise rests on

class SandboxTest : public testing::Test {
protected:
    enum class Needs { nothing, files, calls };
    /// Runs the promise in a confined child. It calls nothing of the test framework.
    void inside(Needs needs, const std::function<bool()>& promise) {
        const auto pid = ::fork();
        ASSERT_GE(pid, 0);
        if (pid == 0) ::_exit(child(needs, promise));
        int status = 0;
        ASSERT_EQ(::waitpid(pid, &status, 0), pid);
        ASSERT_TRUE(WIFEXITED(status)) << "signal " << WTERMSIG(status);
        if (WEXITSTATUS(status) == not_here) GTEST_SKIP() << "not on this kernel, or not in this build";
        EXPECT_EQ(WEXITSTATUS(status), kept);
    }
    int child(Needs needs, const std::function<bool()>& promise) const {
        const auto made = confine({.writable = {store_.path}});
        if (!made) {
            const auto text = made.error().text() + "\n";
            [[maybe_unused]] const auto told = ::write(2, text.data(), text.size());
            return broken;
        }
        if ((needs == Needs::files && !made->files) || (needs == Needs::calls && !made->calls))
            return not_here;
        return promise() ? kept : broken;
    }
    static bool opens(const std::string& path, int flags) {
        return static_cast<bool>(Fd{::open(path.c_str(), flags, 0600)});
    }

    testing_support::Scratch store_;
    testing_support::Scratch elsewhere_;
};

TEST_F(SandboxTest, NothingCanBeRunAndTheAnswerIsAnError) {
    inside(Needs::calls, [] { return ::execl("/bin/true", "true", nullptr) == -1 && errno == EPERM; });
}
TEST_F(SandboxTest, NoProcessCanBeMade) {
    inside(Needs::calls, [] { return ::fork() == -1; });
}
TEST_F(SandboxTest, AThreadCanGiveWayToOthersAndMakeNobodyElseDoSo) {
    inside(Needs::calls, [] { return ::setpriority(PRIO_PROCESS, 0, 10) == 0; });
    inside(Needs::calls, [] { return ::setpriority(PRIO_USER, 0, 10) == -1 && errno == EPERM; });
}
TEST_F(SandboxTest, ThreadsCan) {
    inside(Needs::nothing, [] {
        bool ran = false;
        std::thread{[&] { ran = true; }}.join();
        return ran;
    });
}
TEST_F(SandboxTest, NoOtherProcessCanBeReadOrTraced) {
    inside(Needs::calls, [] { return ::ptrace(PTRACE_ATTACH, ::getppid(), 0, 0) == -1 && errno == EPERM; });
}
TEST_F(SandboxTest, NoPageIsWritableAndExecutable) {
    inside(Needs::calls, [] {
        auto* page = ::mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        return page != MAP_FAILED && ::mprotect(page, 4096, PROT_READ | PROT_EXEC) == -1 && errno == EPERM &&
               ::mmap(nullptr, 4096, PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) ==
                   MAP_FAILED;
    });
}
TEST_F(SandboxTest, SocketsAreThoseOfTheNetworkAndOfThisHost) {
    inside(Needs::calls, [] {
        for (const int family : {AF_INET, AF_INET6, AF_UNIX}) {
            if (!Fd{::socket(family, SOCK_STREAM, 0)} && errno == EPERM) return false;
        }
        for (const int family : {AF_PACKET, AF_VSOCK, AF_ALG, AF_BLUETOOTH}) {
            if (::socket(family, SOCK_RAW, 0) != -1 || errno != EPERM) return false;
        }
        return true;
    });
}
TEST_F(SandboxTest, LimitsCanBeReadAndNotRaised) {
    inside(Needs::calls, [] {
        rlimit limit{};
        if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return false;
        return ::setrlimit(RLIMIT_NOFILE, &limit) == -1 && errno == EPERM;
    });
}
TEST_F(SandboxTest, RootHasNoPowerLeft) {
    if (::geteuid() != 0) GTEST_SKIP() << "this test runs as root only";
    const auto file = elsewhere_.path / "not-ours";
    std::ofstream{file} << "x";
    ASSERT_EQ(::chown(file.c_str(), 65534, 65534), 0);
    ASSERT_EQ(::chmod(file.c_str(), 0600), 0);
    inside(Needs::nothing, [&] { return !opens(file, O_RDONLY); });
}
TEST_F(SandboxTest, TheStoreCanBeWrittenRenamedAndEmptied) {
    const auto root = store_.path.string();
    inside(Needs::nothing, [&] {
        return ::mkdir((root + "/a").c_str(), 0700) == 0 && ::mkdir((root + "/b").c_str(), 0700) == 0 &&
               opens(root + "/a/x", O_CREAT | O_WRONLY) &&
               ::rename((root + "/a/x").c_str(), (root + "/b/y").c_str()) == 0 &&
               opens(root + "/b/y", O_RDWR | O_TRUNC) && ::unlink((root + "/b/y").c_str()) == 0 &&
               ::rmdir((root + "/b").c_str()) == 0;
    });
}
TEST_F(SandboxTest, TheStoresOwnCallsWorkInside) {
    const auto root = (store_.path / "store").string();
    inside(Needs::nothing, [&] {
        const auto tree = open_tree(root, Access::read_write);
        if (!tree) return false;
        auto& store = **tree;
        const std::uint8_t octets[]{1, 2, 3};
        const auto lock = store.open_lock("lock");
        return ensure_directory(store, "", "a") && write_new(store, "a/x", octets) &&
               replace(store, "a", "y", octets) && store.rename("a", "b") && store.sync_directory("") &&
               store.read("b/y", 10) && store.list("b")->size() == 2 &&
               check_private(store, "b", Depth::with_content) && lock &&
               Lock::take(Fd{::dup(lock->get())}, "lock") && store.free_space() > 0 && remove_all(store, "b");
    });
}
TEST_F(SandboxTest, NothingElseCanBeWritten) {
    const auto other = elsewhere_.path.string();
    inside(Needs::files, [&] {
        return !opens(other + "/x", O_CREAT | O_WRONLY) && ::mkdir((other + "/d").c_str(), 0700) != 0 &&
               !opens("/etc/hosts", O_WRONLY);
    });
}
TEST_F(SandboxTest, NothingElseCanBeReadButWhatTheSystemNeeds) {
    const auto secret = elsewhere_.path / "secret";
    std::ofstream{secret} << "x";
    inside(Needs::files, [&] {
        return !opens(secret, O_RDONLY) && !opens("/proc/1/environ", O_RDONLY) &&
               opens("/etc/hosts", O_RDONLY);
    });
}
TEST_F(SandboxTest, TheRelayCanAskWhatIsUnsentOrUnread) {
    inside(Needs::nothing, [] {
        const Fd socket{::socket(AF_INET, SOCK_STREAM, 0)};
        int unsent = -1;
        int unread = -1;
        return ::ioctl(socket.get(), SIOCOUTQ, &unsent) == 0 &&
               ::ioctl(socket.get(), FIONREAD, &unread) == 0 && unsent == 0 && unread == 0;
    });
}
TEST_F(SandboxTest, NamesAreStillResolved) {
    inside(Needs::nothing, [] {
        addrinfo* found = nullptr;
        return ::getaddrinfo("localhost", "2749", nullptr, &found) == 0 && found != nullptr;
    });
}
#if defined(__x86_64__) || defined(__aarch64__)
/// From now on the kernel refuses the call to this process, as a filter around it, or ours if it left the
/// call out, would.
bool refuse(long call) {
    const sock_filter code[]{BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
                             BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, static_cast<std::uint32_t>(call), 0, 1),
                             BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
                             BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)};
    const sock_fprog program{4, const_cast<sock_filter*>(code)};
    return ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
           ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

struct Lacking {
    const char* what;
    long call;
    const char* detail;
};

TEST_F(SandboxTest, F81_TheSelfTestNamesWhatALinkCouldNotLiveWithout) {
    const Lacking rows[]{{"time", SYS_clock_gettime, "the time"},
                         {"random numbers", SYS_getrandom, "random numbers"},
                         {"names", SYS_sendmmsg, "a question to a name server"},
                         {"sockets", SYS_socket, "a socket"}};
    for (const auto& row : rows) {
        const auto pid = ::fork();
        ASSERT_GE(pid, 0);
        if (pid == 0) {
            if (!refuse(row.call)) ::_exit(not_here);
            const auto made = confine({.writable = {store_.path}});
            const auto expected =
                fmt::format("the self-test of the sandbox: {}: Operation not permitted", row.detail);
            const bool named =
                !made && made.error().fault == Fault::SANDBOX && made.error().detail == expected;
            if (!named) std::cerr << (made ? "confined" : made.error().text()) << '\n';
            ::_exit(named ? kept : broken);
        }
        int status = 0;
        ASSERT_EQ(::waitpid(pid, &status, 0), pid);
        ASSERT_TRUE(WIFEXITED(status)) << row.what << ": signal " << WTERMSIG(status);
        if (WEXITSTATUS(status) == not_here) GTEST_SKIP() << "no filter on system calls here";
        EXPECT_EQ(WEXITSTATUS(status), kept) << row.what;
    }
}
#endif
TEST_F(SandboxTest, F81_ACallThatIsRefusedIsAnErrorAndOneOfALaterKernelDoesNotExist) {
    inside(Needs::calls, [] {
        for (const long known :
             {SYS_ptrace, SYS_bpf, SYS_io_uring_setup, SYS_keyctl, SYS_mount, SYS_unshare, SYS_setns,
              SYS_process_vm_readv, SYS_userfaultfd, SYS_perf_event_open, SYS_kill, SYS_chroot}) {
            if (::syscall(known, 0, 0, 0, 0, 0, 0) != -1 || errno != EPERM) return false;
        }
        for (long later = SYS_set_mempolicy_home_node + 1; later < SYS_set_mempolicy_home_node + 200;
             ++later) {
            if (::syscall(later, 0, 0, 0, 0, 0, 0) != -1 || errno != ENOSYS) return false;
        }
        return ::syscall(SYS_clone3, nullptr, 0) == -1 && errno == ENOSYS;  // the C library takes clone then
    });
}
TEST_F(SandboxTest, AStoreThatIsNotThereIsNamed) {
    const auto pid = ::fork();
    ASSERT_GE(pid, 0);
    if (pid == 0) {
        const auto made = confine({.writable = {store_.path / "missing"}});
        ::_exit(made ? not_here : made.error().fault == Fault::STORE_MISSING ? kept : broken);
    }
    int status = 0;
    ASSERT_EQ(::waitpid(pid, &status, 0), pid);
    ASSERT_TRUE(WIFEXITED(status));
    if (WEXITSTATUS(status) == not_here) GTEST_SKIP() << "no Landlock on this kernel";
    EXPECT_EQ(WEXITSTATUS(status), kept);
}

}  // namespace
}  // namespace tserver::os
