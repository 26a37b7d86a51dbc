#include "os/process.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <new>

namespace tserver::os {
namespace {

TEST(ProcessWithoutMemory, EndsWithOneLineAndTheExitCodeOfTheFault) {
    const auto ending = [] {
        end_when_memory_is_gone("tserver-link");
        std::get_new_handler()();
    };
    EXPECT_EXIT(ending(), testing::ExitedWithCode(row(Fault::OUT_OF_RESOURCES).exit_code),
                "^tserver-link: OUT_OF_RESOURCES: no memory is left, the process ends\n$");
}

#if !defined(__SANITIZE_ADDRESS__) && \
    !defined(__SANITIZE_THREAD__)  // their allocators have words of their own
TEST(ProcessWithoutMemory, EndsSoFromInsideACallThatMayNotThrow) {
    const auto ending = []() noexcept {
        end_when_memory_is_gone("tserver");
        volatile std::size_t most = PTRDIFF_MAX;
        ::operator delete(::operator new(most));
    };
    EXPECT_EXIT(ending(), testing::ExitedWithCode(44), "OUT_OF_RESOURCES");
}
#endif

}  // namespace
}  // namespace tserver::os
