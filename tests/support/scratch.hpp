// A directory of its own for one test, gone afterwards.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <string>

namespace tserver::testing_support {

struct Scratch {
    std::filesystem::path path;

    Scratch() {
        auto name = (std::filesystem::temp_directory_path() / "tserver-test-XXXXXX").string();
        path = ::mkdtemp(name.data());
    }
    ~Scratch() {
        std::error_code ignored;  // a test may have taken its own rights away
        std::filesystem::remove_all(path, ignored);
    }
    Scratch(const Scratch&) = delete;
    Scratch& operator=(const Scratch&) = delete;
};

}  // namespace tserver::testing_support
