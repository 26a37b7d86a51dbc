// One epoll, one thread: descriptors, timers, and the coroutines that wait for them.
//
// Our own small loop instead of Asio, because the relay's path is counted in system calls: a watch stays
// registered (level-triggered), so a round trip through a link is two waits, two receives and two sends and
// nothing else.
#pragma once

#include <sys/epoll.h>

#include <array>
#include <cstdint>
#include <map>

#include "base/time.hpp"

namespace tserver::net {

class Loop;

/// Is told when its descriptor is ready. It may remove itself or any other watch from inside ready().
class Watch {
public:
    virtual void ready(std::uint32_t events) = 0;

protected:
    ~Watch() = default;
};

/// Fires once at its time. Destroying or disarming it is always allowed.
class Timer {
public:
    explicit Timer(Loop& loop) : loop_{loop} {}
    Timer(const Timer&) = delete;
    Timer& operator=(const Timer&) = delete;
    virtual ~Timer() { disarm(); }

    void arm(Steady::time_point when);
    void disarm() noexcept;
    [[nodiscard]] bool armed() const noexcept { return armed_; }
    [[nodiscard]] Loop& loop() const noexcept { return loop_; }

private:
    virtual void due() = 0;
    friend class Loop;
    Loop& loop_;
    bool armed_ = false;
    std::multimap<Steady::time_point, Timer*>::iterator place_;
};

class Loop {
public:
    Loop();
    ~Loop();
    Loop(const Loop&) = delete;
    Loop& operator=(const Loop&) = delete;

    /// The watch must outlive its registration; the descriptor must be removed before it is closed.
    void add(int descriptor, Watch& watch, std::uint32_t events);
    void change(int descriptor, Watch& watch, std::uint32_t events);
    void remove(int descriptor, Watch& watch) noexcept;

    /// Runs until stop(); not at all when that was called before, as by a task that ended without waiting.
    void run();
    void stop() noexcept { stopping_ = true; }
    /// One wait and what came of it; waits at most `limit`.
    void turn(std::chrono::milliseconds limit);

private:
    friend class Timer;
    static constexpr int batch = 32;

    void fire_timers();
    [[nodiscard]] int wait_limit(std::chrono::milliseconds limit) const;

    int epoll_;
    bool stopping_ = false;
    std::multimap<Steady::time_point, Timer*> timers_;
    std::array<epoll_event, batch> events_{};
    int next_ = 0;   ///< index of the event being delivered
    int count_ = 0;  ///< events of this turn
};

}  // namespace tserver::net
