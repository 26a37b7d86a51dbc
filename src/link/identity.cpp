#include "link/identity.hpp"

#include "capf/make_key.hpp"
#include "link/expiry.hpp"

namespace tserver::link {
namespace {

/// No host that runs this version has a right clock that shows an earlier time (F34).
constexpr Instant released{std::chrono::sys_days{std::chrono::year{2026} / std::chrono::November / 1}};

std::optional<Error> unusable(const crypto::Certificate& certificate, Instant now) {
    if (now >= certificate.not_after()) {
        return Error{
            Fault::IDENTITY_EXPIRED, fmt::format("it ended at {}", rfc3339(certificate.not_after())), {}};
    }
    if (now < certificate.not_before()) {
        return Error{Fault::CLOCK,
                     fmt::format("the clock says {}, our certificate starts at {}", rfc3339(now),
                                 rfc3339(certificate.not_before())),
                     {}};
    }
    return std::nullopt;
}

/// A certificate that is issued now could not be checked for its dates.
Result<void> check_clock(Instant now) {
    if (now >= released) return {};
    return fail(Fault::CLOCK,
                fmt::format("the clock says {}, before the date of this program", rfc3339(now)));
}

}  // namespace

ClientIdentity::ClientIdentity(net::Loop& loop, const config::LinkConfig& config, Board& board,
                               unsigned rounds)
    : loop_{loop}, config_{config}, board_{board}, rounds_{rounds} {}

Result<void> ClientIdentity::open() {
    if (store_) return {};
    TRY(tree, os::open_tree(config_.store.string(), os::Access::read_write));
    TRY(opened, store::IdentityStore::open(std::move(tree), *config_.instance_id,
                                           {*config_.passphrase, config_.keys, rounds_}, store::this_host()));
    store_ = std::move(opened);
    return {};
}

Result<void> ClientIdentity::load() {
    if (loaded_) return {};
    TRY(stored, store_->load());
    loaded_ = true;
    if (!stored) return {};
    identity_ = std::move(stored->identity);
    if (stored->fell_back) board_.log(log::store_warning, board_.name(), {*stored->fell_back});
    board_.log(log::identity_loaded, board_.name(), {identity_->certificate.subject()},
               {days_until(identity_->certificate.not_after(), wall_now())});
    show();
    return {};
}

net::Task<Result<void>> ClientIdentity::ensure(const trust::List& list) {
    CO_CHECK("open the store", open());
    CO_CHECK("load the identity", load());
    const auto trouble = identity_ ? unusable(identity_->certificate, wall_now()) : std::nullopt;
    if (trouble && trouble->fault == Fault::CLOCK)
        co_return tl::unexpected(*trouble);  // nothing is asked for (F34)
    const bool usable = identity_ && !trouble;

    CO_TRY(code, "look at the code", unused_code());
    if (!code) {
        if (usable) co_return Result<void>{};
        co_return tl::unexpected(without_code());
    }
    auto enrolling = enrol(list, *std::move(code));
    auto enrolled = co_await std::move(enrolling);
    if (!enrolled && usable) {
        const auto& error = enrolled.error();
        board_.log(log::enrol_failed, board_.name(), {error.fault}, {error.detail},
                   {row(error.fault).action});
        board_.note("enrolment",
                    fmt::format("the new code was not used: {}; the certificate held is used", error.text()));
        co_return Result<void>{};
    }
    co_return enrolled;
}

/// The code of the configuration, unless it is known to be worth nothing.
Result<std::optional<AuthCode>> ClientIdentity::unused_code() {
    if (!config_.auth_code) return std::optional<AuthCode>{};
    TRY(used, store_->was_used(*config_.auth_code));
    TRY(refused, store_->was_refused(*config_.auth_code));
    if (!used && !refused) return std::optional{*config_.auth_code};
    board_.log(log::code_remembered, board_.name(),
               {used ? "it brought a certificate, or probably did" : "CAPF refused it"});
    return std::optional<AuthCode>{};
}

Error ClientIdentity::without_code() const {
    const bool given = config_.auth_code.has_value();
    if (identity_) {
        return {
            Fault::IDENTITY_EXPIRED,
            fmt::format("it ended at {}; {}", rfc3339(identity_->certificate.not_after()),
                        given ? "the code in tls-auth-code was used or refused before" : "no code is set"),
            {}};
    }
    return {Fault::CODE_MISSING,
            given ? "the code in tls-auth-code was used or refused before, and no certificate is in the store"
                  : "no certificate in the store and no tls-auth-code",
            {}};
}

net::Task<Result<void>> ClientIdentity::enrol(const trust::List& list, AuthCode code) {
    CO_CHECK("open the store", open());
    CO_CHECK("load the identity", load());
    CO_CHECK("before the enrolment", check_clock(wall_now()));
    CO_CHECK("before the enrolment", may_attempt());
    const auto started = Steady::now();
    auto attempting = attempt(list, code);
    auto enrolled = co_await std::move(attempting);
    if (!enrolled) {
        last_failure_ = enrolled.error();
        co_return tl::unexpected(std::move(enrolled).error().in("enrol"));
    }
    last_failure_.reset();

    auto& status = board_.edit();
    ++status.counters.enrolments;
    status.times.enrolment = std::chrono::duration_cast<std::chrono::milliseconds>(Steady::now() - started);
    board_.unnote("enrolment");
    const auto& certificate = identity_->certificate;
    board_.log(log::enrolled, board_.name(), {certificate.subject()}, {certificate.sha256()},
               {days_until(certificate.not_after(), wall_now())});
    if (enrolled->starts_in) {
        board_.note("clock",
                    fmt::format("the new certificate starts in {} s: this clock or the cluster's is wrong",
                                enrolled->starts_in->count()));
    }
    co_return Result<void>{};
}

/// Nothing is asked of CAPF that could not be saved, and not too often (F19, F26).
Result<void> ClientIdentity::may_attempt() {
    CHECK(store_->test_writable());
    TRY(wait, store_->wait_before_attempt(wall_now()));
    if (wait > std::chrono::seconds{0}) {
        return fail(Fault::ENROL_TOO_OFTEN,
                    fmt::format("the next one in {} s{}", wait.count(),
                                last_failure_ ? "; the last one failed: " + last_failure_->text() : ""));
    }
    return {};
}

std::chrono::seconds ClientIdentity::attempt_wait(Instant now) {
    return store_ ? store_->wait_before_attempt(now).value_or(std::chrono::seconds{0})
                  : std::chrono::seconds{0};
}

/// Called when CAPF has accepted the connection: a service that is down is asked again by the back-off alone,
/// or a long outage would use up the attempts of the day.
void ClientIdentity::note_attempt() {
    if (auto noted = store_->note_attempt(wall_now()); !noted)
        board_.log(log::store_warning, board_.name(), {noted.error().text()});
}

net::Task<Result<capf::Enrolled>> ClientIdentity::attempt(const trust::List& list, AuthCode code) {
    const Endpoint server{*config_.capf_host, *config_.capf_port};
    capf::Request request{.instance = *config_.instance_id, .code = code, .authorities = trust::capf(list)};
    request.version = static_cast<std::uint8_t>(config_.capf_version);
    request.minimum_bits = config_.tls_profile == TlsProfile::legacy ? 1024 : 2048;
    request.expected_key = expected_;
    if (identity_) request.held = identity_->certificate;
    request.limits.total = config_.enrol_timeout;
    if (request.authorities.empty()) co_return fail(Fault::CTL_NO_CAPF, "");

    // Remembered however this ends, also when the task is cancelled (F99).
    struct Remembering {
        ClientIdentity& owner;
        AuthCode code;
        capf::Progress progress;
        ~Remembering() {
            owner.progress_ = nullptr;
            owner.remember(code, progress.code);
        }
    };
    Remembering attempt{*this, code, {}};
    auto& progress = attempt.progress;
    progress_ = &progress;
    bool noted = false;
    progress.observer = [this, &noted](std::string_view step) {
        board_.log(log::capf_step, board_.name(), {step});
        if (!std::exchange(noted, true)) note_attempt();
    };
    CO_TRY(key_was_out, "look at the last enrolment", store_->key_is_out());
    code_ = code;
    board_.log(log::enrol_started, board_.name(), {server.str()});
    auto enrolling = capf::enrol_over_network(loop_, server, config_.tls_profile, request, *this, progress);
    auto enrolled = co_await std::move(enrolling);
    code_.reset();
    key_.reset();
    if (progress.asked) expected_ = *progress.asked;
    const bool refused = !enrolled && (enrolled.error().fault == Fault::CAPF_AUTH_CODE ||
                                       enrolled.error().fault == Fault::CAPF_NO_PENDING_OP);
    if (refused && key_was_out) {
        co_return fail(
            Fault::CAPF_CODE_PROBABLY_USED,
            "CAPF refuses it now, and an earlier enrolment was cut off after its public key had gone out");
    }
    co_return enrolled;
}

void ClientIdentity::remember(const AuthCode& code, capf::CodeState state) {
    const bool undecided = state == capf::CodeState::untouched || state == capf::CodeState::sent;
    if (undecided) return;
    Result<void> done;
    if (state == capf::CodeState::refused) done = store_->remember_refused(code);
    if (state == capf::CodeState::probably_used || state == capf::CodeState::used)
        done = store_->remember_used(code);
    if (done) done = store_->unmark_key_out();
    if (!done) board_.log(log::store_warning, board_.name(), {done.error().text()});
}

net::Task<Result<const crypto::PrivateKey*>> ClientIdentity::key_for(capf::KeySpec spec) {
    const bool goes_out_next = progress_ != nullptr && progress_->code == capf::CodeState::sent;
    if (goes_out_next) CO_CHECK("mark that the key goes out", store_->mark_key_out());
    if (key_ && capf::spec_of(key_->public_half()) == spec) co_return &*key_;
    CO_TRY(pending, "load the pending key", store_->pending_key());
    if (pending && capf::spec_of(pending->public_half()) == spec) {
        key_ = std::move(pending);
        co_return &*key_;
    }
    auto making = capf::make_key(loop_, spec);
    CO_TRY(made, "make the key", co_await std::move(making));
    CO_CHECK("save the pending key", store_->keep_pending_key(made));
    key_ = std::move(made);
    co_return &*key_;
}

net::Task<Result<void>> ClientIdentity::keep(const crypto::Certificate& certificate) {
    identity_.emplace(crypto::Identity{*std::move(key_), certificate});
    key_.reset();
    unsaved_ = true;
    unsaved_code_ = code_;
    warned_.reset();
    show();
    save_pending();
    co_return Result<void>{};
}

void ClientIdentity::save_pending() {
    if (!unsaved_ || !identity_) return;
    auto saved = store_->save(*identity_, unsaved_code_);
    if (saved) saved = store_->forget_pending_key();
    if (!saved) {
        board_.log(log::store_warning, board_.name(), {saved.error().text()});
        board_.note("unsaved", fmt::format("the new certificate is not saved yet: {}", saved.error().text()));
        return;
    }
    unsaved_ = false;
    unsaved_code_.reset();
    board_.unnote("unsaved");
}

void ClientIdentity::show() {
    const auto& certificate = identity_->certificate;
    board_.edit().identity = control::IdentityStatus{certificate.not_before(), certificate.not_after(),
                                                     certificate.sha256(), certificate.subject()};
}

std::optional<Error> ClientIdentity::check_dates(Instant now) {
    if (!identity_) return std::nullopt;
    const auto& certificate = identity_->certificate;
    const auto threshold = expiry_threshold(certificate.not_after(), now);
    if (threshold && (!warned_ || *threshold < *warned_))
        board_.log(log::identity_expiring, board_.name(), {days_until(certificate.not_after(), now)});
    warned_ = threshold;
    return unusable(certificate, now);
}

std::chrono::seconds ClientIdentity::dates_hold(Instant now) const {
    const auto left = identity_ ? identity_->certificate.not_after() - now : std::chrono::seconds{0};
    return left > std::chrono::seconds{0} ? left : std::chrono::seconds::max();
}

}  // namespace tserver::link
