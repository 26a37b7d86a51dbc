#include "supervisor/supervisor.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>

#include "base/text.hpp"
#include "config/clash.hpp"
#include "log/messages.hpp"
#include "os/process.hpp"
#include "store/identity_store.hpp"
#include "supervisor/signals.hpp"

namespace tserver::supervisor {

namespace {

config::Problems problems_of(const config::Plan& plan, const std::string& file) {
    config::Problems out;
    for (const auto& change : plan.changes) {
        if (change.effect != config::Effect::refused) continue;
        out.push_back({Fault::CONFIG_CONFLICT,
                       {file},
                       fmt::format("{}: {}: {}", change.link, change.option, change.reason),
                       "restart tserver to take these changes together, or make them one after the other",
                       {}});
    }
    return out;
}

/// "a: tls-instance-id (link_reset), b: tls-capf-host (restart)"
std::string summary(const config::Plan& plan) {
    std::string out;
    for (const auto& change : plan.changes) {
        if (!out.empty()) out += ", ";
        out += fmt::format("{}: {} ({})", change.link.empty() ? "tserver" : change.link, change.option,
                           config::text(change.effect));
    }
    return out.empty() ? "none" : out;
}

/// Passphrase and store are the same for all links, and stay so until the restart. Where nothing can be made,
/// each link finds that out and says why.
std::optional<StretchedKeys> keys_of_all(const config::Config& config) {
    const auto link = std::ranges::find_if(config.links, config::tls_on);
    if (link == config.links.end()) return std::nullopt;
    auto keys = store::keys_for(link->store.string(), *link->passphrase);
    return keys ? std::optional{*std::move(keys)} : std::nullopt;
}

}  // namespace

log::Level log_level(const config::DaemonConfig& daemon) { return static_cast<log::Level>(daemon.log_level); }
static_assert(static_cast<int>(config::LogLevel::alarm) == static_cast<int>(log::Level::alarm) &&
              static_cast<int>(config::LogLevel::debug) == static_cast<int>(log::Level::debug));

Supervisor::Supervisor(net::Loop& loop, log::Log& log, config::Config config, std::string program)
    : loop_{loop},
      log_{log},
      events_{loop, recorder_},
      around_{.loop = loop,
              .log = log,
              .level = log_level(config.daemon),
              .keys = keys_of_all(config),
              .program = std::move(program),
              .limits = limits_for(config.links.size()),
              .events = &events_},
      config_{std::move(config)},
      in_file_{config_} {
    log_.listen(&events_);
    for (const auto& link : config_.links) links_.push_back(std::make_unique<LinkProcess>(around_, link));
}

Supervisor::~Supervisor() { log_.listen(nullptr); }

void Supervisor::open_log_file() {
    const auto& wanted = config_.daemon.log_file;
    const bool was_file = !log_file_.path().empty();
    if (auto done = log_file_.use(wanted); !done) {
        const auto& error = done.error();
        notes_.set("log-file", fmt::format("the log file cannot be opened, the log stays where it was: {}",
                                           error.detail));
        return log_.write(log::log_file_failed, {wanted.string()}, {error.fault}, {error.detail});
    }
    notes_.clear("log-file");
    if (wanted.empty() && !was_file) return;
    log_.set_journal(os::journal_reads_stderr());
    for (const auto& link : links_) link->hand_over_log();
    // The number makes it another line each time: the first of a new file is never left out as a repeated
    // one.
    log_.write(log::log_file_opened, {wanted.empty() ? "standard error" : wanted.string()},
               {++log_openings_});
}

void Supervisor::look_at_log_file() {
    if (config_.daemon.log_file != log_file_.path() || !log_file_.in_place()) open_log_file();
}

void Supervisor::hear_console(std::string_view address, const std::optional<Error>& trouble) {
    const bool known = notes_.has("console");
    if (!trouble) {
        notes_.clear("console");
        if (known) log_.write(log::console_serves, {address});
        return;
    }
    notes_.set("console",
               fmt::format("tserver-console cannot serve http://{}: {}: {}", escape(address, 80),
                           id(trouble->fault), trouble->detail),
               Steady::now() + console_word_holds);
    if (!known) log_.write(log::console_degraded, {address}, {trouble->fault}, {trouble->detail});
}

void Supervisor::start() {
    for (const auto& link : links_) link->tell(Start{});
}

net::Task<void> Supervisor::stop() {
    exchanging_.cancel();
    for (const auto& link : links_) link->tell(Stop{});
    while (!std::ranges::all_of(links_, [](const auto& link) { return link->stopped(); }))
        co_await around_.stopped.wait();
}

config::Checked<config::Plan> Supervisor::plan_for(const std::filesystem::path& file) const {
    auto fresh = config::load(file);
    if (!fresh) return tl::unexpected(std::move(fresh).error());
    return config::plan(config_, *fresh);
}

config::Checked<config::Plan> Supervisor::reload() {
    auto fresh = config::load(config_.source);
    config::Checked<config::Plan> planned;
    if (fresh)
        planned = config::plan(config_, *fresh);
    else
        planned = tl::unexpected(fresh.error());
    if (planned && planned->refused()) planned = tl::unexpected(problems_of(*planned, config_.source));
    refused_ = !planned;
    if (planned) {
        in_file_ = *std::move(fresh);
        apply(*planned);
        return planned;
    }
    for (const auto& problem : planned.error()) {
        const auto where = fmt::format("{}: {}", problem.at.str(), problem.text);
        log_.write(log::config_refused, {problem.fault}, {where}, {problem.remedy});
    }
    return planned;
}

bool Supervisor::file_says_something_new() const {
    const auto fresh = config::load(config_.source);
    return refused_ || !fresh || *fresh != in_file_;
}

bool Supervisor::clashes_with_a_running_link(const config::LinkConfig& wanted) const {
    std::vector<config::LinkConfig> all{wanted};
    for (const auto& link : links_) {
        if (link->name() != wanted.name && !link->stopped()) all.push_back(link->config());
    }
    return std::ranges::any_of(config::clashes(all),
                               [](const config::Clash& clash) { return clash.first == 0; });
}

void Supervisor::apply(const config::Plan& plan) {
    const auto resets = plan.resets();
    for (const auto& wanted : plan.after.links) {
        auto* link = find(wanted.name);
        const bool drops = std::ranges::find(resets, wanted.name) != resets.end();
        if (link != nullptr && drops && !link->stopped() && clashes_with_a_running_link(wanted))
            in_exchange_.push_back(link);
    }
    around_.level = log_level(plan.after.daemon);
    log_.set_level(around_.level);
    const bool other_level = plan.after.daemon.log_level != config_.daemon.log_level;
    for (auto* link : in_exchange_) link->tell(Stop{});
    for (const auto& wanted : plan.after.links) {
        auto* link = find(wanted.name);
        // What has no effect now is told as well: the next plan starts from it, on both sides.
        if (link != nullptr && (other_level || wanted != link->config())) link->configure(wanted);
    }
    if (!in_exchange_.empty() && !exchanging_.running()) exchanging_ = net::Job{exchange()};
    config_ = plan.after;
    if (config_.daemon.log_file != log_file_.path()) open_log_file();
    pending_ = plan;
    ++generation_;
    for (const auto& change : plan.changes) {
        if (change.effect == config::Effect::restart)
            log_.write(log::config_pending, {change.link.empty() ? "tserver" : change.link}, {change.option});
    }
    for (const auto& warning : config_.warnings) {
        const auto text = fmt::format("{}: {}", warning.at.str(), warning.text);
        log_.write(log::config_warning, {text});
    }
    log_.write(log::config_taken, {generation_}, {summary(plan)});
}

/// All of them stop before the first is started again.
net::Task<void> Supervisor::exchange() {
    while (!in_exchange_.empty()) {
        while (!std::ranges::all_of(in_exchange_, [](const auto* link) { return link->stopped(); }))
            co_await around_.stopped.wait();
        for (auto* link : std::exchange(in_exchange_, {})) link->tell(Start{});
    }
}

LinkProcess* Supervisor::find(std::string_view name) const {
    const auto at = std::ranges::find(links_, name, [](const auto& link) { return link->name(); });
    return at == links_.end() ? nullptr : at->get();
}

Result<LinkProcess*> Supervisor::link(std::string_view name) {
    if (auto* found = find(name)) return found;
    std::string known;
    for (const auto& link : links_) known += (known.empty() ? "" : ", ") + link->name();
    return fail(Fault::LINK_UNKNOWN, fmt::format("\"{}\"; there are: {}", escape(name, 60), known));
}

control::Status Supervisor::status() const {
    control::Status out{TSERVER_VERSION,      generation_,      {},
                        pending_.pending(""), events_.cursor(), notes_.texts()};
    for (const auto& link : links_) {
        out.links.push_back(link->status());
        out.links.back().pending_restart = pending_.pending(link->name());
    }
    return out;
}

void Supervisor::reap() {
    for (const auto& link : links_) link->reap();
    if (::getpid() != 1) return;
    const auto ours = [](pid_t pid, void* self) {
        return std::ranges::any_of(static_cast<Supervisor*>(self)->links_,
                                   [&](const auto& link) { return link->pid() == pid; });
    };
    reap_orphans(ours, this);
}

}  // namespace tserver::supervisor
