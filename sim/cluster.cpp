#include "sim/cluster.hpp"

#include <fmt/format.h>

#include "base/text.hpp"

namespace tserver::sim {
namespace {

/// Address of a node as the list shows it.
Bytes listed_address(const Settings& settings, std::size_t node) {
    if (node < settings.cti_tls.size()) return settings.cti_tls[node].octets();
    if (node < settings.cti.size()) return settings.cti[node].octets();
    return settings.capf ? settings.capf->octets() : Bytes{127, 0, 0, 1};
}

}  // namespace

Result<void> Cluster::open() {
    std::error_code error;
    std::filesystem::create_directories(settings.state / "pki", error);
    if (settings.record) std::filesystem::create_directories(*settings.record, error);
    if (error) return fail(Fault::STORE_IO, settings.state.string() + ": " + error.message());
    std::vector<Node> nodes;
    for (std::size_t n = 0; n < settings.nodes(); ++n)
        nodes.push_back({n == 0 ? "cucm-pub" : fmt::format("cucm-sub{}", n), listed_address(settings, n)});
    for (const auto& fault : settings.faults) CHECK(faults.set(fault));
    CHECK(authority.open(settings.state / "pki", std::move(nodes)));
    CHECK(profiles.open(settings.state / "cluster.json", settings.rules));
    for (const auto& profile : settings.profiles) profiles.set_at_start(profile);
    return {};
}

std::optional<Bytes> Cluster::file(const std::string& name) {
    for (const auto& [served, path] : settings.served)
        if (lower_case(served) == lower_case(name))
            if (const auto content = read_file(path)) return to_bytes(as_bytes(*content));
    return authority.file(name);
}

}  // namespace tserver::sim
