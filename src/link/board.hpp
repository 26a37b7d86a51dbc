// What the link says of itself: one status, changed in place and reported to tserver, and the log.
#pragma once

#include "config/link_config.hpp"
#include "control/channel.hpp"
#include "log/log.hpp"
#include "log/messages.hpp"
#include "net/relay.hpp"

namespace tserver::link {

/// The status is reported when it has changed, 50 ms after the change at the earliest, so that a burst of
/// changes is one report. Traffic is no change: its counts go along with the next report, or when tserver
/// asks.
class Board final : net::Timer {
public:
    Board(net::Loop& loop, control::Channel& channel, log::Log& log, const config::LinkConfig& config);

    /// Enters a state; `since` changes only when the state does. The reason of the last failure stands until
    /// there is another, or the link carries.
    void enter(control::LinkState state, const std::optional<Error>& reason = {});
    /// For everything else: change it, then say so.
    control::LinkStatus& edit();
    [[nodiscard]] const control::LinkStatus& status() const noexcept { return status_; }

    /// A clause an operator should know, shown until it is taken back by the same topic.
    void note(const std::string& topic, const std::string& text);
    void unnote(const std::string& topic);

    /// Reports now what has not been reported: an answer that follows finds tserver knowing it.
    void publish();
    /// Reports now if traffic has moved since the last report.
    void report_traffic();

    template <class... Fields>
    void log(const log::Message<Fields...>& message, const std::type_identity_t<Fields>&... fields) {
        log_.write(message, fields...);
    }
    [[nodiscard]] log::Name name() const { return {status_.name}; }

    net::RelayCount traffic;

private:
    void due() override;

    control::Channel& channel_;
    log::Log& log_;
    control::LinkStatus status_;
    std::map<std::string, std::string> notes_;
    Steady::time_point reported_{};
};

}  // namespace tserver::link
