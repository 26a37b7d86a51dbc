// Writes lines "time level id text key=value …" to a descriptor; a line that repeats is counted, not
// repeated.
#pragma once

#include <chrono>
#include <map>
#include <span>
#include <string>

#include "base/time.hpp"
#include "log/message.hpp"

namespace tserver::log {

/// Hears of every event (is_event() in messages.hpp), whatever the level of the log is.
class Listener {
public:
    /// @param repeated  equal ones since the last that was told, not counted is this one
    virtual void logged(const Row& row, std::span<const Field> fields, unsigned repeated) = 0;

protected:
    ~Listener() = default;
};

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
        if (!wanted(message.row)) return;
        std::array<Field, sizeof...(Fields)> all{};
        std::size_t i = 0;
        ((all[i] = Field{message.keys[i], shown(fields), std::is_same_v<Fields, Number>}, ++i), ...);
        line(message.row, all);
    }

    [[nodiscard]] bool writes(Level level) const noexcept { return level <= setup_.most; }
    void set_level(Level most) noexcept { setup_.most = most; }
    /// The descriptor leads somewhere else now.
    void set_journal(bool journal) noexcept { setup_.journal = journal; }
    /// @param listener  outlives the log, or is taken back with nullptr
    void listen(Listener* listener) noexcept { listener_ = listener; }

private:
    struct Seen {
        Steady::time_point first;
        unsigned suppressed = 0;
    };
    [[nodiscard]] bool wanted(const Row& row) const noexcept;
    void line(const Row& row, std::span<const Field> fields);
    void emit(const Row& row, std::span<const Field> fields, unsigned repeated);

    Setup setup_;
    Listener* listener_ = nullptr;
    std::map<std::string, Seen> recent_;  ///< alarms and standard lines of the last minute
};

}  // namespace tserver::log
