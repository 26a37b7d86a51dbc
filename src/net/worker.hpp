// Seconds of computing, and calls that block (getaddrinfo), run on a thread of their own; the loop only moves
// octets.
#pragma once

#include <sys/eventfd.h>
#include <sys/resource.h>
#include <unistd.h>

#include <atomic>
#include <memory>
#include <optional>
#include <thread>

#include "net/wait.hpp"

namespace tserver::net {

namespace detail {

/// Threads that still run work nobody waits for any more.
inline std::atomic<int>& abandoned() {
    static std::atomic<int> count{0};
    return count;
}

template <class T>
struct Work {
    Work() : done{eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)} {}
    ~Work() { ::close(done); }
    Work(const Work&) = delete;
    Work& operator=(const Work&) = delete;
    int done;
    std::optional<T> result;
};

}  // namespace detail

/// True while a thread started by offload() still computes: static objects must not be torn down under it.
inline bool workers_busy() { return detail::abandoned() > 0; }

/// For a thread that computes for seconds: every relay of the machine goes first. A host that has nothing
/// else to do makes a key as fast as ever.
inline void give_way() { ::setpriority(PRIO_PROCESS, 0, 10); }  // of this thread alone: setpriority(2), BUGS

/// The result of `call()`, made on another thread. `call` takes everything it needs by value; if the waiting
/// coroutine is cancelled, the thread ends by itself and its result is dropped.
template <class Call>
auto offload(Loop& loop, Call call) -> Task<decltype(call())> {
    using T = decltype(call());
    auto work = std::make_shared<detail::Work<T>>();
    ++detail::abandoned();
    std::thread{[work, call = std::move(call)]() mutable {
        work->result.emplace(call());
        const std::uint64_t one = 1;
        [[maybe_unused]] const auto written = ::write(work->done, &one, sizeof one);
        work.reset();
        --detail::abandoned();
    }}.detach();
    co_await readable(loop, work->done);
    // The counter read orders the thread's store of the result before our use of it.
    std::uint64_t count = 0;
    [[maybe_unused]] const auto got = ::read(work->done, &count, sizeof count);
    co_return std::move(*work->result);
}

}  // namespace tserver::net
