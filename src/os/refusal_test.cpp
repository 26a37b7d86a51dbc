#include "os/refusal.hpp"

#include <gmock/gmock.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include <cstdlib>
#include <fstream>

#include "tests/support/scratch.hpp"

namespace tserver::os {
namespace {

using testing::HasSubstr;

constexpr auto label = "system_u:object_r:user_home_t:s0";

struct HintCase {
    const char* reason;
    Refusal seen;
    const char* expected;  ///< a part of it; "" nothing is said
};

TEST(Refusal, F82_F83_NamesTheLineOfTheUnitOrTheLabelAndTheAuditCommand) {
    const HintCase rows[]{
        {"ProtectSystem=strict",
         {"/srv/store/new", "/srv/store", EROFS, true, true, ""},
         "in the unit of tserver ProtectSystem=strict keeps it from writing there, unless the disk itself is "
         "read-only: set "
         "ReadWritePaths=/srv/store (`systemctl edit tserver`)"},
        {"a disk that is read-only, without a unit",
         {"/srv/store", "/srv/store", EROFS, false, true, ""},
         ""},
        {"ProtectHome",
         {"/home/a/store", "/home", EACCES, true, true, label},
         "ProtectHome=yes hides this directory"},
        {"ProtectHome, of root", {"/root/store", "/root", ENOENT, true, true, ""}, "set ProtectHome=no"},
        {"a name that only begins so", {"/rootfs/store", "/", ENOENT, true, true, ""}, ""},
        {"PrivateTmp",
         {"/tmp/store", "/tmp", ENOENT, true, true, ""},
         "PrivateTmp=yes gives it a directory of its own"},
        {"missing, and nothing of the unit's", {"/srv/x", "/srv", ENOENT, true, true, label}, ""},
        {"SELinux",
         {"/srv/store", "/srv/store", EACCES, false, true, label},
         "owner and modes permit it, so SELinux may not: the label of /srv/store is "
         "system_u:object_r:user_home_t:s0; "
         "`ausearch -m avc -ts recent` shows the denial, `restorecon -Rv /srv/store` restores the label"},
        {"SELinux, in the unit",
         {"/srv/store", "/srv/store", EACCES, true, true, label},
         "`ausearch -m avc -ts recent`"},
        {"the modes refuse", {"/srv/store", "/srv/store", EACCES, false, false, label}, ""},
        {"no SELinux", {"/srv/store", "/srv/store", EACCES, false, true, ""}, ""},
        {"a label that says too much",
         {"/s", "/s", EACCES, false, true, "a\nb"},
         "the label of /s is a\\x0ab;"},
    };
    for (const auto& row : rows) {
        const auto text = hint(row.seen);
        if (std::string_view{row.expected}.empty()) { EXPECT_EQ(text, "") << row.reason; }
        EXPECT_THAT(text, HasSubstr(row.expected)) << row.reason;
    }
}

class RefusalOnDisk : public testing::Test {
protected:
    void SetUp() override {
        path_ = (scratch_.path / "store").string();
        ASSERT_EQ(::mkdir(path_.c_str(), 0700), 0);
    }
    testing_support::Scratch scratch_;
    std::string path_;
};

TEST_F(RefusalOnDisk, F83_ReadsTheLabelOfWhatIsThere) {
    if (::setxattr(path_.c_str(), "security.selinux", label, std::strlen(label) + 1, 0) != 0)
        GTEST_SKIP() << "no right to set a label here, or a file system without labels";
    const auto seen = look_at_refusal(path_ + "/missing/deeper", EACCES, Wanted::to_write);
    EXPECT_EQ(seen.there, path_);
    EXPECT_EQ(seen.label, label);
    EXPECT_THAT(refused_path(path_ + "/missing", EACCES).value().detail,
                HasSubstr("/store/missing: Permission denied; owner and modes permit it, so SELinux may not: "
                          "the label of "));
}

TEST_F(RefusalOnDisk, F83_ModesPermitWhenEveryDirectoryAboveDoes) {
    const auto permit = [&](Wanted wanted) { return look_at_refusal(path_, EACCES, wanted).modes_permit; };
    EXPECT_TRUE(permit(Wanted::to_write));
    ::chmod(path_.c_str(), 0500);
    EXPECT_FALSE(permit(Wanted::to_write));
    EXPECT_TRUE(permit(Wanted::to_read));
    ::chmod(path_.c_str(), 0700);
    ::chmod(scratch_.path.c_str(), 0600);
    EXPECT_FALSE(permit(Wanted::to_read));
    ::chmod(scratch_.path.c_str(), 0700);
}

TEST_F(RefusalOnDisk, F82_OnlyAUnitHasLines) {
    ::setenv("INVOCATION_ID", "0123456789abcdef0123456789abcdef", 1);
    const auto inside = why_refused(path_ + "/x", EROFS, Wanted::to_write);
    ::unsetenv("INVOCATION_ID");
    EXPECT_THAT(inside, HasSubstr("ReadWritePaths=" + path_ + " "));
    EXPECT_EQ(why_refused(path_ + "/x", EROFS, Wanted::to_write), "");
    EXPECT_EQ(why_refused("relative", EROFS, Wanted::to_write), "");
}

}  // namespace
}  // namespace tserver::os
