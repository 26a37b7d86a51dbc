#include "link/life.hpp"

#include "crypto/provided.hpp"
#include "doctor/examine.hpp"

namespace tserver::link {
namespace {

using control::LinkState;

constexpr auto look_every = std::chrono::seconds{15};  ///< at the wall clock, by whatever waits for it

bool is_enrolment(Fault fault) {
    const auto number = static_cast<unsigned>(fault);
    return number / 1000 == 3;
}

}  // namespace

Life::Life(net::Loop& loop, config::LinkConfig config, Board& board, Steady::time_point started,
           crypto::KeyMemory key_memory)
    : loop_{loop},
      config_{std::move(config)},
      board_{board},
      started_{started},
      key_memory_{key_memory},
      secure_{config::security(config_) == config::Security::tls},
      trust_{loop, config_, board},
      identity_{loop, config_, board},
      backoff_{{config_.reconnect_min, config_.reconnect_max, std::chrono::milliseconds{100}}},
      drop_{loop},
      refresh_now_{loop} {}

Life::~Life() = default;

void Life::start() { main_ = net::Job{run()}; }

net::Task<void> Life::run() {
    switch (config::security(config_)) {
        case config::Security::tls: {
            auto living = live_secure();
            co_await std::move(living);
            break;
        }
        case config::Security::plain: {
            auto living = live_plain();
            co_await std::move(living);
            break;
        }
        case config::Security::down: {
            const auto missing = fmt::format("{}", fmt::join(config::missing_for_tls(config_), ", "));
            board_.enter(LinkState::disabled, Error{Fault::CONFIG_INCOMPLETE, "missing: " + missing, {}});
            board_.log(log::plain_reason, board_.name(), {missing + "; tls-required keeps the link down"});
            break;
        }
    }
}

net::Task<void> Life::live_plain() {
    const auto missing = config::missing_for_tls(config_);
    board_.note("plain", missing.empty() ? "TLS is off: traffic goes in clear"
                                         : fmt::format("TLS is off, traffic goes in clear: {} not set",
                                                       fmt::join(missing, ", ")));
    board_.log(log::plain_reason, board_.name(),
               {missing.empty() ? "no TLS option is set" : fmt::format("{}", fmt::join(missing, ", "))});
    for (;;) {
        auto carrying = carry();
        co_await std::move(carrying);
    }
}

net::Task<void> Life::live_secure() {
    if (config_.tls_profile == TlsProfile::legacy) {
        board_.note("profile", "the weak TLS profile `legacy` is in use");
        weak_ = net::Job{warn_daily()};
    }
    for (;;) {
        auto preparing = prepare();
        auto prepared = co_await std::move(preparing);
        if (!prepared) {
            auto pausing = pause(std::move(prepared).error());
            co_await std::move(pausing);
            continue;
        }
        auto carrying = carry();
        co_await std::move(carrying);
    }
}

net::Task<void> Life::warn_daily() {
    for (;;) {
        board_.log(log::legacy_profile, board_.name(), {"legacy"});
        co_await net::sleep(loop_, std::chrono::hours{24});
    }
}

/// Strict where the operator wants it (F84).
Result<void> Life::check_memory() const {
    if (config_.memory_lock == config::MemoryLock::wanted || key_memory_ == crypto::KeyMemory::locked)
        return {};
    return fail(Fault::OUT_OF_RESOURCES,
                "memory-lock = require, and the system lets this process lock no memory (LimitMEMLOCK)");
}

/// Steps 1 and 2: a trust list and a certificate, and the TLS context made of them.
net::Task<Result<void>> Life::prepare() {
    board_.enter(LinkState::trust);
    CO_CHECK("memory", check_memory());
    CO_CHECK("OpenSSL", crypto::check_provided());
    const auto started = Steady::now();
    auto ensuring = trust_.ensure();
    CO_CHECK("trust", co_await std::move(ensuring));
    board_.edit().times.trust =
        std::chrono::duration_cast<std::chrono::milliseconds>(Steady::now() - started);
    if (!fresh_.running()) fresh_ = net::Job{keep_trust_fresh()};
    if (auto none = trust::no_servers(trust_.list())) {
        refresh_now_.set();
        co_return tl::unexpected(*std::move(none));
    }
    if (!dates_.running()) dates_ = net::Job{watch_dates()};
    board_.enter(LinkState::enrolling);
    auto getting = get_identity({});
    CO_CHECK("identity", co_await std::move(getting));
    if (auto trouble = identity_.check_dates(wall_now())) co_return tl::unexpected(*std::move(trouble));
    CO_TRY(context, "TLS", crypto::TlsContext::client(config_.tls_profile, &identity_.get()));
    context_ = std::move(context);
    co_return Result<void>{};
}

net::Task<Result<void>> Life::get_identity(std::optional<AuthCode> code) {
    struct Enrolling {
        bool& flag;
        explicit Enrolling(bool& f) : flag{f} { flag = true; }
        ~Enrolling() { flag = false; }
    } enrolling{enrolling_};
    auto getting = code ? identity_.enrol(trust_.list(), *code) : identity_.ensure(trust_.list());
    co_return co_await std::move(getting);
}

// --- waiting after a failure ---

net::Task<void> Life::pause(Error error) {
    listener_.reset();
    if (row(error.fault).retry == Retry::stop) {
        board_.enter(LinkState::stopped, error);
        const bool enrolment = is_enrolment(error.fault);
        board_.log(enrolment ? log::enrol_failed : log::link_stopped, board_.name(), {error.fault},
                   {error.detail}, {row(error.fault).action});
        call_doctor();
        drop_.clear();
        co_await drop_
            .wait();  // the operator ends this, by a new configuration or a code; or the clock is set
        dropped_.reset();
        co_return;
    }
    auto wait = backoff_.next();
    if (is_rejection(error.fault)) wait = std::max(wait, config_.reconnect_max);
    const bool too_often = error.fault == Fault::ENROL_TOO_OFTEN;
    if (too_often) wait = identity_.attempt_wait(wall_now());
    board_.enter(LinkState::waiting, error);
    report(error, wait);
    call_doctor();
    auto sleeping = too_often ? until_attempt() : net::sleep_task(loop_, Steady::now() + wait);
    auto waking = net::wait_task(drop_);
    drop_.clear();
    auto race = net::first_of(std::move(sleeping), std::move(waking));
    co_await std::move(race);
    dropped_.reset();
}

void Life::call_doctor() {
    const bool was_up = board_.status().times.start_to_up.has_value();
    if (!was_up && !std::exchange(examined_, true)) doctor_ = net::Job{examine()};
}

net::Task<void> Life::examine() {
    doctor::Patient patient{config_, board_.status(), doctor::AskedBy::link};
    auto examining = doctor::examine(loop_, std::move(patient));
    const auto rows = co_await std::move(examining);
    for (const auto& each : rows) {
        if (each.fault) {
            board_.log(log::doctor_failed, board_.name(), {doctor::name(each.step)}, {*each.fault},
                       {each.seen}, {row(*each.fault).action});
        } else {
            board_.log(log::doctor_saw, board_.name(), {doctor::name(each.step)},
                       {doctor::name(each.verdict)}, {each.seen});
        }
    }
}

/// The store counts attempts by the wall clock, which goes on while the machine sleeps (F33).
net::Task<std::monostate> Life::until_attempt() {
    for (;;) {
        const auto left = identity_.attempt_wait(wall_now());
        if (left <= std::chrono::seconds{0}) co_return std::monostate{};
        co_await net::sleep(loop_, std::min(left, look_every));
    }
}

/// The same failure again is news once an hour (F69); the status always shows it.
void Life::report(const Error& error, std::chrono::milliseconds wait) {
    const auto now = Steady::now();
    if (reported_ == error.fault && now - reported_at_ < std::chrono::hours{1}) {
        board_.log(log::session_note, board_.name(), {error.text()});
        return;
    }
    reported_ = error.fault;
    reported_at_ = now;
    if (is_enrolment(error.fault)) {
        board_.log(log::enrol_failed, board_.name(), {error.fault}, {error.detail},
                   {row(error.fault).action});
    } else {
        board_.log(log::session_failed, board_.name(), {error.fault}, {error.detail},
                   {row(error.fault).action}, {wait});
    }
}

// --- beside the main line ---

net::Task<void> Life::keep_trust_fresh() {
    Backoff again{{std::chrono::seconds{30}, std::chrono::minutes{30}, std::chrono::seconds{5}}};
    for (;;) {
        auto refreshing = trust_.refresh(std::chrono::seconds{30});
        auto changed = co_await std::move(refreshing);
        if (changed && *changed) trust_changed();
        if (changed) again.reset();
        auto sleeping = changed ? until_trust_is_due() : net::sleep_task(loop_, Steady::now() + again.next());
        auto waking = net::wait_task(refresh_now_);
        auto race = net::first_of(std::move(sleeping), std::move(waking));
        co_await std::move(race);
    }
}

/// By the clock that went on while the machine slept, or by the one that nobody sets (F33, F35).
net::Task<std::monostate> Life::until_trust_is_due() {
    const auto wall = wall_now();
    const auto steady = Steady::now();
    while (wall_now() - wall < config_.trust_refresh && Steady::now() - steady < config_.trust_refresh)
        co_await net::sleep(loop_, std::min<std::chrono::seconds>(config_.trust_refresh, look_every));
    co_return std::monostate{};
}

/// A session whose server the new list no longer names ends; every other one stays.
void Life::trust_changed() {
    if (peer_ && !trust::trusts_server(trust_.list(), *peer_)) {
        drop({Fault::CTI_SERVER_UNTRUSTED,
              "the new trust list no longer holds the certificate of this CTIManager",
              {}});
    } else if (!peer_) {
        drop_.set();  // whoever waits for a better list need not wait longer
    }
}

/// Often enough that a clock that was set, or a machine that slept, is noticed within a minute (F33, F34).
net::Task<void> Life::watch_dates() {
    for (;;) {
        const auto now = wall_now();
        trust_.check_dates(now);
        identity_.save_pending();
        auto trouble = identity_.check_dates(now);
        const auto& reason = board_.status().reason;
        const bool stopped_by_date =
            board_.status().state == LinkState::stopped && reason && reason->fault == Fault::IDENTITY_EXPIRED;
        if (trouble && peer_) {
            drop(*std::move(trouble));
        } else if (!trouble && stopped_by_date) {
            drop_.set();  // the clock was wrong, and is right again (F35)
        }
        co_await net::sleep(loop_, std::min(identity_.dates_hold(now), look_every));
    }
}

void Life::drop(Error why) {
    dropped_ = std::move(why);
    drop_.set();
    if (relay_ != nullptr) relay_->stop();
}

// --- what the operator asks for ---

net::Task<Result<std::string>> Life::enrol(AuthCode code) {
    if (!secure_) co_return fail(Fault::CONFIG_INCOMPLETE, "TLS is off for this link");
    if (enrolling_) co_return fail(Fault::ENROL_TOO_OFTEN, "an enrolment is under way");
    auto ensuring = trust_.ensure();
    CO_CHECK("trust", co_await std::move(ensuring));
    auto getting = get_identity(std::move(code));
    auto got = co_await std::move(getting);
    if (!got) {
        const auto& error = got.error();
        board_.log(log::enrol_failed, board_.name(), {error.fault}, {error.detail},
                   {row(error.fault).action});
        co_return tl::unexpected<Error>(std::move(got).error().in("identity"));
    }
    const auto& certificate = identity_.get().certificate;
    drop({Fault::CTI_CLOSED, "a new certificate was enrolled", {}});
    co_return fmt::format("certificate {} enrolled, valid until {}", certificate.subject(),
                          rfc3339(certificate.not_after()));
}

net::Task<Result<std::string>> Life::confirm_trust(bool replace) {
    if (!secure_) co_return fail(Fault::CONFIG_INCOMPLETE, "TLS is off for this link");
    auto confirming = trust_.confirm(replace);
    auto confirmed = co_await std::move(confirming);
    if (confirmed) trust_changed();
    co_return confirmed;
}

net::Task<Result<std::string>> Life::refresh_trust() {
    if (!secure_) co_return fail(Fault::CONFIG_INCOMPLETE, "TLS is off for this link");
    auto refreshing = trust_.refresh(std::chrono::seconds{0});
    CO_TRY(changed, "refresh", co_await std::move(refreshing));
    if (changed) trust_changed();
    co_return std::string{changed ? "the trust list has changed" : "the trust list is current"};
}

}  // namespace tserver::link
