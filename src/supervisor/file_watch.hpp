// Learns that a file was changed or replaced, by its directory: editors replace files, and a watch on the
// file itself would stay with the old one.
#pragma once

#include <filesystem>
#include <string>

#include "net/wait.hpp"
#include "os/fd.hpp"

namespace tserver::supervisor {

class FileWatch {
public:
    static constexpr std::chrono::milliseconds quiet{300};

    /// @return UNREADABLE, OUT_OF_RESOURCES
    static Result<FileWatch> open(net::Loop& loop, const std::filesystem::path& file);

    /// Ends when the file has changed and nothing more has happened to it for a quiet time.
    net::Task<void> changed();

private:
    FileWatch(net::Loop& loop, os::Fd notify, std::string name)
        : loop_{&loop}, notify_{std::move(notify)}, name_{std::move(name)} {}
    /// Takes what has been notified.  @return whether it was our file
    bool drain();
    net::Task<Result<bool>> touched();

    net::Loop* loop_;
    os::Fd notify_;
    std::string name_;
};

}  // namespace tserver::supervisor
