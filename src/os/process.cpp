#include "os/process.hpp"

#include <fmt/format.h>
#include <pwd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <new>

#include "base/bytes.hpp"
#include "base/text.hpp"
#include "os/fd.hpp"
#include "os/file.hpp"

namespace tserver::os {
namespace {

const char* ending_program = "tserver";

/// Allocates nothing, and takes no lock that an allocator could hold.
[[noreturn]] void say_and_end() {
    const auto put = [](std::string_view text) {
        [[maybe_unused]] const auto written = ::write(STDERR_FILENO, text.data(), text.size());
    };
    constexpr auto fault = Fault::OUT_OF_RESOURCES;
    put(ending_program);
    put(": OUT_OF_RESOURCES: no memory is left, the process ends\n");
    ::_exit(row(fault).exit_code);
}

}  // namespace

void end_when_memory_is_gone(const char* program) noexcept {
    ending_program = program;
    std::set_new_handler(say_and_end);
}

Result<void> keep_memory_private() {
    const rlimit none{0, 0};
    if (::setrlimit(RLIMIT_CORE, &none) != 0) return failed("RLIMIT_CORE", errno);
    if (::prctl(PR_SET_DUMPABLE, 0) != 0) return failed("PR_SET_DUMPABLE", errno);
    return {};
}

std::string machine_id() {
    for (const char* path : {"/etc/machine-id", "/var/lib/dbus/machine-id"}) {
        const auto octets = read_file(path, 128);
        if (!octets) continue;
        const auto text = trim(as_text(*octets));
        if (text.size() == 32 && from_hex(text)) return std::string{text};
    }
    return {};
}

bool journal_reads_stderr() {
    const char* named = std::getenv("JOURNAL_STREAM");
    struct stat ours {};
    return named != nullptr && ::fstat(STDERR_FILENO, &ours) == 0 &&
           named == fmt::format("{}:{}", ours.st_dev, ours.st_ino);
}

std::string user_name(unsigned uid) {
    std::array<char, 4096> buffer{};
    passwd entry{};
    passwd* found = nullptr;
    if (::getpwuid_r(uid, &entry, buffer.data(), buffer.size(), &found) == 0 && found != nullptr)
        return found->pw_name;
    return "uid " + std::to_string(uid);
}

}  // namespace tserver::os
