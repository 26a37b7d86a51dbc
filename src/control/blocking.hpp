// For programs that do one thing at a time: runs the loop until a task is done.
#pragma once

#include "net/wait.hpp"

namespace tserver::control {

template <class T>
T result_of(net::Loop& loop, net::Task<T> task) {
    task.start();
    while (!task.started_and_done()) loop.turn(std::chrono::milliseconds::max());
    return task.take();
}

}  // namespace tserver::control
