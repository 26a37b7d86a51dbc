#include "os/hand_over.hpp"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>

namespace tserver::os {
namespace {

class HandOver : public testing::Test {
protected:
    void SetUp() override {
        std::array<int, 2> ends{};
        ASSERT_EQ(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends.data()), 0);
        near_.reset(ends[0]);
        far_.reset(ends[1]);
    }
    Fd near_, far_;
};

TEST_F(HandOver, TheSameFileComesOutUnderAnotherNumber) {
    std::array<int, 2> pipe{};
    ASSERT_EQ(::pipe2(pipe.data(), O_CLOEXEC), 0);
    const Fd read{pipe[0]};
    {
        const Fd write{pipe[1]};
        ASSERT_TRUE(hand_over(near_.get(), write.get()));
    }
    auto taken = take_over(far_.get());
    ASSERT_TRUE(taken) << taken.error().text();
    ASSERT_TRUE(*taken);
    EXPECT_EQ(::write((*taken)->get(), "x", 1), 1);
    char octet = 0;
    EXPECT_EQ(::read(read.get(), &octet, 1), 1);
    EXPECT_EQ(octet, 'x');
}

TEST_F(HandOver, AMessageWithoutADescriptorIsNone) {
    ASSERT_EQ(::send(near_.get(), "d", 1, 0), 1);
    const auto taken = take_over(far_.get());
    ASSERT_TRUE(taken);
    EXPECT_FALSE(*taken);
}

TEST_F(HandOver, ThePeersEndIsTheEnd) {
    near_.reset();
    const auto taken = take_over(far_.get());
    ASSERT_TRUE(taken);
    EXPECT_FALSE(*taken);
    EXPECT_FALSE(hand_over(far_.get(), STDERR_FILENO)) << "nobody is there to take it";
}

TEST_F(HandOver, NeverWaits) {
    EXPECT_EQ(take_over(far_.get()).error().fault, Fault::OUT_OF_RESOURCES);  // EAGAIN
    for (int i = 0; i < 10'000; ++i)
        if (!hand_over(near_.get(), STDERR_FILENO)) return;
    FAIL() << "a peer that takes nothing was sent ten thousand";
}

}  // namespace
}  // namespace tserver::os
