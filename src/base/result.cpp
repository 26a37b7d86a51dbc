#include "base/result.hpp"

#include <fmt/format.h>

namespace tserver {

std::string Error::text() const {
    const auto& r = row(fault);
    auto out = fmt::format("{}: {}", r.id, r.meaning);
    if (!detail.empty()) out += fmt::format(" ({})", detail);
    if (!during.empty()) out += fmt::format(" during {}", during);
    return out;
}

}  // namespace tserver
