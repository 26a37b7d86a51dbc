// A directory tree that is ours alone. Every path is relative to its root; a symbolic link anywhere below the
// root is refused, never followed. Files are made 0600 and directories 0700 whatever the umask says; a root
// user gives what it makes to the owner of the root directory.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/bytes.hpp"
#include "base/result.hpp"
#include "os/lock.hpp"

namespace tserver::os {

struct Look {
    bool directory = false;
    bool link = false;
    unsigned mode = 0;  ///< permission bits only
    unsigned uid = 0;
};

/// The dozen calls a durable store is made of. An interface, because the crash test records them and fails
/// each in turn (store/crash_test.cpp). Errors of all: DISK_FULL with path and free space, PERMISSION,
/// STORE_MISSING (no such file or directory), STORE_IO.
class Tree {
public:
    virtual ~Tree() = default;

    /// The path of the root, for messages.
    [[nodiscard]] virtual const std::string& root() const = 0;
    [[nodiscard]] std::string full(const std::string& path) const {
        return path.empty() ? root() : root() + "/" + path;
    }

    virtual Result<void> make_directory(const std::string& path) = 0;
    virtual Result<Fd> create(const std::string& path) = 0;  ///< must not exist
    virtual Result<void> write(const Fd& file, const std::string& path, ByteView content) = 0;
    virtual Result<void> sync(const Fd& file, const std::string& path) = 0;
    virtual Result<void> sync_directory(const std::string& path) = 0;
    virtual Result<void> rename(const std::string& from, const std::string& to) = 0;  ///< replaces a file
    virtual Result<void> remove(const std::string& path) = 0;                         ///< a file
    virtual Result<void> remove_directory(const std::string& path) = 0;               ///< an empty one

    virtual Result<Bytes> read(const std::string& path, std::size_t most) = 0;
    virtual Result<std::vector<std::string>> list(const std::string& path) = 0;  ///< names, sorted
    virtual Result<Look> look(const std::string& path) = 0;
    virtual Result<Fd> open_lock(const std::string& path) = 0;  ///< makes the file if need be
    /// Octets that can be written, for a message; 0 = unknown.
    virtual std::uint64_t free_space() = 0;

protected:
    Tree() = default;
    Tree(const Tree&) = default;
    Tree& operator=(const Tree&) = default;
};

enum class Access { read_only, read_write };

/// The real one.
/// @param access  read_write makes the last directory of `path` if it is missing.
/// @return STORE_MISSING, STORE_MODE (others could write to the root, or it is not ours; the detail is the
/// command that
///         mends it), PERMISSION, STORE_IO
Result<std::unique_ptr<Tree>> open_tree(const std::string& path, Access access);

enum class Depth { itself, with_content };

/// STORE_MODE with the exact chmod or chown unless `path` is ours and closed to others.
Result<void> check_private(Tree& tree, const std::string& path, Depth depth);

/// A file under a name that does not exist yet, with its content synced. Left behind half-made when it fails.
Result<void> write_new(Tree& tree, const std::string& path, ByteView content);

/// Replaces one file: "<path>.new" written, synced, renamed, `directory` synced. A reader sees the old or the
/// new one.
Result<void> replace(Tree& tree, const std::string& directory, const std::string& name, ByteView content);

/// Makes a directory durably unless it is there.  @param parent  its parent, "" for the root
Result<void> ensure_directory(Tree& tree, const std::string& parent, const std::string& name);

/// Removes a directory and the files in it.
Result<void> remove_all(Tree& tree, const std::string& path);

}  // namespace tserver::os
