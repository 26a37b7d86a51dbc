// A kernel lock on a file (flock): gone with the process that holds it, however that ends.
#pragma once

#include <optional>
#include <string>

#include "base/result.hpp"
#include "os/fd.hpp"

namespace tserver::os {

/// Held until it goes out of scope. The file stays; it holds the pid of the last holder, and a note.
class Lock {
public:
    /// Tries once, never waits.  @param file  open for reading and writing
    /// @return nothing when somebody else holds it; STORE_IO when the file system cannot lock
    static Result<std::optional<Lock>> take(Fd file, const std::string& path);

    /// A line kept in the lock file for the next holder. Not durable; a failure to write it is not one of the
    /// lock.
    void leave_note(std::string_view note) const;

private:
    explicit Lock(Fd file) : file_{std::move(file)} {}
    Fd file_;
};

/// What the lock file says: the pid of its last holder and the note left in it.
struct LockNote {
    std::optional<long> pid;
    std::string note;
};
LockNote read_lock_note(const Fd& file);

}  // namespace tserver::os
