#include "os/tree.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>

#include "os/io.hpp"
#include "os/process.hpp"
#include "os/refusal.hpp"

namespace tserver::os {
namespace {

constexpr mode_t file_mode = 0600;
constexpr mode_t directory_mode = 0700;

struct Split {
    std::string directory;  ///< "." for the root itself
    std::string name;
};
Split split_path(const std::string& path) {
    const auto slash = path.find_last_of('/');
    if (slash == std::string::npos) return {".", path};
    return {path.substr(0, slash), path.substr(slash + 1)};
}

/// Opens below `root`; the kernel refuses links and ".." on the way.
Fd open_below(const Fd& root, const std::string& path, int flags, mode_t mode = 0) {
    open_how how{};
    how.flags = static_cast<unsigned>(flags | O_CLOEXEC | O_NOFOLLOW);
    how.mode = mode;
    how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;
    const auto* name = path.empty() ? "." : path.c_str();
    Fd opened{static_cast<int>(::syscall(SYS_openat2, root.get(), name, &how, sizeof how))};
    // Sandboxes older than the call refuse it; then only the last step is guarded. The paths are our own
    // names.
    if (!opened && errno == ENOSYS)
        opened.reset(::openat(root.get(), name, static_cast<int>(how.flags), mode));
    return opened;
}

class DiskTree final : public Tree {
public:
    DiskTree(std::string root, Fd directory, unsigned owner)
        : root_{std::move(root)}, directory_{std::move(directory)}, owner_{owner} {}

    [[nodiscard]] const std::string& root() const override { return root_; }

    Result<void> make_directory(const std::string& path) override {
        const auto at = split_path(path);
        const auto parent = open_below(directory_, at.directory, O_RDONLY | O_DIRECTORY);
        if (!parent || ::mkdirat(parent.get(), at.name.c_str(), directory_mode) != 0) return trouble(path);
        const auto made = open_below(directory_, path, O_RDONLY | O_DIRECTORY);
        return made ? settle(made, path, directory_mode) : trouble(path);
    }

    Result<Fd> create(const std::string& path) override {
        auto file = open_below(directory_, path, O_WRONLY | O_CREAT | O_EXCL, file_mode);
        if (!file) return trouble(path);
        CHECK(settle(file, path, file_mode));
        return file;
    }

    Result<void> write(const Fd& file, const std::string& path, ByteView content) override {
        auto written = write_all(file, full(path), content);
        if (!written && written.error().fault == Fault::DISK_FULL) return trouble(path, ENOSPC);
        return written;
    }

    Result<void> sync(const Fd& file, const std::string& path) override {
        if (::fsync(file.get()) != 0) return trouble(path);
        return {};
    }

    Result<void> sync_directory(const std::string& path) override {
        const auto opened = open_below(directory_, path, O_RDONLY | O_DIRECTORY);
        if (!opened || ::fsync(opened.get()) != 0) return trouble(path);
        return {};
    }

    Result<void> rename(const std::string& from, const std::string& to) override {
        const auto source = split_path(from);
        const auto target = split_path(to);
        const auto old_parent = open_below(directory_, source.directory, O_RDONLY | O_DIRECTORY);
        const auto new_parent = open_below(directory_, target.directory, O_RDONLY | O_DIRECTORY);
        if (!old_parent || !new_parent ||
            ::renameat(old_parent.get(), source.name.c_str(), new_parent.get(), target.name.c_str()) != 0)
            return trouble(to);
        return {};
    }

    Result<void> remove(const std::string& path) override { return unlink(path, 0); }
    Result<void> remove_directory(const std::string& path) override { return unlink(path, AT_REMOVEDIR); }

    Result<Bytes> read(const std::string& path, std::size_t most) override {
        const auto file = open_below(directory_, path, O_RDONLY | O_NONBLOCK | O_NOCTTY);
        if (!file) return trouble(path);
        return read_all(file, full(path), most, Fault::STORE_IO);
    }

    Result<std::vector<std::string>> list(const std::string& path) override {
        auto opened = open_below(directory_, path, O_RDONLY | O_DIRECTORY);
        if (!opened) return trouble(path);
        const std::unique_ptr<DIR, int (*)(DIR*)> stream{::fdopendir(opened.get()), &::closedir};
        if (!stream) return trouble(path);
        static_cast<void>(opened.release());  // the stream closes it
        std::vector<std::string> names;
        errno = 0;
        while (const auto* entry = ::readdir(stream.get())) {
            const std::string_view name{entry->d_name};
            if (name != "." && name != "..") names.emplace_back(name);
        }
        if (errno != 0) return trouble(path);
        std::ranges::sort(names);
        return names;
    }

    Result<Look> look(const std::string& path) override {
        const auto at = split_path(path);
        const auto parent = open_below(directory_, at.directory, O_RDONLY | O_DIRECTORY);
        struct stat about {};
        const auto* name = at.name.empty() ? "." : at.name.c_str();
        if (!parent || ::fstatat(parent.get(), name, &about, AT_SYMLINK_NOFOLLOW) != 0) return trouble(path);
        return Look{S_ISDIR(about.st_mode), S_ISLNK(about.st_mode), about.st_mode & 07777U, about.st_uid};
    }

    Result<Fd> open_lock(const std::string& path) override {
        auto file = open_below(directory_, path, O_RDWR | O_CREAT, file_mode);
        if (!file) return trouble(path);
        CHECK(settle(file, path, file_mode));
        return file;
    }

    std::uint64_t free_space() override {
        struct statvfs about {};
        return ::fstatvfs(directory_.get(), &about) == 0 ? about.f_bavail * about.f_frsize : 0;
    }

private:
    /// Mode and owner as they must be, whatever umask, default ACL or user made the file.
    Result<void> settle(const Fd& made, const std::string& path, mode_t mode) {
        if (::fchmod(made.get(), mode) != 0) return trouble(path);
        if (::geteuid() == 0 && owner_ != 0 && ::fchown(made.get(), owner_, static_cast<gid_t>(-1)) != 0)
            return trouble(path);
        return {};
    }

    Result<void> unlink(const std::string& path, int flags) {
        const auto at = split_path(path);
        const auto parent = open_below(directory_, at.directory, O_RDONLY | O_DIRECTORY);
        if (!parent || ::unlinkat(parent.get(), at.name.c_str(), flags) != 0) return trouble(path);
        return {};
    }

    tl::unexpected<Error> trouble(const std::string& path, int error = errno) {
        if (error == ENOENT) return fail(Fault::STORE_MISSING, full(path) + ": " + reason(error));
        if (error == ELOOP)
            return fail(Fault::STORE_IO, full(path) + ": is a symbolic link, which the store never follows");
        if (error == ENOSPC || error == EDQUOT)
            return fail(Fault::DISK_FULL,
                        fmt::format("{}: {}, {} KiB free", full(path), reason(error), free_space() / 1024));
        return refused_path(full(path), error, Fault::STORE_IO);
    }

    std::string root_;
    Fd directory_;
    unsigned owner_;
};

/// The single quotes of a shell.
std::string shell_quoted(std::string_view path) {
    std::string out = "'";
    for (const char c : path) out += c == '\'' ? std::string{"'\\''"} : std::string{c};
    return out + "'";
}

Result<void> check_below(Tree& tree, const std::string& path, unsigned owner, Depth depth) {
    TRY(about, tree.look(path));
    const auto where = tree.full(path);
    if (about.link)
        return fail(Fault::STORE_IO, where + ": is a symbolic link, which the store never follows");
    if (about.uid != owner)
        return fail(Fault::STORE_MODE,
                    fmt::format("{} belongs to {}: chown -R {} {}", where, user_name(about.uid),
                                user_name(owner), shell_quoted(tree.root())));
    if ((about.mode & 077U) != 0)
        return fail(Fault::STORE_MODE, fmt::format("{} has mode {:04o}: chmod -R go= {}", where, about.mode,
                                                   shell_quoted(where)));
    if (!about.directory || depth == Depth::itself) return {};
    TRY(names, tree.list(path));
    for (const auto& name : names) {
        // Between list and look another process may take a temporary file away.
        if (auto each = check_below(tree, fmt::format("{}/{}", path, name), owner, depth);
            !each && each.error().fault != Fault::STORE_MISSING)
            return each;
    }
    return {};
}

}  // namespace

Result<std::unique_ptr<Tree>> open_tree(const std::string& path, Access access) {
    if (access == Access::read_write && ::mkdir(path.c_str(), directory_mode) != 0 && errno != EEXIST &&
        errno != ENOENT)
        return refused_path(path, errno, Fault::STORE_IO);
    Fd directory{::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
    if (!directory)
        return refused_path(path, errno,
                            errno == ENOENT || errno == ENOTDIR ? Fault::STORE_MISSING : Fault::STORE_IO);
    struct stat about {};
    if (::fstat(directory.get(), &about) != 0) return failed(path, errno, Fault::STORE_IO);
    // A reader finds out by itself what it may read; what a stranger writes, the owner could not read any
    // more (F20).
    const auto self = ::geteuid();
    if (access == Access::read_write && self != 0 && about.st_uid != self) {
        const auto owner = user_name(about.st_uid);
        return fail(Fault::STORE_MODE,
                    fmt::format("{} belongs to {} and this runs as {}: run it as {}, or chown -R {} {}", path,
                                owner, user_name(self), owner, user_name(self), shell_quoted(path)));
    }
    if ((about.st_mode & 022U) != 0)
        return fail(Fault::STORE_MODE,
                    fmt::format("{} has mode {:04o}, others can write to it: chmod go-w {}", path,
                                about.st_mode & 07777U, shell_quoted(path)));
    return std::make_unique<DiskTree>(path, std::move(directory), about.st_uid);
}

Result<void> check_private(Tree& tree, const std::string& path, Depth depth) {
    TRY(root, tree.look(""));
    return check_below(tree, path, root.uid, depth);
}

Result<void> write_new(Tree& tree, const std::string& path, ByteView content) {
    TRY(file, tree.create(path));
    CHECK(tree.write(file, path, content));
    return tree.sync(file, path);
}

Result<void> replace(Tree& tree, const std::string& directory, const std::string& name, ByteView content) {
    const auto target = directory + "/" + name;
    const auto fresh = target + ".new";
    if (auto left = tree.remove(fresh); !left && left.error().fault != Fault::STORE_MISSING) return left;
    if (auto written = write_new(tree, fresh, content); !written) {
        static_cast<void>(tree.remove(fresh));  // the first error is the one to tell
        return written;
    }
    CHECK(tree.rename(fresh, target));
    return tree.sync_directory(directory);
}

Result<void> ensure_directory(Tree& tree, const std::string& parent, const std::string& name) {
    const auto path = parent.empty() ? name : parent + "/" + name;
    const auto there = tree.look(path);
    if (there && there->directory) return {};
    if (there) return fail(Fault::STORE_IO, tree.full(path) + ": is not a directory");
    if (there.error().fault != Fault::STORE_MISSING) return tl::unexpected(there.error());
    CHECK(tree.make_directory(path));
    return tree.sync_directory(parent);
}

Result<void> remove_all(Tree& tree, const std::string& path) {
    TRY(names, tree.list(path));
    for (const auto& name : names) CHECK(tree.remove(fmt::format("{}/{}", path, name)));
    return tree.remove_directory(path);
}

}  // namespace tserver::os
