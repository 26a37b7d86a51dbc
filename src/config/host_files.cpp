#include "config/host_files.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <system_error>

#include "base/text.hpp"
#include "config/values.hpp"
#include "os/refusal.hpp"

namespace tserver::config {
namespace {

constexpr std::size_t largest_config = std::size_t{4} << 20U;
constexpr std::size_t largest_passphrase = 4096;

struct Descriptor {
    int fd;
    explicit Descriptor(int number) : fd{number} {}
    Descriptor(const Descriptor&) = delete;
    Descriptor& operator=(const Descriptor&) = delete;
    ~Descriptor() {
        if (fd >= 0) ::close(fd);
    }
};

std::string reason(int error) { return std::generic_category().message(error); }

struct Content {
    std::string octets;
    struct stat status {};
};

/// A whole regular file. The buffer is made once, so that no copy of a secret stays behind.
Result<Content> read_whole(const std::string& path, std::size_t limit, Fault fault) {
    // O_NONBLOCK: a FIFO in the file's place must not hang the reload.
    const Descriptor file{::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK)};
    if (file.fd < 0) {
        const int error = errno;
        return fail(fault, fmt::format("cannot open {}: {}{}", escape(path), reason(error),
                                       os::why_refused(path, error, os::Wanted::to_read)));
    }
    Content content;
    if (::fstat(file.fd, &content.status) != 0)
        return fail(fault, fmt::format("cannot look at {}: {}", escape(path), reason(errno)));
    if (!S_ISREG(content.status.st_mode)) return fail(fault, fmt::format("{} is not a file", escape(path)));
    content.octets.resize(limit + 1);
    std::size_t used = 0;
    while (used < content.octets.size()) {
        const auto count = ::read(file.fd, content.octets.data() + used, content.octets.size() - used);
        if (count == 0) break;
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) {
            const int error = errno;
            wipe(content.octets);
            return fail(fault, fmt::format("cannot read {}: {}", escape(path), reason(error)));
        }
        used += static_cast<std::size_t>(count);
    }
    if (used > limit) {
        wipe(content.octets);
        return fail(fault, fmt::format("{} is larger than {} octets", escape(path), limit));
    }
    content.octets.resize(used);
    return content;
}

Result<Passphrase> passphrase_and_wipe(std::string octets) {
    auto passphrase = passphrase_in(octets);
    wipe(octets);
    return passphrase;
}

Result<Passphrase> read_credential(std::string_view name) {
    const auto shown = fmt::format("credential \"{}\"", escape(name));
    const char* directory = std::getenv("CREDENTIALS_DIRECTORY");
    if (directory == nullptr) {
        return fail(
            Fault::UNREADABLE,
            fmt::format("{}: systemd passed no credentials (CREDENTIALS_DIRECTORY is not set)", shown));
    }
    auto content = read_whole(fmt::format("{}/{}", directory, name), largest_passphrase, Fault::UNREADABLE);
    if (!content) {
        content.error().detail = fmt::format("{}: {}", shown, content.error().detail);
        return tl::unexpected<Error>(std::move(content).error());
    }
    return passphrase_and_wipe(std::move(content->octets));
}

}  // namespace

Result<Passphrase> passphrase_in(std::string_view content) {
    if (content.ends_with('\n')) {
        content.remove_suffix(1);
        if (content.ends_with('\r')) content.remove_suffix(1);
    }
    if (content.empty()) return fail(Fault::STORE_EMPTY_PASSPHRASE, "the file holds no passphrase");
    if (content.find('\0') != std::string_view::npos) {
        return fail(Fault::CONFIG_VALUE,
                    "the file holds a NUL octet; a passphrase is text (is the file UTF-16?)");
    }
    return Passphrase{Secret{content}, trim(content).size() != content.size()};
}

Result<Passphrase> read_passphrase(std::string_view source) {
    if (source.starts_with(credential_prefix))
        return read_credential(source.substr(credential_prefix.size()));
    const std::string path{source};
    TRY(content, read_whole(path, largest_passphrase, Fault::UNREADABLE));
    if ((content.status.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
        wipe(content.octets);
        return fail(Fault::STORE_MODE,
                    fmt::format("others than its owner have rights to the file; run: chmod go= {}",
                                shell_quoted(path)));
    }
    return passphrase_and_wipe(std::move(content.octets));
}

Result<void> check_store_path(const std::filesystem::path& path) {
    struct stat status {};
    if (::stat(path.c_str(), &status) == 0) {
        if (!S_ISDIR(status.st_mode))
            return fail(Fault::CONFIG_VALUE, fmt::format("{} is not a directory", escape(path.string())));
        if ((status.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
            return fail(Fault::STORE_MODE,
                        fmt::format("others can write to the directory; run: chmod go-w {}",
                                    shell_quoted(path.string())));
        }
        return {};
    }
    const int error = errno;
    if (error != ENOENT) {
        return fail(Fault::CONFIG_VALUE,
                    fmt::format("cannot look at {}: {}{}", escape(path.string()), reason(error),
                                os::why_refused(path.string(), error, os::Wanted::to_write)));
    }
    const auto bare = path.has_filename() ? path : path.parent_path();
    if (::stat(bare.parent_path().c_str(), &status) != 0 || !S_ISDIR(status.st_mode)) {
        return fail(Fault::CONFIG_VALUE,
                    fmt::format("neither {} nor the directory above it is there{}", escape(path.string()),
                                os::why_refused(path.string(), ENOENT, os::Wanted::to_write)));
    }
    return {};
}

Result<void> check_log_path(const std::filesystem::path& path) {
    struct stat status {};
    if (::stat(path.c_str(), &status) == 0 && S_ISDIR(status.st_mode))
        return fail(Fault::CONFIG_VALUE, fmt::format("{} is a directory", escape(path.string())));
    const auto above = path.parent_path();
    if (::stat(above.c_str(), &status) != 0 || !S_ISDIR(status.st_mode)) {
        return fail(Fault::CONFIG_VALUE,
                    fmt::format("the directory {} is not there{}", escape(above.string()),
                                os::why_refused(above.string(), ENOENT, os::Wanted::to_write)));
    }
    return {};
}

Result<TextFile> read_config_file(const std::filesystem::path& path) {
    TRY(content, read_whole(path.string(), largest_config, Fault::CONFIG_UNREADABLE));
    const bool others = (content.status.st_mode & S_IROTH) != 0;
    return TextFile{std::move(content.octets), others};
}

std::string shell_quoted(std::string_view path) {
    std::string out{"'"};
    for (const char c : path) {
        if (c == '\'') {
            out += "'\\''";
        } else {
            out += c;
        }
    }
    return out + "'";
}

}  // namespace tserver::config
