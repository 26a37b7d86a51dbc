// All links of one configuration: their processes, the reload, and the one status that everybody reads. Opens
// no private key and reads nothing from the network.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "config/config.hpp"
#include "config/plan.hpp"
#include "control/events.hpp"
#include "control/recorder.hpp"
#include "log/log.hpp"
#include "supervisor/link_process.hpp"
#include "supervisor/log_file.hpp"
#include "supervisor/notes.hpp"

namespace tserver::supervisor {

class Supervisor {
public:
    /// @param program  path of tserver-link
    Supervisor(net::Loop& loop, log::Log& log, config::Config config, std::string program);

    ~Supervisor();
    Supervisor(const Supervisor&) = delete;
    Supervisor& operator=(const Supervisor&) = delete;

    void start();
    /// Ends when every link process has, within two seconds.
    net::Task<void> stop();

    /// Reads the file again, plans, and applies all or nothing.
    /// @return the plan that was carried out, or every reason why not; the running links are untouched then
    config::Checked<config::Plan> reload();
    /// Whether a reload would change, refuse or un-refuse anything: not so after a mere touch of the file.
    [[nodiscard]] bool file_says_something_new() const;
    /// The plan for a file, without applying it.
    [[nodiscard]] config::Checked<config::Plan> plan_for(const std::filesystem::path& file) const;

    [[nodiscard]] control::Status status() const;
    [[nodiscard]] control::EventLog& events() noexcept { return events_; }
    [[nodiscard]] const control::Recorder& recorder() const noexcept { return recorder_; }
    [[nodiscard]] const config::Config& config() const noexcept { return config_; }
    [[nodiscard]] unsigned generation() const noexcept { return generation_; }
    /// @return LINK_UNKNOWN, with the names there are
    Result<LinkProcess*> link(std::string_view name);
    /// Takes the exit status of every child that has ended, and of orphans as process 1.
    void reap();

    /// Opens the log file anew, as SIGUSR1 asks for; the link processes get it too. What cannot be opened is
    /// a note in the status and tried again by look_at_log_file().
    void open_log_file();
    /// The same, if the file was renamed or removed, or could not be opened before.
    void look_at_log_file();

    /// What tserver-console says of itself: its address, and why it cannot serve there. It says so again
    /// while that is so.
    void hear_console(std::string_view address, const std::optional<Error>& trouble);
    static constexpr std::chrono::seconds console_word_holds{15};

private:
    [[nodiscard]] bool clashes_with_a_running_link(const config::LinkConfig& wanted) const;
    void apply(const config::Plan& plan);
    net::Task<void> exchange();
    [[nodiscard]] LinkProcess* find(std::string_view name) const;

    net::Loop& loop_;
    log::Log& log_;
    LogFile log_file_;
    unsigned log_openings_ = 0;
    Notes notes_;
    control::Recorder recorder_;
    control::EventLog events_;
    Surroundings around_;
    config::Config config_;   ///< in force
    config::Config in_file_;  ///< as the file was taken last, pending options and all
    bool refused_ = false;    ///< the file as it was read last
    config::Plan pending_;    ///< what waits for a restart
    unsigned generation_ = 1;
    std::vector<std::unique_ptr<LinkProcess>> links_;
    std::vector<LinkProcess*> in_exchange_;  ///< links that take over what another one gives up first
    net::Job exchanging_;
};

/// The log level of the options as the log names it.
log::Level log_level(const config::DaemonConfig& daemon);

}  // namespace tserver::supervisor
