#include "link/listener.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <ctime>

#include "tests/support/relay_schedules.hpp"

namespace tserver::link {
namespace {

using namespace std::chrono_literals;
using testing_support::drive;

/// This process has no descriptor left while it lives.
class NoDescriptors {
public:
    NoDescriptors() {
        getrlimit(RLIMIT_NOFILE, &before_);
        const int next = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
        ::close(next);
        const rlimit none{static_cast<rlim_t>(next), before_.rlim_max};
        setrlimit(RLIMIT_NOFILE, &none);
    }
    ~NoDescriptors() { setrlimit(RLIMIT_NOFILE, &before_); }
    NoDescriptors(const NoDescriptors&) = delete;
    NoDescriptors& operator=(const NoDescriptors&) = delete;

private:
    rlimit before_{};
};

Steady::duration processor_time() {
    timespec used{};
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
    return std::chrono::seconds{used.tv_sec} + std::chrono::nanoseconds{used.tv_nsec};
}

TEST(ListenerTest, F65_without_descriptors_it_tries_once_a_second_costs_nothing_and_recovers_by_itself) {
#ifdef __SANITIZE_ADDRESS__
    GTEST_SKIP() << "the sanitizer needs descriptors of its own to look at an object";
#endif
    net::Loop loop;
    std::vector<Error> paused;
    Listener::Events events{[] {}, [&paused](const Error& why) { paused.push_back(why); }};
    const os::Fd application{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    sockaddr_in any{};
    any.sin_family = AF_INET;
    any.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    os::Fd probe{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    ASSERT_EQ(::bind(probe.get(), reinterpret_cast<const sockaddr*>(&any), sizeof any), 0);
    const auto at = net::local_address(probe.get());
    probe.reset();  // its port is free, and most probably stays so
    auto listener = Listener::open(loop, {*Host::parse("127.0.0.1"), at.port()}, std::move(events));
    ASSERT_TRUE(listener) << listener.error().text();

    auto taking = (*listener)->next();
    taking.start();
    {
        const NoDescriptors none;
        ASSERT_EQ(::connect(application.get(), at.raw(), at.length()), 0);
        const auto used = processor_time();
        const auto until = Steady::now() + 2500ms;
        while (Steady::now() < until)
            loop.turn(std::chrono::ceil<std::chrono::milliseconds>(until - Steady::now()));
        EXPECT_LT(processor_time() - used, 125ms) << "5 %";
        EXPECT_EQ(paused.size(), 3U) << "at once, after one second, after two";
        ASSERT_FALSE(paused.empty());
        EXPECT_EQ(paused.front().fault, Fault::OUT_OF_RESOURCES);
        EXPECT_EQ(paused.front().detail, "accept: Too many open files");
    }
    const auto until = Steady::now() + 3s;
    while (!taking.started_and_done() && Steady::now() < until) loop.turn(20ms);
    ASSERT_TRUE(taking.started_and_done());
    EXPECT_TRUE(taking.take());
    EXPECT_EQ(paused.size(), 3U);
}

}  // namespace
}  // namespace tserver::link
