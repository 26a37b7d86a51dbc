// Buffers of whole pages that cost nothing until they are touched, and almost nothing to come and go.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace tserver::net {

/// Not cleared: what lies in it is whatever was left there.
///
/// When a buffer goes, its first page stays with the thread for the next one of the same size; every other
/// page that was touched goes back to the system. A session of small messages therefore maps and unmaps
/// nothing, which would cost it more than its messages do (each unmapping flushes the processor's address
/// translations), and one that has carried a snapshot leaves no more behind than a small one.
class Pages {
public:
    explicit Pages(std::size_t size);
    ~Pages();
    Pages(const Pages&) = delete;
    Pages& operator=(const Pages&) = delete;

    [[nodiscard]] std::uint8_t* data() const noexcept { return at_; }
    [[nodiscard]] std::size_t size() const noexcept { return size_; }
    [[nodiscard]] std::span<std::uint8_t> span() const noexcept { return {at_, size_}; }

private:
    std::uint8_t* at_;
    std::size_t size_;
};

}  // namespace tserver::net
