#include "os/notify.hpp"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cstddef>
#include <cstdlib>

#include "os/fd.hpp"
#include "tests/support/scratch.hpp"

namespace tserver::os {
namespace {

/// The service manager's end.
Fd listen_at(const std::string& name) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::ranges::copy(name, address.sun_path);
    if (name[0] == '@') address.sun_path[0] = '\0';
    Fd out{::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)};
    EXPECT_EQ(::bind(out.get(), reinterpret_cast<const sockaddr*>(&address),
                     static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name.size())),
              0);
    return out;
}
std::string received(const Fd& socket) {
    std::array<char, 512> buffer{};
    const auto got = ::recv(socket.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
    return got < 0 ? "nothing" : std::string{buffer.data(), static_cast<std::size_t>(got)};
}

class NotifySocket : public testing::TestWithParam<bool> {};

TEST_P(NotifySocket, CarriesEachMessageInOneDatagram) {
    const testing_support::Scratch scratch;
    const auto name =
        GetParam() ? "@tserver-test-" + std::to_string(::getpid()) : (scratch.path / "n").string();
    const auto manager = listen_at(name);
    const Notify notify{name};
    notify.ready("3 links\nup");
    EXPECT_EQ(received(manager), "READY=1\nSTATUS=3 links up\nMAINPID=" + std::to_string(::getpid()));
    notify.alive();
    EXPECT_EQ(received(manager), "WATCHDOG=1");
    notify.reloading();
    EXPECT_TRUE(received(manager).starts_with("RELOADING=1\nMONOTONIC_USEC="));
    notify.stopping("bye");
    EXPECT_EQ(received(manager), "STOPPING=1\nSTATUS=bye");
}

INSTANTIATE_TEST_SUITE_P(, NotifySocket, testing::Bool(),
                         [](const auto& row) { return row.param ? "abstract" : "path"; });

TEST(Notify, IsSilentWithoutAServiceManager) {
    ::unsetenv("NOTIFY_SOCKET");
    ::unsetenv("WATCHDOG_USEC");
    const auto notify = Notify::from_environment();
    EXPECT_FALSE(notify.active());
    EXPECT_FALSE(notify.send("READY=1"));
    EXPECT_FALSE(notify.watchdog());
}

TEST(Notify, AWatchdogOfAnotherProcessIsNotOurs) {
    ::setenv("WATCHDOG_USEC", "30000000", 1);
    EXPECT_EQ(Notify::from_environment().watchdog(), std::chrono::seconds{30});
    ::setenv("WATCHDOG_PID", "1", 1);
    EXPECT_FALSE(Notify::from_environment().watchdog());
    ::unsetenv("WATCHDOG_USEC");
    ::unsetenv("WATCHDOG_PID");
}

TEST(Notify, AManagerThatIsGoneHoldsNothingUp) {
    EXPECT_FALSE(Notify{"/nowhere/socket"}.send("READY=1"));
    EXPECT_FALSE(Notify{"relative"}.send("READY=1"));
    EXPECT_FALSE(Notify{"/" + std::string(200, 'x')}.send("READY=1"));
}

}  // namespace
}  // namespace tserver::os
