#include "tests/torture/parts.hpp"

namespace tserver::torture {
namespace {

constexpr std::size_t schedules = 100;  ///< of random pieces and pauses

/// A stream: every position in both directions, each act.
std::vector<Case> of_a_stream(const std::string& part, const std::string& variant, const Extent& extent) {
    std::vector<Case> out;
    for (const auto act : {Act::fin, Act::rst, Act::stall, Act::delay, Act::flip, Act::drop, Act::twice}) {
        for (const auto way : {Way::up, Way::down}) {
            const auto last = way == Way::up ? extent.up : extent.down;
            for (std::size_t at = 0; at <= last; ++at) out.push_back({part, variant, act, way, at});
        }
    }
    out.push_back({part, variant, Act::single, Way::up, 0});
    for (std::size_t seed = 0; seed < schedules; ++seed)
        out.push_back({part, variant, Act::chop, Way::up, seed});
    return out;
}

/// Datagrams: each act on each of them, and each octet of each.
std::vector<Case> of_datagrams(const std::string& part, const std::string& variant, const Extent& extent) {
    std::vector<Case> out;
    for (std::size_t i = 0; i < extent.sizes.size(); ++i) {
        const auto way = i < extent.up ? Way::up : Way::down;
        const auto number = way == Way::up ? i : i - extent.up;
        for (const auto act : {Act::drop, Act::twice, Act::delay, Act::swap, Act::dead})
            out.push_back({part, variant, act, way, number});
        for (const auto act : {Act::flip, Act::cut})
            for (std::size_t octet = 0; octet < extent.sizes[i]; ++octet)
                out.push_back({part, variant, act, way, number, octet});
    }
    for (std::size_t seed = 0; seed < 10 * schedules; ++seed)
        out.push_back({part, variant, Act::chop, Way::up, seed});
    return out;
}

}  // namespace

const std::vector<Part>& parts() {
    static const std::vector<Part> all{
        {"capf",
         {"1.2", "1.3"},
         enrolment_lane,
         [](const auto& variant, const auto& extent) { return of_a_stream("capf", variant, extent); }},
        {"session",
         {"1.2", "1.3"},
         session_lane,
         [](const auto& variant, const auto& extent) { return of_a_stream("session", variant, extent); }},
        {"tftp",
         {"options", "plain"},
         tftp_lane,
         [](const auto& variant, const auto& extent) { return of_datagrams("tftp", variant, extent); }},
    };
    return all;
}

}  // namespace tserver::torture
