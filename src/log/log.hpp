// Writes lines "time level id text key=value …" to a descriptor; a line that repeats is counted, not
// repeated.
#pragma once

#include <chrono>
#include <map>
#include <string>

#include "base/time.hpp"
#include "log/message.hpp"

namespace tserver::log {

class Log {
public:
    struct Setup {
        int descriptor = 2;               ///< not owned
        Level most = Level::interaction;  ///< the last level that is written
        bool journal = false;             ///< begin lines with "<n>" for the journal and leave the time to it
    };
    explicit Log(Setup setup) : setup_{setup} {}

    template <class... Fields>
    void write(const Message<Fields...>& message, const std::type_identity_t<Fields>&... fields) {
        if (message.row.level > setup_.most) return;
        std::string tail;
        std::size_t i = 0;
        ((tail += ' ', tail += message.keys[i++], tail += '=', tail += render(fields)), ...);
        line(message.row, tail);
    }

    [[nodiscard]] bool writes(Level level) const noexcept { return level <= setup_.most; }
    void set_level(Level most) noexcept { setup_.most = most; }

private:
    struct Seen {
        Steady::time_point first;
        unsigned suppressed = 0;
    };
    void line(const Row& row, const std::string& tail);
    void emit(const Row& row, const std::string& tail);

    Setup setup_;
    std::map<std::string, Seen> recent_;  ///< alarms and standard lines of the last minute
};

}  // namespace tserver::log
