#include "tests/torture/failing_memory.hpp"

#include <execinfo.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>

namespace {

std::atomic<long> live{0};
std::atomic<bool> counting{false};
std::atomic<std::size_t> asked{0};
std::atomic<std::size_t> failing{0};
std::atomic<bool> for_good{false};

std::atomic<bool> telling{false};

/// Whose allocation it was: addresses for addr2line, names where a library exports them.
void tell_whose() noexcept {
    if (!telling.exchange(false)) return;
    std::array<void*, 24> stack{};
    counting = false;  // the first backtrace loads a library
    ::backtrace_symbols_fd(stack.data(), ::backtrace(stack.data(), static_cast<int>(stack.size())),
                           STDERR_FILENO);
    counting = true;
}

bool refused() noexcept {
    if (!counting) return false;
    const auto number = ++asked;
    const std::size_t from = failing;
    const bool fails = from != 0 && (number == from || (for_good && number > from));
    if (fails) {
        tell_whose();
        errno = ENOMEM;
    }
    return fails;
}

void* counted(void* block) noexcept {
    if (block != nullptr) ++live;
    return block;
}

}  // namespace

extern "C" {

// The C library's own, under the names it keeps for who replaces them (glibc manual, "Replacing malloc").
void* __libc_malloc(std::size_t size);                           // NOLINT
void* __libc_calloc(std::size_t count, std::size_t size);        // NOLINT
void* __libc_realloc(void* block, std::size_t size);             // NOLINT
void* __libc_memalign(std::size_t alignment, std::size_t size);  // NOLINT
void __libc_free(void* block);                                   // NOLINT

void* malloc(std::size_t size) { return refused() ? nullptr : counted(__libc_malloc(size)); }
void* calloc(std::size_t count, std::size_t size) {
    return refused() ? nullptr : counted(__libc_calloc(count, size));
}
void* realloc(void* block, std::size_t size) {
    if (size > 0 && refused()) return nullptr;
    void* moved = __libc_realloc(block, size);
    if (block == nullptr) return counted(moved);
    if (size == 0) --live;
    return moved;
}
void* memalign(std::size_t alignment, std::size_t size) {
    return refused() ? nullptr : counted(__libc_memalign(alignment, size));
}
void* aligned_alloc(std::size_t alignment, std::size_t size) { return memalign(alignment, size); }
int posix_memalign(void** into, std::size_t alignment, std::size_t size) {
    void* block = memalign(alignment, size);
    if (block == nullptr) return ENOMEM;
    *into = block;
    return 0;
}
void free(void* block) {
    if (block != nullptr) --live;
    __libc_free(block);
}

}  // extern "C"

namespace tserver::torture {

void fail_allocation(std::size_t n, Lasts lasts) noexcept {
    asked = 0;
    failing = n;
    for_good = lasts == Lasts::for_good;
    counting = true;
}

std::size_t stop_failing() noexcept {
    counting = false;
    return asked;
}

long live_blocks() noexcept { return live; }

void tell_next_failure() noexcept { telling = true; }

}  // namespace tserver::torture
