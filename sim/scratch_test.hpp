// A folder of a test's own, gone with it.
#pragma once

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <string>

#include "sim/authority.hpp"

namespace tserver::sim {

/// Offset behind the first occurrence of `wanted`.
inline std::optional<std::size_t> behind(const Bytes& octets, const Bytes& wanted) {
    const auto found = std::search(octets.begin(), octets.end(), wanted.begin(), wanted.end());
    if (found == octets.end()) return std::nullopt;
    return static_cast<std::size_t>(found - octets.begin()) + wanted.size();
}

class Scratch {
public:
    Scratch() {
        std::string pattern = std::filesystem::temp_directory_path() / "ucmsim-XXXXXX";
        path_ = ::mkdtemp(pattern.data());
    }
    Scratch(const Scratch&) = delete;
    Scratch& operator=(const Scratch&) = delete;
    ~Scratch() {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }
    [[nodiscard]] const std::filesystem::path& path() const noexcept { return path_; }

    /// Puts the certificates of a cluster of two nodes (127.0.0.1) into it; they are made once for all tests.
    void give_certificates() const {
        static const Scratch made;
        static const bool done = [] {
            FaultMenu none;
            Authority authority{none, crypto::Digest::sha1};
            std::filesystem::create_directories(made.path() / "pki");
            const Bytes loopback{127, 0, 0, 1};
            return authority.open(made.path() / "pki", {{"cucm-pub", loopback}, {"cucm-sub1", loopback}})
                .has_value();
        }();
        if (done) std::filesystem::copy(made.path() / "pki", path_ / "pki");
    }

private:
    std::filesystem::path path_;
};

}  // namespace tserver::sim
