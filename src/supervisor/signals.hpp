// Signals as something a coroutine waits for.
#pragma once

#include <initializer_list>

#include "net/wait.hpp"
#include "os/fd.hpp"

namespace tserver::supervisor {

class Signals {
public:
    /// Blocks the signals for this thread and those it starts; call it before any other thread exists.
    /// @return OUT_OF_RESOURCES
    static Result<Signals> take(net::Loop& loop, std::initializer_list<int> numbers);

    /// The number of the next signal.
    net::Task<int> next();

private:
    Signals(net::Loop& loop, os::Fd file) : loop_{&loop}, file_{std::move(file)} {}
    net::Loop* loop_;
    os::Fd file_;
};

/// As process 1 of a container we inherit every orphan: reaps those that `is_ours` does not claim (F78).
void reap_orphans(bool (*is_ours)(pid_t, void*), void* context);

}  // namespace tserver::supervisor
