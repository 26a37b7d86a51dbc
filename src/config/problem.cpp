#include "config/problem.hpp"

#include <fmt/format.h>

namespace tserver::config {

std::string Place::str() const {
    if (line == 0) return file;
    return column == 0 ? fmt::format("{}:{}", file, line) : fmt::format("{}:{}:{}", file, line, column);
}

std::string Problem::str() const {
    auto out = fmt::format("{}: {}", at.str(), text);
    if (other) out += fmt::format("\n    see also: {}", other->str());
    if (!remedy.empty()) out += fmt::format("\n    remedy: {}", remedy);
    return out;
}

}  // namespace tserver::config
