#include "os/lock.hpp"

#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <array>

#include "base/text.hpp"

namespace tserver::os {

Result<std::optional<Lock>> Lock::take(Fd file, const std::string& path) {
    int outcome = 0;
    do { outcome = ::flock(file.get(), LOCK_EX | LOCK_NB); } while (outcome != 0 && errno == EINTR);
    if (outcome != 0 && errno == EWOULDBLOCK) return std::optional<Lock>{};
    if (outcome != 0) return failed(path, errno, Fault::STORE_IO);
    Lock held{std::move(file)};
    held.leave_note(read_lock_note(held.file_).note);
    return std::optional{std::move(held)};
}

void Lock::leave_note(std::string_view note) const {
    const auto text = fmt::format("{}\n{}\n", ::getpid(), note);
    // The pid and the note help people and save a download; a lock without them is as good.
    if (::pwrite(file_.get(), text.data(), text.size(), 0) != static_cast<ssize_t>(text.size())) return;
    [[maybe_unused]] const int cut = ::ftruncate(file_.get(), static_cast<off_t>(text.size()));
}

LockNote read_lock_note(const Fd& file) {
    std::array<char, 256> buffer{};
    const auto got = ::pread(file.get(), buffer.data(), buffer.size(), 0);
    if (got <= 0) return {};
    const auto lines = split({buffer.data(), static_cast<std::size_t>(got)}, '\n');
    return {decimal(lines[0], 1, 1L << 22), lines.size() > 1 ? std::string{lines[1]} : std::string{}};
}

}  // namespace tserver::os
