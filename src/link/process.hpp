// The link process: takes its configuration and the operator's requests from tserver over the inherited
// channel, and ends with it.
#pragma once

#include "link/life.hpp"

namespace tserver::link {

class Process final : log::Listener {
public:
    Process(net::Loop& loop, os::Fd channel, log::Log& log, std::string name, Steady::time_point started);
    ~Process();
    Process(const Process&) = delete;
    Process& operator=(const Process&) = delete;

    /// Until tserver says stop, or is gone.  @return the exit code
    net::Task<int> run();

private:
    void logged(const log::Row& row, std::span<const log::Field> fields, unsigned repeated) override;
    int give_up(const Error& why);
    net::Task<Result<bool>> take(control::Frame frame);
    Result<void> configure(const control::Configure& order);
    Result<void> confine(const config::LinkConfig& config);
    void use(config::LinkConfig config);
    net::Task<void> use_after_enrolment();
    net::Task<void> finish_enrolment();
    template <class Request>
    void answer_later(std::uint32_t request, Request work);

    net::Loop& loop_;
    control::Channel channel_;
    log::Log& log_;
    std::string name_;
    Steady::time_point started_;
    std::string confinement_;  ///< what the sandbox lacks on this machine
    crypto::KeyMemory key_memory_{};
    std::unique_ptr<Board> board_;
    std::unique_ptr<Life> life_;
    std::optional<config::LinkConfig> next_;  ///< waits for the end of an enrolment (F99)
    net::Job changing_;
    std::vector<net::Job> answering_;
};

}  // namespace tserver::link
