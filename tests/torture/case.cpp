#include "tests/torture/case.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "base/text.hpp"

namespace tserver::torture {
namespace {

std::optional<std::size_t> number(std::string_view text) {
    std::size_t out = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
    if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
    return out;
}

}  // namespace

std::string name(const Case& run) {
    auto out = fmt::format("{}/{}/{}/{}/{}", run.part, run.variant, name(run.act), name(run.way), run.at);
    if (run.octet > 0) out += fmt::format(".{}", run.octet);
    return out;
}

std::optional<Case> case_named(std::string_view text) {
    const auto fields = split(text, '/');
    if (fields.size() != 5) return std::nullopt;
    const auto* act = std::ranges::find(act_names, fields[2]);
    if (act == act_names.end() || (fields[3] != "up" && fields[3] != "down")) return std::nullopt;
    const auto place = split(fields[4], '.');
    const auto at = number(place.front());
    const auto octet = place.size() > 1 ? number(place[1]) : std::optional<std::size_t>{0};
    if (!at || !octet) return std::nullopt;
    return Case{std::string{fields[0]},
                std::string{fields[1]},
                static_cast<Act>(act - act_names.begin()),
                fields[3] == "up" ? Way::up : Way::down,
                *at,
                *octet};
}

}  // namespace tserver::torture
