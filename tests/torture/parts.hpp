// The parts of the network torture, and which runs each of them has.
#pragma once

#include <functional>

#include "tests/torture/lane.hpp"

namespace tserver::torture {

struct Part {
    std::string name;
    std::vector<std::string> variants;
    std::function<std::unique_ptr<Lane>(const LaneSetup&)> make;
    std::function<std::vector<Case>(const std::string& variant, const Extent&)> cases;
};

const std::vector<Part>& parts();

}  // namespace tserver::torture
