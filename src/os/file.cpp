#include "os/file.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include "os/fd.hpp"
#include "os/io.hpp"

namespace tserver::os {

Result<Bytes> read_file(const std::string& path, std::size_t most) {
    // O_NONBLOCK: opening a pipe without a writer would wait.
    const Fd file{::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)};
    if (!file) return failed(path, errno, Fault::UNREADABLE);
    return read_all(file, path, most, Fault::UNREADABLE);
}

Result<void> create_file(const std::string& path, ByteView content, unsigned mode) {
    const Fd file{::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600)};
    if (!file) return failed(path, errno, errno == EEXIST ? Fault::UNREADABLE : Fault::STORE_IO);
    auto outcome = write_all(file, path, content);
    if (outcome && (::fchmod(file.get(), static_cast<mode_t>(mode)) != 0 || ::fsync(file.get()) != 0))
        outcome = failed(path, errno, Fault::STORE_IO);
    if (!outcome) ::unlink(path.c_str());  // ours: it did not exist before
    return outcome;
}

Result<void> replace_file(const std::string& path, ByteView content, unsigned mode) {
    const auto slash = path.find_last_of('/');
    const auto directory = slash == std::string::npos ? std::string{"."} : path.substr(0, slash + 1);
    std::string fresh = path + ".XXXXXX";
    Fd file{::mkostemp(fresh.data(), O_CLOEXEC)};
    if (!file) return failed(path, errno, Fault::STORE_IO);
    auto outcome = [&]() -> Result<void> {
        if (::fchmod(file.get(), static_cast<mode_t>(mode)) != 0)
            return failed(fresh, errno, Fault::STORE_IO);
        CHECK(write_all(file, fresh, content));
        if (::fsync(file.get()) != 0) return failed(fresh, errno, Fault::STORE_IO);
        if (::rename(fresh.c_str(), path.c_str()) != 0) return failed(path, errno, Fault::STORE_IO);
        return {};
    }();
    if (!outcome) {
        ::unlink(fresh.c_str());
        return outcome;
    }
    const Fd parent{::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
    if (!parent || ::fsync(parent.get()) != 0) return failed(directory, errno, Fault::STORE_IO);
    return {};
}

}  // namespace tserver::os
