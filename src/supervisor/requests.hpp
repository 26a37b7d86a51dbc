// What tserver answers on its control socket. One object asks, one answers (control/socket.hpp); commands:
//
//   {"command":"status"}                                 → "status": the status model
//   {"command":"events","run":R,"after":n,"wait_ms":t}   → see control/events.hpp
//   {"command":"history","link":L}                       → "steps": the last events of the link, folded
//                                                          (control/recorder.hpp)
//   {"command":"reload"}                                 → "generation", and "plan" and "text" as below
//   {"command":"plan","file":F}                          → "plan": config::plan_json(), "text": for people
//   {"command":"link","link":L,"do":"start|stop|restart"}  → "state" of the link afterwards
//   {"command":"enrol","link":L,"code":C}                → "text"; answered when the certificate is stored
//   {"command":"trust_confirm","link":L,"replace":B}     → "text"
//   {"command":"trust_refresh","link":L}                 → "text"
//   {"command":"console","address":A,"trouble":E}        → remembered for the status
//   (Supervisor::hear_console); E is
//                                                          null, or {"fault","detail"}
//
// A file that is refused is answered with "problems" beside "error".
#pragma once

#include "control/socket.hpp"
#include "os/notify.hpp"
#include "supervisor/supervisor.hpp"

namespace tserver::supervisor {

class Requests final : public control::Responder {
public:
    Requests(Supervisor& supervisor, log::Log& log, const os::Notify& notify)
        : supervisor_{supervisor}, log_{log}, notify_{notify} {}

    net::Task<boost::json::object> answer(boost::json::object request) override;

    /// Also for SIGHUP and a changed file: tells the service manager around it.
    config::Checked<config::Plan> reload();

private:
    [[nodiscard]] boost::json::object status() const;
    [[nodiscard]] Result<boost::json::object> history(const boost::json::object& request) const;
    boost::json::object answer_reload();
    [[nodiscard]] boost::json::object answer_plan(const boost::json::object& request) const;
    Result<boost::json::object> answer_link(const boost::json::object& request);
    Result<boost::json::object> hear_console(const boost::json::object& request);
    net::Task<Result<std::string>> pass_on(std::string command, boost::json::object request);

    Supervisor& supervisor_;
    log::Log& log_;
    const os::Notify& notify_;
};

/// One line for `systemctl status`: "3 of 4 links up".
std::string one_line(const control::Status& status);

}  // namespace tserver::supervisor
