// The key pair that CAPF asks for, made.
#pragma once

#include "capf/key_spec.hpp"
#include "net/task.hpp"

namespace tserver::net {
class Loop;
}

namespace tserver::capf {

using net::Task;

/// Makes the pair on a thread of its own: seconds for a large RSA key.  @return INTERNAL
Task<Result<crypto::PrivateKey>> make_key(net::Loop& loop, KeySpec spec);

}  // namespace tserver::capf
