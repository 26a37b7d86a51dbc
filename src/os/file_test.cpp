#include "os/file.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "os/process.hpp"
#include "os/tree.hpp"
#include "tests/support/scratch.hpp"

namespace tserver::os {
namespace {

namespace fs = std::filesystem;
using testing_support::Scratch;

struct Files : testing::Test {
    Scratch scratch;
    [[nodiscard]] std::string at(const std::string& name) const { return (scratch.path / name).string(); }
    void put(const std::string& name, std::string_view text) const { std::ofstream{at(name)} << text; }
    [[nodiscard]] std::string text(const std::string& name) const {
        const auto read = read_file(at(name), 1000);
        return read ? std::string{as_text(*read)} : read.error().text();
    }
};

TEST_F(Files, AFileIsReadUpToTheLimitAndRefusedAboveIt) {
    put("a", "12345");
    EXPECT_EQ(as_text(*read_file(at("a"), 5)), "12345");
    EXPECT_EQ(read_file(at("a"), 4).error().detail, at("a") + ": larger than 4 octets");
}

TEST_F(Files, WhatIsNoFileIsRefusedAtOnce) {
    EXPECT_EQ(read_file(at("a"), 5).error().detail, at("a") + ": No such file or directory");
    EXPECT_EQ(read_file(at(""), 5).error().detail, at("") + ": not a regular file");
    ASSERT_EQ(::mkfifo(at("pipe").c_str(), 0600), 0);
    EXPECT_EQ(read_file(at("pipe"), 5).error().detail, at("pipe") + ": not a regular file");
}

TEST_F(Files, ReplacingGivesTheWantedModeAndLeavesNothingElse) {
    put("a", "old");
    ASSERT_TRUE(replace_file(at("a"), as_bytes("new"), 0640));
    EXPECT_EQ(text("a"), "new");
    EXPECT_EQ(fs::status(at("a")).permissions(), fs::perms{0640});
    EXPECT_EQ(std::distance(fs::directory_iterator{scratch.path}, {}), 1);
}

TEST_F(Files, F15_ReplacingALinkLeavesItsTargetAlone) {
    put("target", "precious");
    fs::create_symlink(at("target"), at("a"));
    ASSERT_TRUE(replace_file(at("a"), as_bytes("new"), 0600));
    EXPECT_EQ(text("target"), "precious");
    EXPECT_FALSE(fs::is_symlink(at("a")));
}

TEST_F(Files, CreatingNeverTouchesWhatIsThere) {
    put("a", "precious");
    fs::create_symlink(at("b"), at("dangling"));
    for (const auto* name : {"a", "dangling"}) {
        const auto made = create_file(at(name), as_bytes("new"), 0600);
        EXPECT_EQ(made.error().fault, Fault::UNREADABLE);
        EXPECT_EQ(made.error().detail, at(name) + ": File exists");
    }
    EXPECT_EQ(text("a"), "precious");
    EXPECT_FALSE(fs::exists(at("b")));
}

TEST_F(Files, ATreeNeverLeavesItsRoot) {
    const Scratch elsewhere;
    std::ofstream{elsewhere.path / "secret"} << "secret";
    fs::create_directory_symlink(elsewhere.path, at("link"));
    const auto tree = open_tree(scratch.path, Access::read_write);
    EXPECT_EQ((*tree)->read("link/secret", 100).error().fault, Fault::STORE_IO);
    EXPECT_EQ((*tree)->create("link/new").error().fault, Fault::STORE_IO);
    const auto outside = "../" + elsewhere.path.filename().string() + "/secret";
    EXPECT_FALSE((*tree)->read(outside, 100));
    EXPECT_FALSE(fs::exists(elsewhere.path / "new"));
}

TEST_F(Files, F14_AFullDiskIsNamedWithItsPathAndFreeSpace) {
    if (!fs::exists("/dev/full")) GTEST_SKIP() << "no /dev/full";
    const auto tree = open_tree(scratch.path, Access::read_write);
    const Fd full{::open("/dev/full", O_WRONLY)};
    const auto written = (*tree)->write(full, "identities/cti01/new/identity.p12", as_bytes("x"));
    EXPECT_EQ(written.error().fault, Fault::DISK_FULL);
    const auto& detail = written.error().detail;
    EXPECT_TRUE(detail.starts_with(at("identities/cti01/new/identity.p12") + ": No space left on device, "))
        << detail;
    EXPECT_TRUE(detail.ends_with(" KiB free")) << detail;
}

TEST_F(Files, ALockNamesItsLastHolderAndKeepsANote) {
    const auto tree = open_tree(scratch.path, Access::read_write);
    {
        const auto lock = Lock::take(*(*tree)->open_lock("lock"), "lock");
        ASSERT_TRUE(lock && *lock);
        (*lock)->leave_note("checked then");
        EXPECT_FALSE(*Lock::take(*(*tree)->open_lock("lock"), "lock"));
    }
    const auto again = Lock::take(*(*tree)->open_lock("lock"), "lock");
    ASSERT_TRUE(again && *again);
    const auto note = read_lock_note(*(*tree)->open_lock("lock"));
    EXPECT_EQ(note.pid, ::getpid());
    EXPECT_EQ(note.note, "checked then");
}

TEST(Process, MemoryBecomesPrivate) {
    // In a child: the test program itself stays debuggable.
    EXPECT_EXIT(
        {
            const bool ok = keep_memory_private().has_value();
            ::_exit(ok ? 0 : 1);
        },
        testing::ExitedWithCode(0), "");
}

}  // namespace
}  // namespace tserver::os
