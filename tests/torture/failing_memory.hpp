// Allocations that fail: malloc, calloc, realloc and the aligned ones of this program are these, and so are
// operator new and OpenSSL's, which call them.
#pragma once

#include <cstddef>

namespace tserver::torture {

enum class Lasts : unsigned char { once, for_good };

/// The n-th allocation from now on fails (from 1), and with `for_good` every one behind it. 0: none fails.
void fail_allocation(std::size_t n, Lasts lasts) noexcept;
/// @return allocations that were asked for since fail_allocation()
std::size_t stop_failing() noexcept;
/// The next one that fails is told on standard error with its stack.
void tell_next_failure() noexcept;
/// Blocks that were allocated and not freed.
long live_blocks() noexcept;

}  // namespace tserver::torture
