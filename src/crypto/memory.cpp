#include "crypto/memory.hpp"

#include <openssl/crypto.h>

#include <cstdlib>
#include <new>

namespace tserver::crypto {
namespace {

/// @return false when nobody can help
bool helped() {
    const auto handler = std::get_new_handler();
    if (handler != nullptr) handler();
    return handler != nullptr;
}

void* take(std::size_t size, const char*, int) {
    if (size == 0) return nullptr;
    for (;;) {
        void* block = std::malloc(size);
        if (block != nullptr || !helped()) return block;
    }
}

void give(void* block, const char*, int) { std::free(block); }

void* resize(void* block, std::size_t size, const char* file, int line) {
    if (block == nullptr) return take(size, file, line);
    if (size == 0) {
        std::free(block);
        return nullptr;
    }
    for (;;) {
        void* moved = std::realloc(block, size);
        if (moved != nullptr || !helped()) return moved;
    }
}

}  // namespace

bool fail_as_new_does() noexcept { return CRYPTO_set_mem_functions(take, resize, give) == 1; }

}  // namespace tserver::crypto
