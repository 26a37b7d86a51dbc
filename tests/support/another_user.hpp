// A test of rights, which are not checked for root.
#pragma once

#include <gtest/gtest.h>
#include <sys/types.h>
#include <unistd.h>

#include <filesystem>

namespace tserver::testing_support {

/// Goes on as the user nobody, who owns the folder, until its end; without root as who it is.
class AnotherUser {
public:
    static constexpr uid_t uid = 65534;
    explicit AnotherUser(const std::filesystem::path& owned) {
        if (::geteuid() != 0) return;
        EXPECT_EQ(::chown(owned.c_str(), uid, static_cast<gid_t>(-1)), 0);
        EXPECT_EQ(::seteuid(uid), 0);
    }
    ~AnotherUser() { static_cast<void>(::seteuid(::getuid()) == 0); }
    AnotherUser(const AnotherUser&) = delete;
    AnotherUser& operator=(const AnotherUser&) = delete;
};

}  // namespace tserver::testing_support
