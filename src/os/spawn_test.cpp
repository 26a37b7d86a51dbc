#include "os/spawn.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include <array>

namespace tserver::os {
namespace {

struct Pipe {
    Fd read;
    Fd write;
    Pipe() {
        std::array<int, 2> ends{};
        EXPECT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
        read.reset(ends[0]);
        write.reset(ends[1]);
    }
    /// Everything until the last writer is gone.
    std::string text() {
        write.reset();
        std::string out;
        std::array<char, 512> buffer{};
        for (ssize_t got = 0; (got = ::read(read.get(), buffer.data(), buffer.size())) > 0;)
            out.append(buffer.data(), static_cast<std::size_t>(got));
        return out;
    }
};

/// Waits for the end of the child on its pidfd, as an event loop does.
Ended end_of(Child& child) {
    pollfd wait{child.pidfd(), POLLIN, 0};
    EXPECT_EQ(::poll(&wait, 1, 10'000), 1);
    const auto ended = child.reap();
    EXPECT_TRUE(ended);
    return ended.value_or(Ended{});
}

Result<Child> shell(const std::string& script, std::vector<Inherited> descriptors = {}) {
    return spawn({.path = "/bin/sh",
                  .arguments = {"-c", script},
                  .descriptors = std::move(descriptors),
                  .environment = {"NAME=value"}});
}

TEST(Spawn, GivesArgumentsEnvironmentAndDescriptorsAsAsked) {
    Pipe pipe;
    auto child = spawn({.path = "/bin/sh",
                        .arguments = {"-c", "echo \"$0 $1 $NAME\" >&7", "zero", "one two"},
                        .descriptors = {{pipe.write.get(), 7}},
                        .environment = {"NAME=value"}});
    ASSERT_TRUE(child) << child.error().text();
    EXPECT_EQ(pipe.text(), "zero one two value\n");
    EXPECT_EQ(end_of(*child), (Ended{false, 0}));
}

TEST(Spawn, TwoDescriptorsMayChangePlaces) {
    Pipe first;
    Pipe second;
    const int a = first.write.get();
    const int b = second.write.get();
    auto child =
        shell("echo first >&" + std::to_string(b) + "; echo second >&" + std::to_string(a), {{a, b}, {b, a}});
    ASSERT_TRUE(child) << child.error().text();
    EXPECT_EQ(first.text(), "first\n");
    EXPECT_EQ(second.text(), "second\n");
    EXPECT_EQ(end_of(*child), (Ended{false, 0}));
}

TEST(Spawn, NoOtherDescriptorIsOpenInTheChild) {
    Pipe pipe;
    const Fd without_flag{::open("/dev/null", O_RDONLY)};  // no O_CLOEXEC: as a library may leave one
    const Fd high{::fcntl(without_flag.get(), F_DUPFD, 200)};
    // No pipeline and no redirection of a single command: for these the shell opens descriptors itself.
    auto child = shell("exec >&9; ls /proc/$$/fd; true", {{pipe.write.get(), 9}});
    ASSERT_TRUE(child) << child.error().text();
    EXPECT_EQ(pipe.text(), "0\n1\n2\n9\n");
    end_of(*child);
}

TEST(Spawn, SignalsHaveTheirDefaultActionInTheChild) {
    const auto before = ::signal(SIGTERM, SIG_IGN);
    sigset_t blocked;
    sigset_t mask;
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGTERM);
    ::pthread_sigmask(SIG_BLOCK, &blocked, &mask);
    auto child = shell("kill -TERM $$; sleep 10");
    ::pthread_sigmask(SIG_SETMASK, &mask, nullptr);
    ::signal(SIGTERM, before);
    ASSERT_TRUE(child) << child.error().text();
    EXPECT_EQ(end_of(*child), (Ended{true, SIGTERM}));
}

TEST(Spawn, AChildHasAProcessGroupOfItsOwn) {
    auto child = shell("sleep 10");
    ASSERT_TRUE(child) << child.error().text();
    EXPECT_EQ(::getpgid(child->pid()), child->pid());
    ASSERT_TRUE(child->signal(SIGKILL));
    EXPECT_EQ(end_of(*child).text(), "signal 9 (Killed)");
    EXPECT_TRUE(child->signal(SIGKILL)) << "a child that has ended is no error";
}

TEST(Spawn, TellsTheExitCode) {
    auto child = shell("exit 3");
    EXPECT_EQ(end_of(*child).text(), "exit 3");
    EXPECT_EQ(child->reap(), (Ended{false, 3})) << "asked again";
}

TEST(Spawn, NamesAProgramThatIsMissingOrNotAllowed) {
    EXPECT_EQ(spawn({.path = "/nowhere/program", .arguments = {}, .descriptors = {}, .environment = {}})
                  .error()
                  .detail,
              "/nowhere/program: No such file or directory");
    EXPECT_EQ(
        spawn({.path = "/etc/passwd", .arguments = {}, .descriptors = {}, .environment = {}}).error().fault,
        Fault::PERMISSION);
}

TEST(Spawn, WhatWasMeantForUsIsNotHandedOn) {
    ::setenv("NOTIFY_SOCKET", "/run/x", 1);
    ::setenv("CREDENTIALS_DIRECTORY", "/run/c", 1);
    ::setenv("TSERVER_TEST_KEPT", "yes", 1);
    const auto environment = inherited_environment();
    for (const auto* name : {"NOTIFY_SOCKET", "CREDENTIALS_DIRECTORY"}) ::unsetenv(name);
    for (const auto& entry : environment) {
        EXPECT_FALSE(entry.starts_with("NOTIFY_SOCKET="));
        EXPECT_FALSE(entry.starts_with("CREDENTIALS_DIRECTORY="));
    }
    EXPECT_NE(std::ranges::find(environment, "TSERVER_TEST_KEPT=yes"), environment.end());
}

TEST(DieWithParent, IsRefusedWhenTheParentIsGone) {
    EXPECT_EQ(die_with_parent(SIGTERM, 1'999'999).error().fault, Fault::STOPPED);
    EXPECT_TRUE(die_with_parent(0, ::getppid()));
}

}  // namespace
}  // namespace tserver::os
