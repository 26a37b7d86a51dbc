// What a link does that needs memory, each as something that can be done again and again in one process.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "tests/torture/cluster_process.hpp"

namespace tserver::torture {

/// Without a value it was done; otherwise the name of the fault.
using Done = std::optional<std::string>;

struct Operation {
    std::string name;
    /// A coroutine: where an operator new fails in it, the process ends (os::end_when_memory_is_gone).
    bool coroutine = false;
    std::function<void()> before;  ///< the state that each run begins with
    std::function<Done()> run;     ///< holds nothing when it returns
    std::function<Done()> look;    ///< afterwards, with all memory: is everything there that has to be?
};

/// @param folder  an empty one, for stores and files. The cluster and the folder outlive what is returned.
std::vector<Operation> operations(ClusterProcess& cluster, const std::filesystem::path& folder);

}  // namespace tserver::torture
