// Standard error of tserver, as the option log-file wants it. Whatever writes to descriptor 2 (the log, the
// last word of a process without memory) goes there.
#pragma once

#include <filesystem>

#include "os/fd.hpp"

namespace tserver::supervisor {

class LogFile {
public:
    /// Puts the file in place of standard error, to be appended to (made 0640); an empty path: back to what
    /// it was first.
    /// @return PERMISSION, DISK_FULL, UNREADABLE; everything stays as it was then
    Result<void> use(const std::filesystem::path& path);

    /// Whether what we write to still has its name: not so after a rotation.
    [[nodiscard]] bool in_place() const;
    [[nodiscard]] const std::filesystem::path& path() const noexcept { return path_; }

private:
    std::filesystem::path path_;  ///< in use; empty: standard error as it was at the start
    os::Fd first_;                ///< standard error as it was at the start
};

}  // namespace tserver::supervisor
