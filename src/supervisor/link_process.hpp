// One link process as tserver sees it: started, fed with its configuration, watched, stopped, started again.
// What happens when is decided in child_state.hpp; this carries it out.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "config/link_config.hpp"
#include "control/channel.hpp"
#include "control/events.hpp"
#include "log/log.hpp"
#include "net/wait.hpp"
#include "os/spawn.hpp"
#include "supervisor/child_state.hpp"

namespace tserver::supervisor {

/// What every link process shares. Outlives them.
struct Surroundings {
    net::Loop& loop;
    log::Log& log;
    log::Level level;                     ///< for the link processes
    std::optional<StretchedKeys> keys{};  ///< of the passphrase, so that no link process has to make them
    std::string program;                  ///< path of tserver-link
    ChildLimits limits{};
    control::EventLog* events = nullptr;  ///< takes the events of the link processes
    net::Event stopped{loop};             ///< set each time a link process has stopped for good
};

class LinkProcess final : net::Watch, net::Timer {
public:
    LinkProcess(Surroundings& around, config::LinkConfig config);
    /// A process that still runs is killed and reaped.
    ~LinkProcess() override;

    void tell(const ChildEvent& event);  ///< Start, Stop or Restart
    /// A running process hears of it now.
    void configure(config::LinkConfig config);

    [[nodiscard]] const config::LinkConfig& config() const noexcept { return config_; }
    [[nodiscard]] const std::string& name() const noexcept { return config_.name; }
    [[nodiscard]] bool stopped() const noexcept { return std::holds_alternative<Stopped>(state_); }
    [[nodiscard]] std::optional<pid_t> pid() const;
    /// What the process said last, corrected by what we know of the process itself.
    [[nodiscard]] control::LinkStatus status() const;
    /// Takes the exit status if the process has ended.
    void reap();
    /// A running process writes its log to our standard error of now.
    void hand_over_log();

    // Requests to the process; each ends with its answer or at its limit.
    // @return TIMED_OUT, CHILD_DIED, STOPPED (no process runs), and what the link answers
    net::Task<Result<std::string>> enrol(AuthCode code);
    net::Task<Result<std::string>> confirm_trust(bool replace);
    net::Task<Result<std::string>> refresh_trust();

private:
    struct Question {
        explicit Question(net::Loop& loop) : answered{loop} {}
        net::Event answered;
        std::optional<Result<std::string>> outcome;
    };

    void ready(std::uint32_t events) override;  ///< the pidfd
    void due() override;
    void carry_out(Action action);
    [[nodiscard]] control::Configure order() const;
    void spawn();
    Result<void> try_to_spawn();
    void forget_process();
    void settle(control::LinkState state, std::optional<control::Reason> reason);
    void become(control::LinkStatus status);
    [[nodiscard]] control::LinkState first_state() const;
    [[nodiscard]] control::Reason why_it_died() const;
    net::Task<void> receive();
    void take(control::FromLink message);
    net::Task<Result<std::string>> ask(control::ToLink message, std::uint32_t request,
                                       std::chrono::milliseconds limit);
    net::Task<Result<std::string>> outcome_of(Question& question);

    Surroundings& around_;
    config::LinkConfig config_;
    ChildState state_{Stopped{}};
    std::optional<os::Child> child_;
    std::unique_ptr<control::Channel> channel_;
    os::Fd log_socket_;
    net::Job receiver_;
    control::LinkStatus last_;                   ///< what this process said last; before that, what we know
    os::Ended ended_;                            ///< how the last process ended
    std::optional<control::Reason> last_words_;  ///< why, if it could tell
    pid_t last_pid_ = 0;
    unsigned restarts_ = 0;
    std::map<Fault, std::uint64_t> failures_;
    std::uint32_t next_request_ = 1;
    std::map<std::uint32_t, Question*> questions_;
};

}  // namespace tserver::supervisor
