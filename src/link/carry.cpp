// Step 3 and on: sessions opened ahead of the application, the local listener, the relay, and reconnecting.
#include "doctor/look_tls.hpp"
#include "doctor/scan_tls.hpp"
#include "link/life.hpp"
#include "net/plain_stream.hpp"

namespace tserver::link {
namespace {

using control::LinkState;
using How = net::RelayEnd::How;

constexpr auto soon = std::chrono::seconds{3};  ///< a session that ends within this is a sign of a duplicate
constexpr unsigned duplicate_signs = 2;
constexpr unsigned idle_ends_allowed = 3;  ///< then the link connects on demand
constexpr auto listen_again = std::chrono::seconds{2};
constexpr auto advice_limit = std::chrono::seconds{3};

std::string how_text(const net::RelayEnd& end) {
    switch (end.how) {
        case How::application_left:
            return end.failure ? "application left, then CTIManager failed: " + end.failure->detail
                               : "application left";
        case How::ctimanager_left: return "CTIManager closed";
        case How::ctimanager_torn: return "CTIManager closed without close_notify";
        case How::ctimanager_failed: return "CTIManager failed: " + end.detail;
        case How::speaks_tls: return "application speaks TLS";
        case How::half_open: return end.detail;
        case How::stopped: return "stopped";
    }
    return {};
}

Error why_far_ended(const net::FarSide& far, const net::RelayEnd& end) {
    if (far.answers_in_tls()) return end_of(far, net::Got::ended);
    if (end.failure) return net::as_cti_error(*end.failure);
    return {Fault::CTI_CLOSED, how_text(end), {}};
}

/// Does something a moment later, or when it goes: the application's first octets come first.
class Shortly final : net::Timer {
public:
    Shortly(net::Loop& loop, std::function<void()> work) : Timer{loop}, work_{std::move(work)} {
        arm(Steady::now() + std::chrono::milliseconds{5});
    }
    ~Shortly() override { finish(); }
    void finish() {
        if (auto work = std::exchange(work_, nullptr)) work();
    }

private:
    void due() override { finish(); }
    std::function<void()> work_;
};

std::chrono::milliseconds since(Steady::time_point start) {
    return std::chrono::duration_cast<std::chrono::milliseconds>(Steady::now() - start);
}

}  // namespace

net::Task<void> Life::carry() {
    for (;;) {
        if (on_demand_) {
            auto serving = serve_on_demand();
            co_await std::move(serving);
        } else {
            auto opening = open_next();
            auto session = co_await std::move(opening);
            if (!session) {
                // A CTIManager that restarts refuses in between; a duplicate or an idle time-out does not.
                early_ends_ = idle_ends_ = 0;
                auto pausing = pause(std::move(session).error());
                co_await std::move(pausing);
                if (secure_) co_return;  // the list or the identity may be another one now
                continue;
            }
            auto serving = serve(*std::move(session));
            co_await std::move(serving);
        }
        if (dropped_) {
            listener_.reset();
            auto why = *std::exchange(dropped_, std::nullopt);
            drop_.clear();
            board_.log(log::session_note, board_.name(), {why.text()});
            if (secure_) co_return;
        }
        if (rejected_) {
            auto pausing = pause(*std::exchange(rejected_, std::nullopt));
            co_await std::move(pausing);
            co_return;
        }
        if (early_ends_ >= duplicate_signs) {
            early_ends_ = 0;
            auto naming = name_early_ends();
            auto why = co_await std::move(naming);
            auto pausing = pause(std::move(why));
            co_await std::move(pausing);
            co_return;
        }
    }
}

/// A connection without a word disturbs nobody, not even another holder of our identity.
net::Task<Error> Life::name_early_ends() {
    const auto hosts = config_.hostname.size();
    const auto& last = config_.hostname[(next_host_ + hosts - 1) % hosts];
    auto connecting = net::connect(loop_, last, config::cti_port(config_), config_.connect_timeout);
    auto there = co_await std::move(connecting);
    if (!there) co_return std::move(there).error();
    // Without a certificate there is no identity that somebody else could hold.
    co_return Error{secure_ ? Fault::CTI_DUPLICATE_INSTANCE : Fault::CTI_CLOSED,
                    fmt::format("{} sessions in a row ended within {} s", duplicate_signs, soon.count()),
                    {}};
}

/// A session with the next CTIManager of the list; each is tried once before this fails.
net::Task<Result<Session>> Life::open_next() {
    Result<Session> session = fail(Fault::CTI_UNREACHABLE, "no hostname");
    for (std::size_t tried = 0; tried < config_.hostname.size(); ++tried) {
        const auto& host = config_.hostname[next_host_ % config_.hostname.size()];
        if (!listener_) board_.enter(LinkState::connecting);
        board_.edit().ctimanager = Endpoint{host, config::cti_port(config_)}.str();
        const auto started = Steady::now();
        auto opening = secure_ ? open_secure(loop_, config_, host, *context_, peer_check())
                               : open_plain(loop_, config_, host);
        session = co_await std::move(opening);
        if (session) {
            board_.edit().times.session = since(started);
            board_.edit().counters.handshake_ms = static_cast<std::uint64_t>(since(started).count());
            co_return session;
        }
        ++next_host_;
        if (session.error().fault == Fault::CTI_SERVER_UNTRUSTED) {
            auto naming = name_untrusted(session.error());
            session = tl::unexpected(co_await std::move(naming));
        } else if (secure_ && doctor::is_about_profile(session.error().fault)) {
            const Endpoint server{host, config::cti_port(config_)};
            auto advising = doctor::advise_profile(loop_, server, config_.tls_profile, advice_limit);
            session.error().detail += co_await std::move(advising);
        }
        // Of the last one it is told by whoever decides what happens next.
        if (!session && tried + 1 < config_.hostname.size())
            board_.log(log::session_note, board_.name(), {session.error().text()});
    }
    co_return session;
}

net::PeerCheck Life::peer_check() {
    return [this](const crypto::Certificate& leaf) -> Result<void> {
        if (!trust::trusts_server(trust_.list(), leaf)) {
            return fail(Fault::CTI_SERVER_UNTRUSTED,
                        fmt::format("{} (SHA-256 {}) is not a CallManager record of the trust list {}",
                                    leaf.subject(), leaf.sha256(), trust_.list().header.signed_text()));
        }
        CHECK(crypto::check_strength(config_.tls_profile, leaf));
        const bool expired = wall_now() >= leaf.not_after();
        if (expired && config_.server_expiry == config::ServerExpiry::refuse) {
            return fail(Fault::CTI_SERVER_EXPIRED,
                        fmt::format("{} ended at {}", leaf.subject(), rfc3339(leaf.not_after())));
        }
        if (expired) {
            board_.note("server-expired",
                        fmt::format("the certificate of the CTIManager has expired: {}", leaf.subject()));
        } else {
            board_.unnote("server-expired");
        }
        return {};
    };
}

/// Asks the cluster for a newer list, and says which of the three it is: renewed and now known, renewed with
/// a list that we cannot verify, or renewed and never listed.
net::Task<Error> Life::name_untrusted(Error error) {
    auto refreshing = trust_.refresh(std::chrono::seconds{2});
    auto refreshed = co_await std::move(refreshing);
    const auto is_in = [&](const trust::List& list) {
        return std::ranges::any_of(trust::servers(list), [&](const crypto::Certificate& listed) {
            return error.detail.find(listed.sha256()) != std::string::npos;
        });
    };
    if (refreshed && *refreshed && is_in(trust_.list())) {
        error.fault = Fault::CTL_STALE;
        error.detail += fmt::format("; the list {} has it and was taken, the next attempt is made with that",
                                    trust_.list().header.signed_text());
    } else if (refreshed) {
        error.fault = Fault::CTL_NOT_UPDATED;
        error.detail += *refreshed ? "; nor is it in the newer one " + trust_.list().header.signed_text()
                                   : "; the cluster serves no newer one";
    } else if (trust_.refused() && is_in(*trust_.refused())) {
        error.fault = Fault::CTL_STALE;
        error.detail += fmt::format("; the list {} has it and was not taken: {}",
                                    trust_.refused()->header.signed_text(), refreshed.error().text());
    }
    co_return error;
}

void Life::enter_up(const Session& session) {
    const auto took =
        since(session.opened) + board_.status().times.session.value_or(std::chrono::milliseconds{0});
    const bool back = !control::carries(board_.status().state);
    board_.enter(secure_ ? LinkState::up : LinkState::plain);
    auto& status = board_.edit();
    status.ctimanager = session.ctimanager;
    status.tls_version = session.version;
    status.tls_suite = session.suite;
    if (!status.times.start_to_up) status.times.start_to_up = since(started_);
    if (lost_) {
        status.times.recovery = since(*lost_);
        ++status.counters.reconnects;
        lost_.reset();
    }
    peer_ = session.peer;
    reported_.reset();
    backoff_.reset();
    if (!back) return;
    if (secure_) {
        board_.log(log::secure_up, board_.name(), {session.ctimanager}, {session.version}, {session.suite},
                   {took});
    } else {
        board_.log(log::plain_up, board_.name(), {session.ctimanager}, {took});
    }
}

void Life::refused_application() {
    ++board_.edit().counters.applications_refused;
    board_.log(log::application_refused, board_.name(), {Fault::APPLICATION_SECOND},
               {row(Fault::APPLICATION_SECOND).action});
}

Result<void> Life::open_listener() {
    Listener::Events events{[this] { refused_application(); },
                            [this](const Error& why) {
                                board_.log(log::accept_paused, board_.name(), {why.fault}, {why.detail},
                                           {row(why.fault).action});
                            }};
    TRY(opened, Listener::open(loop_, config::listen_on(config_), std::move(events)));
    listener_ = std::move(opened);
    board_.log(log::listening, board_.name(), {config::listen_on(config_).str()});
    return {};
}

/// Opens the listener unless it is open; while that fails the session is kept and the link says why.
/// @return the error that ended the session meanwhile
net::Task<Result<void>> Life::start_listening(Session& session) {
    while (!listener_) {
        const auto opened = open_listener();
        if (opened) break;
        board_.enter(LinkState::waiting, opened.error());
        board_.log(log::listen_failed, board_.name(), {opened.error().fault}, {opened.error().detail},
                   {listen_again});
        auto sleeping = net::sleep_task(loop_, Steady::now() + listen_again);
        auto race = net::first_of(watch_idle(loop_, session), std::move(sleeping));
        auto first = co_await std::move(race);
        if (first.index() == 0) co_return tl::unexpected(std::get<0>(std::move(first)));
    }
    co_return Result<void>{};
}

/// One session, from up to its end.
net::Task<void> Life::serve(Session session) {
    struct Forget {
        std::optional<crypto::Certificate>& peer;
        ~Forget() { peer.reset(); }
    } forget{peer_};
    auto listening = start_listening(session);
    auto listens = co_await std::move(listening);
    if (!listens) co_return note_end(session, listens.error());
    enter_up(session);

    auto idle = net::first_of(watch_idle(loop_, session), net::wait_task(drop_));
    auto race = net::first_of(listener_->next(), std::move(idle));
    auto first = co_await std::move(race);
    if (first.index() == 1) {
        auto ended = std::get<1>(std::move(first));
        if (ended.index() == 0) note_end(session, std::get<0>(ended));
        co_return;
    }
    auto relaying = relay(session, std::get<0>(std::move(first)));
    co_await std::move(relaying);
}

/// A session that no application used has ended: look for the cause in how often and how soon that happens.
void Life::note_end(const Session& session, const Error& why) {
    const bool quiet_end = why.fault == Fault::CTI_CLOSED;
    const bool early = since(session.opened) < soon;
    early_ends_ = quiet_end && early ? early_ends_ + 1 : 0;
    idle_ends_ = quiet_end && !early ? idle_ends_ + 1 : 0;
    if (idle_ends_ >= idle_ends_allowed && secure_) {
        on_demand_ = true;
        board_.log(log::on_demand, board_.name(), {Fault::CTI_IDLE_CLOSED}, {session.ctimanager});
        board_.note("on-demand",
                    fmt::format("{}: {}; the link connects when an application comes",
                                id(Fault::CTI_IDLE_CLOSED), row(Fault::CTI_IDLE_CLOSED).meaning));
    }
    lose(why);
}

/// The far side is gone: nobody is let in until the next CTIManager of the list has taken us.
void Life::lose(const Error& why) {
    lost_ = Steady::now();
    listener_.reset();
    ++next_host_;
    if (is_rejection(why.fault)) {
        rejected_ = why;  // it came later than TLS 1.3 lets one see: pause() says so
        return;
    }
    board_.enter(LinkState::connecting, why);
    report(why, std::chrono::milliseconds{0});
}

net::Task<void> Life::relay(Session& session, os::Fd application) {
    idle_ends_ = 0;
    const auto before = board_.traffic;
    const auto started = Steady::now();
    auto& status = board_.edit();
    status.application = {true, wall_now(), {}};
    ++status.counters.applications;
    Shortly telling{loop_, [this, from = net::peer_address(application.get())] {
                        board_.log(log::application_connected, board_.name(), {from.str()});
                    }};
    watch_application(application.get(), config_);
    net::Relay carrying{loop_, std::move(application), *session.far, session.early, board_.traffic, {}};
    // The next application waits its turn instead of being reset.
    carrying.application_ended = [this] { listener_->hold(); };
    carrying.half_closed = [this](net::Relay::Side closed) {
        using control::Closer;
        board_.edit().application.half_closed = {
            closed == net::Relay::Side::application ? Closer::application : Closer::ctimanager, wall_now()};
    };
    relay_ = &carrying;
    auto running = carrying.run();
    const auto end = co_await std::move(running);
    relay_ = nullptr;
    telling.finish();

    board_.edit().application = {false, wall_now(), {}};
    const auto up = board_.traffic.to_ctimanager - before.to_ctimanager;
    const auto down = board_.traffic.to_application - before.to_application;
    board_.log(log::application_left, board_.name(), {static_cast<long long>(up)},
               {static_cast<long long>(down)}, {how_text(end)});
    if (end.how == How::speaks_tls) {
        ++board_.edit().counters.applications_refused;
        board_.log(log::application_refused, board_.name(), {Fault::APPLICATION_SPEAKS_TLS},
                   {row(Fault::APPLICATION_SPEAKS_TLS).action});
    }
    const bool far_ended = end.how == How::ctimanager_left || end.how == How::ctimanager_torn ||
                           end.how == How::ctimanager_failed;
    if (!far_ended) {
        early_ends_ = 0;
        next_host_ = 0;  // between applications the first CTIManager of the list is preferred again
        listener_->hold();
        co_return;
    }
    auto why = why_far_ended(*session.far, end);
    const bool early = since(started) < soon && why.fault == Fault::CTI_CLOSED;
    if (early && up > 0) {
        why = {Fault::SESSION_ENDED_EARLY, how_text(end), {}};  // an answer to what the application said
        if (!secure_ && down == 0) {
            auto asking = is_tls_port(session);
            const bool tls = co_await std::move(asking);
            if (tls) why.fault = Fault::CTI_SPEAKS_TLS;
        }
    } else {
        early_ends_ = early && down == 0 ? early_ends_ + 1 : 0;
    }
    lose(why);
}

/// A TLS server says nothing to what is no TLS (OpenSSL), and would be taken for one that refuses the user.
net::Task<bool> Life::is_tls_port(const Session& session) {
    auto server = Endpoint::parse(session.ctimanager);
    if (!server) co_return false;
    auto asking = doctor::answers_tls(loop_, *std::move(server), std::chrono::seconds{2});
    co_return co_await std::move(asking);
}

/// The CTIManager closes idle sessions: connect when an application comes, and once a minute to see that it
/// works.
net::Task<void> Life::serve_on_demand() {
    if (!listener_) {
        auto opened = open_listener();
        if (!opened) {
            auto pausing = pause(std::move(opened).error());
            co_await std::move(pausing);
            co_return;
        }
    }
    auto due =
        net::first_of(net::sleep_task(loop_, Steady::now() + std::chrono::minutes{1}), net::wait_task(drop_));
    auto race = net::first_of(listener_->next(), std::move(due));
    auto first = co_await std::move(race);
    if (first.index() == 1 && std::get<1>(first).index() == 1) co_return;

    auto opening = open_next();
    auto session = co_await std::move(opening);
    if (!session) {
        if (first.index() == 0) net::reset_on_close(std::get<0>(first).get());
        auto pausing = pause(std::move(session).error());
        co_await std::move(pausing);
        co_return;
    }
    enter_up(*session);
    if (first.index() == 1) co_return;
    auto relaying = relay(*session, std::get<0>(std::move(first)));
    co_await std::move(relaying);
}

}  // namespace tserver::link
