// What an operator should know of tserver itself, beside the links: shown in the status, and `tserverctl
// status
// --check` fails while there is any.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/time.hpp"

namespace tserver::supervisor {

/// One clause for each topic.
class Notes {
public:
    /// @param until  forgotten then, unless it is said again; nothing = until it is taken back
    void set(const std::string& topic, std::string text, std::optional<Steady::time_point> until = {}) {
        notes_[topic] = {std::move(text), until};
    }
    void clear(const std::string& topic) { notes_.erase(topic); }
    [[nodiscard]] bool has(const std::string& topic, Steady::time_point now = Steady::now()) const {
        const auto at = notes_.find(topic);
        return at != notes_.end() && at->second.holds(now);
    }
    [[nodiscard]] std::vector<std::string> texts(Steady::time_point now = Steady::now()) const {
        std::vector<std::string> out;
        for (const auto& [topic, note] : notes_)
            if (note.holds(now)) out.push_back(note.text);
        return out;
    }

private:
    struct Note {
        std::string text;
        std::optional<Steady::time_point> until;
        [[nodiscard]] bool holds(Steady::time_point now) const { return !until || now < *until; }
    };
    std::map<std::string, Note> notes_;
};

}  // namespace tserver::supervisor
