#include "net/pages.hpp"

#include <sys/mman.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <utility>

namespace tserver::net {
namespace {

constexpr std::size_t kept = 4096;  ///< of each spare

struct Spare {
    std::uint8_t* at = nullptr;
    std::size_t size = 0;
};

/// As many as one session has. An allocator's memory of the thread it serves, hence no member of anything.
thread_local std::array<Spare, 4> spares;

std::uint8_t* map(std::size_t size) {
    void* at = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (at == MAP_FAILED) std::abort();  // no memory for a session: as new would end
    return static_cast<std::uint8_t*>(at);
}

}  // namespace

Pages::Pages(std::size_t size) : at_{nullptr}, size_{size} {
    auto* const fits = std::ranges::find(spares, size, &Spare::size);
    at_ = fits == spares.end() ? map(size) : std::exchange(*fits, {}).at;
}

Pages::~Pages() {
    auto* const free = std::ranges::find(spares, nullptr, &Spare::at);
    if (free == spares.end()) {
        munmap(at_, size_);
        return;
    }
    if (size_ > kept) madvise(at_ + kept, size_ - kept, MADV_DONTNEED);
    *free = {at_, size_};
}

}  // namespace tserver::net
