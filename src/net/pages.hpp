// Buffers whose pages cost nothing until they are touched, and go back to the system when they are freed.
#pragma once

#include <sys/mman.h>

#include <cstddef>
#include <cstdlib>

namespace tserver::net {

/// A base for structures of large arrays: allocated by pages, never cleared by hand.
struct OnPages {
    static void* operator new(std::size_t size) {  // NOLINT(cert-dcl54-cpp): the sized delete is its match
        void* at = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (at == MAP_FAILED) std::abort();
        return at;
    }
    static void operator delete(void* at, std::size_t size) { munmap(at, size); }
};

}  // namespace tserver::net
