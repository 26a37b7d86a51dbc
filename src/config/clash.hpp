// What no two links may share: an instance ID, a listen address.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "config/link_config.hpp"

namespace tserver::config {

struct Clash {
    std::size_t first, second;  ///< indices, first < second
    std::string_view option;    ///< tls-instance-id or listen
    std::string value;          ///< as the second link asks for it
};

/// Every link that wants what an earlier one has, once per option.
std::vector<Clash> clashes(std::span<const LinkConfig> links);

}  // namespace tserver::config
