#include "supervisor/log_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "os/refusal.hpp"

namespace tserver::supervisor {

Result<void> LogFile::use(const std::filesystem::path& path) {
    if (path.empty() && path_.empty()) return {};
    if (!first_) first_ = os::Fd{::fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3)};
    os::Fd opened;
    if (!path.empty()) {
        // O_NONBLOCK: a FIFO in the file's place must not hang tserver.
        opened.reset(
            ::open(path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0640));
        if (!opened) return os::refused_path(path.string(), errno, Fault::UNREADABLE);
    }
    if (::dup2(opened ? opened.get() : first_.get(), STDERR_FILENO) < 0) return os::failed("dup2", errno);
    path_ = path;
    return {};
}

bool LogFile::in_place() const {
    if (path_.empty()) return true;
    struct stat named {};
    struct stat written {};
    return ::stat(path_.c_str(), &named) == 0 && ::fstat(STDERR_FILENO, &written) == 0 &&
           named.st_dev == written.st_dev && named.st_ino == written.st_ino;
}

}  // namespace tserver::supervisor
