// What the simulator tells on standard error: one line per event.
#pragma once

#include <mutex>
#include <ostream>
#include <string_view>

#include "base/time.hpp"

namespace tserver::sim {

class Notes {
public:
    explicit Notes(std::ostream& out) : out_{out} {}

    /// @param part  tftp, capf, cti, list, control, …
    void line(std::string_view part, std::string_view text) {
        const auto when = rfc3339_ms(std::chrono::system_clock::now());
        const std::lock_guard lock{mutex_};
        out_ << when << ' ' << part << ' ' << text << '\n' << std::flush;
    }

private:
    std::mutex mutex_;
    std::ostream& out_;
};

}  // namespace tserver::sim
