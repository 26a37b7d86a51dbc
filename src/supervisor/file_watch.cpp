#include "supervisor/file_watch.hpp"

#include <sys/inotify.h>
#include <unistd.h>

#include <array>
#include <cstring>

namespace tserver::supervisor {

Result<FileWatch> FileWatch::open(net::Loop& loop, const std::filesystem::path& file) {
    os::Fd notify{::inotify_init1(IN_CLOEXEC | IN_NONBLOCK)};
    if (!notify) return os::failed("inotify", errno);
    const auto directory = file.has_parent_path() ? file.parent_path() : std::filesystem::path{"."};
    const auto mask = IN_CLOSE_WRITE | IN_MOVED_TO | IN_CREATE | IN_DELETE | IN_ONLYDIR;
    if (::inotify_add_watch(notify.get(), directory.c_str(), mask) < 0)
        return os::failed(directory.string(), errno, Fault::UNREADABLE);
    return FileWatch{loop, std::move(notify), file.filename().string()};
}

bool FileWatch::drain() {
    alignas(inotify_event) std::array<char, 4096> buffer;  // NOLINT(cppcoreguidelines-pro-type-member-init)
    bool ours = false;
    for (;;) {
        const auto got = ::read(notify_.get(), buffer.data(), buffer.size());
        if (got <= 0) return ours;
        for (std::size_t at = 0; at < static_cast<std::size_t>(got);) {
            inotify_event event;  // NOLINT(cppcoreguidelines-pro-type-member-init)
            std::memcpy(&event, buffer.data() + at, sizeof event);
            const char* name = buffer.data() + at + sizeof event;
            const bool overflow = (event.mask & IN_Q_OVERFLOW) != 0;
            if (overflow || (event.len > 0 && name_ == name)) ours = true;
            at += sizeof event + event.len;
        }
    }
}

net::Task<Result<bool>> FileWatch::touched() {
    for (;;) {
        co_await net::readable(*loop_, notify_.get());
        if (drain()) co_return true;
    }
}

net::Task<void> FileWatch::changed() {
    [[maybe_unused]] const auto first = co_await touched();
    for (bool more = true; more;) more = (co_await net::within(*loop_, quiet, touched())).has_value();
}

}  // namespace tserver::supervisor
