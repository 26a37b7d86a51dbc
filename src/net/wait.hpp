// What a coroutine can wait for: a descriptor, a time, an event, the first of two tasks.
#pragma once

#include <coroutine>
#include <memory>
#include <variant>

#include "base/result.hpp"
#include "net/loop.hpp"
#include "net/task.hpp"

namespace tserver::net {

/// co_await ready_for(loop, fd, EPOLLIN): the events that came. One waiter per descriptor at a time.
class ready_for final : Watch {
public:
    ready_for(Loop& loop, int descriptor, std::uint32_t events)
        : loop_{loop}, descriptor_{descriptor}, events_{events} {}
    ready_for(const ready_for&) = delete;
    ready_for& operator=(const ready_for&) = delete;
    ~ready_for() {
        if (caller_) loop_.remove(descriptor_, *this);
    }

    [[nodiscard]] bool await_ready() const noexcept { return false; }
    void await_suspend(std::coroutine_handle<> caller) {
        caller_ = caller;
        loop_.add(descriptor_, *this, events_);
    }
    std::uint32_t await_resume() const noexcept { return events_; }

private:
    void ready(std::uint32_t events) override {
        events_ = events;
        loop_.remove(descriptor_, *this);
        std::exchange(caller_, nullptr).resume();
    }
    Loop& loop_;
    int descriptor_;
    std::uint32_t events_;
    std::coroutine_handle<> caller_;
};

inline ready_for readable(Loop& loop, int descriptor) { return {loop, descriptor, EPOLLIN}; }
inline ready_for writable(Loop& loop, int descriptor) { return {loop, descriptor, EPOLLOUT}; }

/// co_await sleep(loop, 2s). Zero gives every other ready descriptor its turn first.
class sleep final : Timer {
public:
    sleep(Loop& loop, std::chrono::milliseconds time) : sleep{loop, Steady::now() + time} {}
    sleep(Loop& loop, Steady::time_point until) : Timer{loop}, until_{until} {}

    [[nodiscard]] bool await_ready() const noexcept { return false; }
    void await_suspend(std::coroutine_handle<> caller) {
        caller_ = caller;
        arm(until_);
    }
    void await_resume() const noexcept {}

private:
    void due() override { caller_.resume(); }
    Steady::time_point until_;
    std::coroutine_handle<> caller_;
};

/// A flag that one coroutine waits for and anybody may set; waiting consumes it.
class Event final : Timer {
public:
    explicit Event(Loop& loop) : Timer{loop} {}

    void set() {
        set_ = true;
        if (waiter_ && !armed()) arm(Steady::now());
    }
    void clear() noexcept { set_ = false; }
    [[nodiscard]] bool is_set() const noexcept { return set_; }

    /// At most one waiter at a time.
    auto wait() {
        struct Awaiter {
            Event& event;
            bool waiting = false;
            explicit Awaiter(Event& e) : event{e} {}
            Awaiter(const Awaiter&) = delete;
            Awaiter& operator=(const Awaiter&) = delete;
            ~Awaiter() {
                if (waiting) {
                    event.waiter_ = nullptr;
                    event.disarm();
                }
            }
            [[nodiscard]] bool await_ready() const noexcept { return event.set_; }
            void await_suspend(std::coroutine_handle<> caller) noexcept {
                waiting = true;
                event.waiter_ = caller;
            }
            void await_resume() noexcept {
                waiting = false;
                event.set_ = false;
            }
        };
        return Awaiter{*this};
    }

private:
    void due() override {
        if (waiter_) std::exchange(waiter_, nullptr).resume();
    }
    bool set_ = false;
    std::coroutine_handle<> waiter_;
};

/// Runs a task that nobody awaits. Destroying it cancels the task; never from inside the task.
class Job {
public:
    Job() = default;
    explicit Job(Task<void> task) : task_{std::move(task)} { task_.start(); }
    [[nodiscard]] bool running() const noexcept { return task_ && !task_.started_and_done(); }
    void cancel() noexcept { task_.cancel(); }

private:
    Task<void> task_;
};

namespace detail {

template <class A, class B>
class Race {
public:
    Race(Task<A> a, Task<B> b) : a_{store<0>(std::move(a))}, b_{store<1>(std::move(b))} {}

    [[nodiscard]] bool await_ready() const noexcept { return false; }
    bool await_suspend(std::coroutine_handle<> caller) {
        a_.start();
        if (result_) return false;
        b_.start();
        if (result_) return false;
        a_.continue_with(caller);
        b_.continue_with(caller);
        return true;
    }
    std::variant<A, B> await_resume() {
        a_.cancel();
        b_.cancel();
        return std::move(*result_);
    }

private:
    template <std::size_t index, class T>
    Task<void> store(Task<T> work) {
        auto value = co_await std::move(work);
        if (!result_) result_.emplace(std::in_place_index<index>, std::move(value));
    }
    std::optional<std::variant<A, B>> result_;
    Task<void> a_;
    Task<void> b_;
};

}  // namespace detail

// The same waits as tasks, to race them.
inline Task<std::monostate> sleep_task(Loop& loop, Steady::time_point until) {
    co_await sleep(loop, until);
    co_return std::monostate{};
}
inline Task<std::monostate> wait_task(Event& event) {
    co_await event.wait();
    co_return std::monostate{};
}

/// The result of the task that ends first; the other one is cancelled.
template <class A, class B>
Task<std::variant<A, B>> first_of(Task<A> a, Task<B> b) {
    detail::Race<A, B> race{std::move(a), std::move(b)};
    co_return co_await race;
}

/// The one place where a clock races an operation.  @return TIMED_OUT, or the result of the work.
template <class T>
Task<Result<T>> within(Loop& loop, std::chrono::milliseconds limit, Task<Result<T>> work) {
    auto clock = sleep_task(loop, Steady::now() + limit);
    auto race = first_of(std::move(work), std::move(clock));
    auto outcome = co_await std::move(race);
    if (outcome.index() == 0) co_return std::get<0>(std::move(outcome));
    co_return fail(Fault::TIMED_OUT, "no result within " + std::to_string(limit.count()) + " ms");
}

}  // namespace tserver::net
