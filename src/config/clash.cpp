#include "config/clash.hpp"

#include <algorithm>
#include <map>

#include "config/values.hpp"

namespace tserver::config {

std::vector<Clash> clashes(std::span<const LinkConfig> links) {
    std::vector<Clash> out;
    std::map<std::string_view, std::size_t> owner;
    std::vector<Listener> listeners;
    for (std::size_t i = 0; i < links.size(); ++i) {
        if (const auto& id = links[i].instance_id) {
            const auto [at, is_new] = owner.try_emplace(id->str(), i);
            if (!is_new) out.push_back({at->second, i, "tls-instance-id", id->str()});
        }
        const auto endpoint = listen_on(links[i]);
        const auto listener = listener_of(endpoint);
        const auto taken =
            std::ranges::find_if(listeners, [&](const auto& l) { return overlap(l, listener); });
        if (taken != listeners.end()) {
            out.push_back({static_cast<std::size_t>(taken - listeners.begin()), i, "listen", endpoint.str()});
        }
        listeners.push_back(listener);
    }
    return out;
}

}  // namespace tserver::config
