// Task<T>: a coroutine that is owned by whoever awaits it. It starts when awaited; destroying it while it
// waits cancels it, and with it everything it awaits. Exceptions are bugs here and end the process.
#pragma once

#include <coroutine>
#include <exception>
#include <optional>
#include <utility>

namespace tserver::net {

template <class T>
class Task;

namespace detail {

struct PromiseBase {
    struct Final {
        [[nodiscard]] bool await_ready() const noexcept { return false; }
        template <class Promise>
        std::coroutine_handle<> await_suspend(std::coroutine_handle<Promise> done) const noexcept {
            return done.promise().continuation;
        }
        void await_resume() const noexcept {}
    };
    std::suspend_always initial_suspend() noexcept { return {}; }
    Final final_suspend() noexcept { return {}; }
    [[noreturn]] void unhandled_exception() noexcept { std::terminate(); }

    std::coroutine_handle<> continuation = std::noop_coroutine();
};

template <class T>
struct Promise : PromiseBase {
    Task<T> get_return_object() noexcept;
    template <class U>
    void return_value(U&& result) {
        value.emplace(std::forward<U>(result));
    }
    T result() { return std::move(*value); }
    std::optional<T> value;
};

template <>
struct Promise<void> : PromiseBase {
    Task<void> get_return_object() noexcept;
    void return_void() noexcept {}
    void result() noexcept {}
};

}  // namespace detail

template <class T>
class [[nodiscard]] Task {
public:
    using promise_type = detail::Promise<T>;
    using Handle = std::coroutine_handle<promise_type>;

    Task() = default;
    explicit Task(Handle handle) : handle_{handle} {}
    Task(Task&& other) noexcept : handle_{std::exchange(other.handle_, {})} {}
    Task& operator=(Task&& other) noexcept {
        if (this != &other) {
            cancel();
            handle_ = std::exchange(other.handle_, {});
        }
        return *this;
    }
    Task(const Task&) = delete;
    Task& operator=(const Task&) = delete;
    ~Task() { cancel(); }

    auto operator co_await() && noexcept {
        struct Awaiter {
            Handle handle;
            [[nodiscard]] bool await_ready() const noexcept { return false; }
            // No symmetric transfer into the task: one that ends without waiting returns here, so that a loop
            // over such tasks uses no stack, whether or not the compiler makes tail calls.
            bool await_suspend(std::coroutine_handle<> caller) noexcept {
                handle.resume();
                if (handle.done()) return false;
                handle.promise().continuation = caller;
                return true;
            }
            T await_resume() { return handle.promise().result(); }
        };
        return Awaiter{handle_};
    }

    // For owners that are no coroutine themselves: run until the first wait, ask, and be told.
    void start() { handle_.resume(); }
    [[nodiscard]] bool started_and_done() const noexcept { return handle_ && handle_.done(); }
    void continue_with(std::coroutine_handle<> next) noexcept { handle_.promise().continuation = next; }
    T take() { return handle_.promise().result(); }
    explicit operator bool() const noexcept { return static_cast<bool>(handle_); }
    /// Not from inside the task itself.
    void cancel() noexcept {
        if (handle_) std::exchange(handle_, {}).destroy();
    }

private:
    Handle handle_;
};

template <class T>
Task<T> detail::Promise<T>::get_return_object() noexcept {
    return Task<T>{std::coroutine_handle<Promise<T>>::from_promise(*this)};
}
inline Task<void> detail::Promise<void>::get_return_object() noexcept {
    return Task<void>{std::coroutine_handle<Promise<void>>::from_promise(*this)};
}

}  // namespace tserver::net
