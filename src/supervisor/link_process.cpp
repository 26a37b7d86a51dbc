#include "supervisor/link_process.hpp"

#include <fmt/format.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <random>

#include "base/overloaded.hpp"
#include "config/wire.hpp"
#include "log/messages.hpp"
#include "os/hand_over.hpp"

namespace tserver::supervisor {

namespace {

unsigned luck() {
    thread_local std::minstd_rand random{std::random_device{}()};
    return std::uniform_int_distribution{0U, 1000U}(random);
}

constexpr std::chrono::seconds trust_limit{45};

}  // namespace

LinkProcess::LinkProcess(Surroundings& around, config::LinkConfig config)
    : Timer{around.loop}, around_{around}, config_{std::move(config)} {
    settle(control::LinkState::stopped, control::Reason{Fault::STOPPED, "not started yet"});
}

LinkProcess::~LinkProcess() {
    if (!child_) return;
    [[maybe_unused]] const auto sent = child_->signal(SIGKILL);
    ::waitid(P_PID, static_cast<id_t>(child_->pid()), nullptr, WEXITED);
    around_.loop.remove(child_->pidfd(), *this);
}

void LinkProcess::tell(const ChildEvent& event) {
    auto step = next(state_, event, Steady::now(), around_.limits);
    state_ = step.state;
    for (const auto action : step.actions) carry_out(action);
    if (const auto when = supervisor::due(state_, around_.limits)) {
        arm(*when);
    } else {
        disarm();
    }
}

void LinkProcess::due() { tell(Due{}); }

void LinkProcess::ready(std::uint32_t) { reap(); }

void LinkProcess::reap() {
    if (!child_) return;
    const auto ended = child_->reap();
    if (!ended) return;
    ended_ = *ended;
    forget_process();
    tell(Exited{luck()});
}

std::optional<pid_t> LinkProcess::pid() const { return child_ ? std::optional{child_->pid()} : std::nullopt; }

void LinkProcess::carry_out(Action action) {
    auto& log = around_.log;
    switch (action) {
        case Action::spawn: return spawn();
        case Action::count_restart: ++restarts_; return;
        case Action::ask_to_stop: return channel_->send(control::Stop{});
        case Action::ping: return channel_->send(control::Ping{});
        case Action::report_hung: return log.write(log::link_process_hung, {name()});
        case Action::terminate:
        case Action::kill:
            // A process that cannot be signalled has ended; the pidfd says so next.
            if (child_ && !child_->signal(action == Action::kill ? SIGKILL : SIGTERM)) return;
            return;
        case Action::report_stopped:
            if (last_pid_ != 0) log.write(log::link_process_stopped, {name()}, {last_pid_}, {ended_.text()});
            settle(control::LinkState::stopped, control::Reason{Fault::STOPPED, "by the operator"});
            return around_.stopped.set();
        case Action::report_died: {
            const auto& waiting = std::get<Waiting>(state_);
            const auto wait = std::chrono::ceil<std::chrono::milliseconds>(waiting.until - Steady::now());
            log.write(log::link_process_died, {name()}, {ended_.text()}, {wait});
            auto why = why_it_died();
            if (waiting.failures > 1) why.detail += fmt::format(", {} times in a row", waiting.failures);
            return settle(control::LinkState::waiting, std::move(why));
        }
    }
}

/// A process without memory cannot tell: its exit code does.
control::Reason LinkProcess::why_it_died() const {
    if (last_words_) return *last_words_;
    const bool no_memory = !ended_.by_signal && ended_.value == row(Fault::OUT_OF_RESOURCES).exit_code;
    return {no_memory ? Fault::OUT_OF_RESOURCES : Fault::CHILD_DIED, ended_.text()};
}

void LinkProcess::spawn() {
    if (std::get<Starting>(state_).failures == 0) settle(first_state(), std::nullopt);
    if (const auto done = try_to_spawn(); !done) {
        around_.log.write(log::link_process_failed, {name()}, {done.error().fault}, {done.error().detail});
        ended_ = {false, 127};
        tell(Exited{luck()});
        settle(control::LinkState::waiting, control::Reason{done.error().fault, done.error().detail});
    }
}

Result<void> LinkProcess::try_to_spawn() {
    TRY(ends, control::channel_pair());
    TRY(log_ends, control::log_pair());
    const os::Program program{.path = around_.program,
                              .arguments = {name()},
                              .descriptors = {{ends.second.get(), control::channel_descriptor},
                                              {log_ends.second.get(), control::log_descriptor}},
                              .environment = os::inherited_environment()};
    TRY(child, os::spawn(program));
    last_words_.reset();
    last_pid_ = child.pid();
    child_.emplace(std::move(child));
    around_.loop.add(child_->pidfd(), *this, EPOLLIN);
    channel_ = std::make_unique<control::Channel>(around_.loop, std::move(ends.first));
    log_socket_ = std::move(log_ends.first);
    channel_->send(order());
    receiver_ = net::Job{receive()};
    around_.log.write(log::link_process_started, {name()}, {last_pid_});
    return {};
}

control::Configure LinkProcess::order() const {
    auto link = config_;
    link.keys = around_.keys;
    return {around_.level, config::encode(link)};
}

/// Never from inside the receiver.
void LinkProcess::forget_process() {
    around_.loop.remove(child_->pidfd(), *this);
    child_.reset();
    receiver_ = {};
    channel_.reset();
    log_socket_.reset();
    for (auto& [number, question] : questions_) {
        if (question->outcome) continue;
        question->outcome = fail(Fault::CHILD_DIED, ended_.text());
        question->answered.set();
    }
}

void LinkProcess::configure(config::LinkConfig config) {
    config_ = std::move(config);
    const bool listens = std::holds_alternative<Starting>(state_) || std::holds_alternative<Running>(state_);
    if (listens) channel_->send(order());
}

void LinkProcess::hand_over_log() {
    // A process that does not take it has ended, or is killed for its silence.
    if (log_socket_) [[maybe_unused]]
        const auto done = os::hand_over(log_socket_.get(), STDERR_FILENO);
}

net::Task<void> LinkProcess::receive() {
    for (;;) {
        auto frame = co_await channel_->receive();
        if (!frame || !*frame) break;
        auto message = control::from_link(**frame);
        if (!message) break;
        tell(Heard{});
        take(*std::move(message));
    }
    tell(Lost{});
}

void LinkProcess::take(control::FromLink message) {
    std::visit(overloaded{
                   [&](control::Ready&) { tell(Ready{}); },
                   [&](control::Report& report) {
                       if (!std::holds_alternative<Stopping>(state_)) become(std::move(report.status));
                   },
                   [](control::Pong&) {},
                   [&](control::LastWords& words) {
                       last_words_ = control::Reason{words.why.fault, std::move(words.why.detail)};
                   },
                   [&](control::Logged& logged) {
                       logged.event.link = name();
                       if (around_.events != nullptr) around_.events->add(std::move(logged.event));
                   },
                   [&](control::Answer& answer) {
                       const auto at = questions_.find(answer.request);
                       if (at == questions_.end() || at->second->outcome) return;
                       at->second->outcome = std::move(answer.outcome);
                       at->second->answered.set();
                   },
               },
               message);
}

control::LinkState LinkProcess::first_state() const {
    switch (config::security(config_)) {
        case config::Security::tls: return control::LinkState::trust;
        case config::Security::plain: return control::LinkState::connecting;
        case config::Security::down: break;
    }
    return control::LinkState::disabled;
}

/// What is true of a link without a running session; its identity and trust list are still what they were.
void LinkProcess::settle(control::LinkState state, std::optional<control::Reason> reason) {
    control::LinkStatus now;
    now.name = name();
    now.state = state;
    now.since = wall_now();
    now.tls = config::security(config_) == config::Security::tls;
    if (config_.instance_id) now.instance_id = config_.instance_id->str();
    now.listen = config::listen_on(config_).str();
    now.reason = std::move(reason);
    if (now.tls) {
        now.identity = std::move(last_.identity);
        now.trust = std::move(last_.trust);
        now.profile = last_.profile;
    }
    if (last_.application.connected) now.application.since = now.since;
    become(std::move(now));
}

/// Takes the status, and tells where the state or its reason is another one.
void LinkProcess::become(control::LinkStatus status) {
    using control::LinkState;
    const auto from = last_.state;
    const bool first = last_.name.empty();
    const bool same = from == status.state && last_.reason == status.reason;
    const bool failed = status.state == LinkState::waiting || status.state == LinkState::stopped;
    const bool news = failed || last_.reason != status.reason;
    last_ = std::move(status);
    if (same || first) return;
    const auto reason = news ? last_.reason : std::nullopt;
    if (failed && reason && reason->fault != Fault::STOPPED) ++failures_[reason->fault];
    around_.log.write(log::link_state, {name()}, {text(from)}, {text(last_.state)},
                      {reason ? id(reason->fault) : "none"}, {reason ? reason->detail : ""});
}

control::LinkStatus LinkProcess::status() const {
    auto out = last_;
    out.name = name();
    out.restarts = restarts_;
    out.pid = pid();
    out.failures = failures_;
    return out;
}

net::Task<Result<std::string>> LinkProcess::enrol(AuthCode code) {
    const auto request = next_request_++;
    const control::ToLink message = control::Enrol{request, std::move(code)};
    const auto limit = config_.enrol_timeout + config_.tftp_timeout + std::chrono::seconds{5};
    co_return co_await ask(message, request, limit);
}

net::Task<Result<std::string>> LinkProcess::confirm_trust(bool replace) {
    const auto request = next_request_++;
    const control::ToLink message = control::ConfirmTrust{request, replace};
    co_return co_await ask(message, request, trust_limit);
}

net::Task<Result<std::string>> LinkProcess::refresh_trust() {
    const auto request = next_request_++;
    const control::ToLink message = control::RefreshTrust{request};
    co_return co_await ask(message, request, trust_limit);
}

net::Task<Result<std::string>> LinkProcess::ask(control::ToLink message, std::uint32_t request,
                                                std::chrono::milliseconds limit) {
    if (!channel_) co_return fail(Fault::STOPPED, fmt::format("no process of link {} runs", name()));
    struct Registered {
        std::map<std::uint32_t, Question*>& all;
        std::uint32_t number;
        ~Registered() { all.erase(number); }
    };
    Question question{around_.loop};
    questions_[request] = &question;
    const Registered registered{questions_, request};
    channel_->send(message);
    auto work = outcome_of(question);
    co_return co_await net::within(around_.loop, limit, std::move(work));
}

net::Task<Result<std::string>> LinkProcess::outcome_of(Question& question) {
    co_await question.answered.wait();
    co_return *std::move(question.outcome);
}

}  // namespace tserver::supervisor
