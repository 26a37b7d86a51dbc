#include "net/loop.hpp"

#include <unistd.h>

#include <cerrno>
#include <cstdlib>

namespace tserver::net {

void Timer::arm(Steady::time_point when) {
    disarm();
    place_ = loop_.timers_.emplace(when, this);
    armed_ = true;
}

void Timer::disarm() noexcept {
    if (!armed_) return;
    loop_.timers_.erase(place_);
    armed_ = false;
}

Loop::Loop() : epoll_{epoll_create1(EPOLL_CLOEXEC)} {
    if (epoll_ < 0) std::abort();  // no descriptor for the loop itself: nothing can run
}

Loop::~Loop() { ::close(epoll_); }

void Loop::add(int descriptor, Watch& watch, std::uint32_t events) {
    epoll_event event{};
    event.events = events;
    event.data.ptr = &watch;
    if (epoll_ctl(epoll_, EPOLL_CTL_ADD, descriptor, &event) != 0) std::abort();
}

void Loop::change(int descriptor, Watch& watch, std::uint32_t events) {
    epoll_event event{};
    event.events = events;
    event.data.ptr = &watch;
    if (epoll_ctl(epoll_, EPOLL_CTL_MOD, descriptor, &event) != 0) std::abort();
}

void Loop::remove(int descriptor, Watch& watch) noexcept {
    epoll_ctl(epoll_, EPOLL_CTL_DEL, descriptor, nullptr);
    for (int i = next_ + 1; i < count_; ++i) {
        auto& event = events_[static_cast<std::size_t>(i)];
        if (event.data.ptr == &watch) event.data.ptr = nullptr;
    }
}

void Loop::run() {
    while (!stopping_) turn(std::chrono::milliseconds::max());
    stopping_ = false;
}

void Loop::turn(std::chrono::milliseconds limit) {
    count_ = epoll_wait(epoll_, events_.data(), batch, wait_limit(limit));
    for (next_ = 0; next_ < count_; ++next_) {
        const auto& event = events_[static_cast<std::size_t>(next_)];
        if (event.data.ptr != nullptr) static_cast<Watch*>(event.data.ptr)->ready(event.events);
    }
    count_ = 0;
    if (!timers_.empty()) fire_timers();
}

void Loop::fire_timers() {
    // Timers that are armed while others fire wait for the next turn, so that descriptors get theirs.
    const auto now = Steady::now();
    while (!timers_.empty() && timers_.begin()->first <= now) {
        auto* timer = timers_.begin()->second;
        timer->disarm();
        timer->due();
    }
}

int Loop::wait_limit(std::chrono::milliseconds limit) const {
    using std::chrono::milliseconds;
    if (timers_.empty()) return limit == milliseconds::max() ? -1 : static_cast<int>(limit.count());
    const auto until = std::chrono::ceil<milliseconds>(timers_.begin()->first - Steady::now());
    const auto bounded = std::clamp(until, milliseconds{0}, std::min(limit, milliseconds{3'600'000}));
    return static_cast<int>(bounded.count());
}

}  // namespace tserver::net
