#include "cli/events_command.hpp"

#include "cli/daemon.hpp"
#include "control/events.hpp"

namespace tserver::cli {

namespace json = boost::json;

namespace {

constexpr std::chrono::milliseconds wait_for_more{20'000};
constexpr std::chrono::seconds try_again{1};

class Reader {
public:
    Reader(const Terms& terms, const EventsWanted& wanted)
        : terms_{terms}, wanted_{wanted}, after_{wanted.after}, run_{wanted.run} {}

    int read() {
        for (;;) {
            auto part = next();
            const auto shown = part ? show(*part) : tl::unexpected<Error>(part.error());
            if (!shown && !go_on_after(shown.error())) return say_error(terms_, shown.error());
            if ((shown && !*shown && !wanted_.follow) || !terms_.out) return 0;
        }
    }

private:
    Result<json::object> next() {
        if (!daemon_) {
            TRY(fresh, Daemon::connect(terms_.control));
            daemon_.emplace(std::move(fresh));
        }
        json::object request{{"command", "events"}};
        if (after_) request["after"] = *after_;
        if (!run_.empty()) request["run"] = run_;
        if (wanted_.follow) request["wait_ms"] = wait_for_more.count();
        return daemon_->ask(std::move(request), wait_for_more + Daemon::quick);
    }

    /// @return whether there is more at once
    Result<bool> show(const json::object& part) {
        const auto* run = part.if_contains("run");
        const auto* last = part.if_contains("last");
        const auto* list = part.if_contains("events");
        if (run == nullptr || !run->is_string() || last == nullptr || list == nullptr || !list->is_array())
            return fail(Fault::CONTROL_PROTOCOL, "an answer without run, last and events");
        json::error_code error;
        after_ = last->to_number<std::uint64_t>(error);
        run_.assign(run->get_string().begin(), run->get_string().end());
        for (const auto& value : list->get_array()) {
            TRY(event, control::event_from_json(value));
            if (wanted_.link.empty() || event.link == wanted_.link) show(value, event);
        }
        terms_.out << std::flush;
        told_lost_ = false;
        const auto* more = part.if_contains("more");
        return more != nullptr && *more == json::value(true);
    }

    void show(const json::value& value, const control::Event& event) {
        if (!terms_.json) {
            terms_.out << control::text(event) << '\n';
            return;
        }
        auto line = value.as_object();
        line["run"] = run_;
        terms_.out << json::serialize(line) << '\n';
    }

    /// Following waits for a tserver that is gone, and goes on with the first event of its next run.
    bool go_on_after(const Error& error) {
        const bool began = after_.has_value() && wanted_.follow && after_ != wanted_.after;
        if (!began && !lost_) return false;
        if (error.fault == Fault::DAEMON_UNREACHABLE) {
            if (!std::exchange(told_lost_, true))
                terms_.err << "tserver does not answer; it is asked again every second\n";
            lost_ = true;
            daemon_.reset();
            net::Loop pauses;
            control::result_of(pauses, net::sleep_task(pauses, Steady::now() + try_again));
            return true;
        }
        if (error.fault != Fault::EVENTS_TOO_OLD || !std::exchange(lost_, false)) return false;
        terms_.err << "tserver was started anew: these are its events from the start\n";
        after_.reset();
        run_.clear();
        return true;
    }

    const Terms& terms_;
    const EventsWanted& wanted_;
    std::optional<Daemon> daemon_;
    std::optional<std::uint64_t> after_;
    std::string run_;
    bool lost_ = false;
    bool told_lost_ = false;
};

}  // namespace

int events(const Terms& terms, const EventsWanted& wanted) { return Reader{terms, wanted}.read(); }

}  // namespace tserver::cli
