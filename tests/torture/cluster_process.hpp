// The simulated cluster as a process of its own, for programs that fork and must stay without threads.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <string>

#include "base/bytes.hpp"
#include "base/types.hpp"
#include "os/fd.hpp"
#include "tests/support/scratch.hpp"
#include "trust/list.hpp"

namespace tserver::torture {

class ClusterProcess {
public:
    ClusterProcess();
    ~ClusterProcess() { stop(); }
    ClusterProcess(const ClusterProcess&) = delete;
    ClusterProcess& operator=(const ClusterProcess&) = delete;

    /// Again from the beginning: nothing was issued, other ports.
    void restart();
    /// Sets the profile of an instance.
    void arm(const std::string& instance, const std::string& code) const;

    [[nodiscard]] Port capf() const noexcept { return capf_; }
    [[nodiscard]] Port ctimanager() const noexcept { return ctimanager_; }
    [[nodiscard]] const Bytes& list_file() const noexcept { return list_file_; }

private:
    void stop();
    [[noreturn]] void serve(int ready) const;

    testing_support::Scratch scratch_;
    pid_t pid_ = -1;
    Port capf_ = 0, ctimanager_ = 0;
    Bytes list_file_;
};

}  // namespace tserver::torture
