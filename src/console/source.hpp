// What the console knows of tserver: asked for over the control socket, never more often than it changes.
#pragma once

#include <boost/json.hpp>
#include <string>

#include "console/metrics.hpp"
#include "control/socket.hpp"

namespace tserver::console {

class Source {
public:
    static constexpr std::chrono::milliseconds limit{3'000};  ///< for tserver to answer
    static constexpr std::chrono::milliseconds fresh{250};    ///< an answer serves every request of this time

    Source(net::Loop& loop, std::string control) : loop_{loop}, control_{std::move(control)} {}

    struct Snapshot {
        boost::json::value json;
        control::Status status;
    };
    /// The status as it is now.  @return DAEMON_UNREACHABLE, PERMISSION, TIMED_OUT, CONTROL_PROTOCOL
    net::Task<Result<Snapshot>> status();
    [[nodiscard]] const Expiries& expiries() const noexcept { return expiries_; }

    /// The next events after the cursor, as control/events.hpp has them.
    /// @param client  the follower's own connection; made when there is none, let go after a failure
    net::Task<Result<boost::json::object>> events(std::optional<control::Client>& client,
                                                  control::EventCursor after, std::chrono::milliseconds wait);

private:
    net::Task<Result<Snapshot>> ask();

    net::Loop& loop_;
    std::string control_;
    std::optional<Snapshot> last_;
    Steady::time_point taken_{};
    Expiries expiries_;
};

}  // namespace tserver::console
