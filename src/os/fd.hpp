// An owned file descriptor.
#pragma once

#include <cerrno>
#include <string>
#include <string_view>
#include <utility>

#include "base/result.hpp"

namespace tserver::os {

/// Closes its descriptor when it goes. -1 = holds none.
class Fd {
public:
    Fd() = default;
    explicit Fd(int descriptor) noexcept : descriptor_{descriptor} {}
    Fd(Fd&& other) noexcept : descriptor_{std::exchange(other.descriptor_, -1)} {}
    Fd& operator=(Fd&& other) noexcept {
        if (this != &other) reset(std::exchange(other.descriptor_, -1));
        return *this;
    }
    ~Fd() { reset(); }

    [[nodiscard]] int get() const noexcept { return descriptor_; }
    [[nodiscard]] explicit operator bool() const noexcept { return descriptor_ >= 0; }
    /// Gives the descriptor away.
    [[nodiscard]] int release() noexcept { return std::exchange(descriptor_, -1); }
    void reset(int descriptor = -1) noexcept;

private:
    int descriptor_ = -1;
};

/// The words of the C library for an errno: "No such file or directory".
std::string reason(int error);

/// The failure of a system call: ENOSPC and EDQUOT are DISK_FULL, EMFILE, ENFILE, ENOMEM and EAGAIN
/// OUT_OF_RESOURCES, EACCES and EPERM PERMISSION, everything else `otherwise`. Detail: "what: reason".
tl::unexpected<Error> failed(std::string_view what, int error, Fault otherwise = Fault::INTERNAL);

}  // namespace tserver::os
