// Pages under doc/ that a program writes from its tables.
#pragma once

#include <fstream>
#include <sstream>
#include <string>

namespace tserver::test {

/// The page as it is committed, e.g. "faults.md".
inline std::string committed_page(const std::string& name) {
    std::ifstream file{TSERVER_TEST_DATA "/../../doc/" + name};
    std::ostringstream text;
    text << file.rdbuf();
    return text.str();
}

}  // namespace tserver::test
