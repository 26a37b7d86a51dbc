#include "link/board.hpp"

namespace tserver::link {

constexpr auto apart = std::chrono::milliseconds{50};
constexpr auto gather = std::chrono::milliseconds{5};  ///< a report does not hold up what it is about

Board::Board(net::Loop& loop, control::Channel& channel, log::Log& log, const config::LinkConfig& config)
    : Timer{loop}, channel_{channel}, log_{log} {
    status_.name = config.name;
    status_.since = wall_now();
    status_.tls = config::security(config) == config::Security::tls;
    if (config.instance_id) status_.instance_id = config.instance_id->str();
    status_.listen = config::listen_on(config).str();
    if (status_.tls) {
        status_.profile = tserver::name(config.tls_profile);
        status_.trust.emplace();
    }
    edit();
}

void Board::enter(control::LinkState state, const std::optional<Error>& reason) {
    auto& status = edit();
    if (status.state != state) {
        status.state = state;
        status.since = wall_now();
    }
    if (control::carries(state)) status.reason.reset();
    if (reason) status.reason = control::Reason{reason->fault, reason->detail};
}

control::LinkStatus& Board::edit() {
    if (!armed()) arm(std::max(Steady::now() + gather, reported_ + apart));
    return status_;
}

void Board::note(const std::string& topic, const std::string& text) {
    if (auto& held = notes_[topic]; held != text) {
        held = text;
        edit();
    }
}

void Board::unnote(const std::string& topic) {
    if (notes_.erase(topic) > 0) edit();
}

void Board::publish() {
    if (!armed()) return;
    disarm();
    due();
}

void Board::report_traffic() {
    if (status_.bytes.to_ctimanager != traffic.to_ctimanager ||
        status_.bytes.to_application != traffic.to_application) {
        due();
    }
}

void Board::due() {
    reported_ = Steady::now();
    status_.bytes = {traffic.to_ctimanager, traffic.to_application};
    status_.counters.unclean_closes = traffic.unclean_closes;
    status_.notes.clear();
    for (const auto& [topic, text] : notes_) status_.notes.push_back(text);
    channel_.send(control::FromLink{control::Report{status_}});
}

}  // namespace tserver::link
