// The console's port: listened to now, or as soon as whoever has it leaves it (F100). Meanwhile tserver is
// told, so that its status shows what is missing; the links have nothing to do with it.
#pragma once

#include <string>

#include "net/tcp.hpp"
#include "os/notify.hpp"

namespace tserver::console {

struct Place {
    net::Address address;
    std::string control;  ///< control socket of tserver
};

/// @return what no waiting mends: PERMISSION, CONFIG_VALUE
net::Task<Result<os::Fd>> listen_when_free(net::Loop& loop, Place at, const os::Notify& notify);

}  // namespace tserver::console
