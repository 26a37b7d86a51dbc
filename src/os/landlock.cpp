#include "os/landlock.hpp"

#include <fcntl.h>
#include <linux/landlock.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>

#include "os/not_confined.hpp"

namespace tserver::os {
namespace {

constexpr std::uint64_t truncate_right = 1ULL << 14U;  ///< LANDLOCK_ACCESS_FS_TRUNCATE, of version 3
constexpr std::uint64_t file_rights =
    LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE | truncate_right;
constexpr std::uint64_t reading = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR;
constexpr std::uint64_t storing = reading | LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_REMOVE_DIR |
                                  LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_MAKE_DIR |
                                  LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_REFER | truncate_right;
constexpr std::uint64_t everything = storing | LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_MAKE_CHAR |
                                     LANDLOCK_ACCESS_FS_MAKE_BLOCK | LANDLOCK_ACCESS_FS_MAKE_SOCK |
                                     LANDLOCK_ACCESS_FS_MAKE_FIFO | LANDLOCK_ACCESS_FS_MAKE_SYM;

/// Libraries, the resolver's settings, the machine id, random numbers. What is missing is left out.
constexpr std::array system_files{"/etc",
                                  "/usr",
                                  "/lib",
                                  "/lib64",
                                  "/opt",
                                  "/run/systemd/resolve",
                                  "/run/resolvconf",
                                  "/run/nscd",
                                  "/run/NetworkManager",
                                  "/var/lib/dbus",
                                  "/dev/urandom",
                                  "/dev/null"};

enum class Missing : std::uint8_t { is_fine, is_a_fault };

Result<void> allow(const Fd& rules, const std::string& path, std::uint64_t rights, Missing missing) {
    const Fd place{::open(path.c_str(), O_PATH | O_CLOEXEC)};
    if (!place && missing == Missing::is_fine) return {};
    if (!place) return failed(path, errno, Fault::STORE_MISSING);
    const Fd directory{::open(path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC)};
    landlock_path_beneath_attr rule{};
    rule.parent_fd = place.get();
    rule.allowed_access = directory ? rights : rights & file_rights;
    if (::syscall(SYS_landlock_add_rule, rules.get(), LANDLOCK_RULE_PATH_BENEATH, &rule, 0U) != 0)
        return not_confined("landlock_add_rule " + path);
    return {};
}

}  // namespace

Result<bool> restrict_files(const std::vector<std::string>& writable) {
    const auto version =
        ::syscall(SYS_landlock_create_ruleset, nullptr, 0UL, LANDLOCK_CREATE_RULESET_VERSION);
    if (version < 2) return false;
    const std::uint64_t known = version < 3 ? ~truncate_right : ~0ULL;
    landlock_ruleset_attr handled{};
    handled.handled_access_fs = everything & known;
    const Fd rules{static_cast<int>(
        ::syscall(SYS_landlock_create_ruleset, &handled, sizeof handled.handled_access_fs, 0U))};
    if (!rules) return not_confined("landlock_create_ruleset");
    for (const auto* path : system_files) CHECK(allow(rules, path, reading, Missing::is_fine));
    for (const auto& path : writable) CHECK(allow(rules, path, storing & known, Missing::is_a_fault));
    if (::syscall(SYS_landlock_restrict_self, rules.get(), 0U) != 0)
        return not_confined("landlock_restrict_self");
    return true;
}

}  // namespace tserver::os
