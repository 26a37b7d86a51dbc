// The life of one link, from nothing to carrying traffic, and again after every failure (design: trust,
// identity, session, listen, relay, reconnect, watch). One Life is one configuration; another one makes a new
// Life.
#pragma once

#include "base/backoff.hpp"
#include "crypto/openssl.hpp"
#include "link/identity.hpp"
#include "link/listener.hpp"
#include "link/session.hpp"
#include "link/trust_list.hpp"

namespace tserver::link {

/// A rejected certificate does not get better by asking often: these wait for the cap from the start (F52).
constexpr bool is_rejection(Fault fault) noexcept {
    return fault == Fault::CTI_CLIENT_UNKNOWN_CA || fault == Fault::CTI_CLIENT_EXPIRED ||
           fault == Fault::CTI_CLIENT_REJECTED;
}

class Life {
public:
    /// @param started  when the process began, for the time until the first `up`
    /// @param key_memory  whether it stays out of swap (memory-lock)
    Life(net::Loop& loop, config::LinkConfig config, Board& board, Steady::time_point started,
         crypto::KeyMemory key_memory);
    ~Life();
    Life(const Life&) = delete;
    Life& operator=(const Life&) = delete;

    void start();

    /// Takes options that the running session does not depend on; they count from the next step that reads
    /// them.
    void adjust(config::LinkConfig config) { config_ = std::move(config); }

    /// Drops the session, enrols with this code, and goes on.
    net::Task<Result<std::string>> enrol(AuthCode code);
    net::Task<Result<std::string>> confirm_trust(bool replace);
    net::Task<Result<std::string>> refresh_trust();

    [[nodiscard]] const config::LinkConfig& config() const noexcept { return config_; }
    /// An enrolment is under way: it should end before this Life does, or its code is probably lost.
    [[nodiscard]] bool enrolling() const noexcept { return enrolling_; }
    /// Our public key has gone out: what CAPF issues now comes once.
    [[nodiscard]] bool certificate_is_coming() const noexcept {
        return enrolling_ && identity_.certificate_is_coming();
    }

private:
    net::Task<void> run();
    net::Task<void> live_secure();
    net::Task<void> live_plain();
    net::Task<void> warn_daily();
    net::Task<Result<void>> prepare();
    [[nodiscard]] Result<void> check_memory() const;
    net::Task<Result<void>> get_identity(std::optional<AuthCode> code);

    /// Sessions, one after the other, until the steps before have to be done again.
    net::Task<void> carry();
    net::Task<Result<Session>> open_next();
    Result<void> open_listener();
    net::Task<Result<void>> start_listening(Session& session);
    net::Task<void> serve(Session session);
    net::Task<void> relay(Session& session, os::Fd application);
    net::Task<void> serve_on_demand();
    /// Two sessions in a row that ended early: the sign of a duplicate, unless the CTIManager has gone down.
    net::Task<Error> name_early_ends();
    net::Task<bool> is_tls_port(const Session& session);
    void lose(const Error& why);
    void note_end(const Session& session, const Error& why);
    void refused_application();
    void enter_up(const Session& session);
    [[nodiscard]] net::PeerCheck peer_check();
    net::Task<Error> name_untrusted(Error error);

    /// Waits before the next attempt as the error asks: a while, or for the operator.
    net::Task<void> pause(Error error);
    net::Task<std::monostate> until_attempt();
    void report(const Error& error, std::chrono::milliseconds wait);
    /// Once, when the link fails before it was ever up: the doctor's rows go to the log.
    void call_doctor();
    net::Task<void> examine();

    net::Task<void> keep_trust_fresh();
    net::Task<std::monostate> until_trust_is_due();
    net::Task<void> watch_dates();
    void trust_changed();
    void drop(Error why);

    net::Loop& loop_;
    config::LinkConfig config_;
    Board& board_;
    Steady::time_point started_;
    crypto::KeyMemory key_memory_;
    bool secure_;

    TrustList trust_;
    ClientIdentity identity_;
    std::optional<crypto::TlsContext> context_;
    std::unique_ptr<Listener> listener_;
    std::size_t next_host_ = 0;
    Backoff backoff_;
    unsigned idle_ends_ = 0;   ///< in a row: sessions the far side closed while no application used them
    unsigned early_ends_ = 0;  ///< in a row: sessions that ended within seconds (sign of a duplicate)
    bool on_demand_ = false;
    bool enrolling_ = false;
    bool examined_ = false;
    std::optional<Steady::time_point> lost_;  ///< when the last session was lost, for the recovery time
    std::optional<Fault> reported_;
    Steady::time_point reported_at_{};

    net::Relay* relay_ = nullptr;              ///< of the session in use
    std::optional<crypto::Certificate> peer_;  ///< of the session that is open
    std::optional<Error> dropped_;
    std::optional<Error> rejected_;  ///< our certificate, by a session that was up already
    net::Event drop_;
    net::Event refresh_now_;
    net::Job main_;
    net::Job fresh_;
    net::Job dates_;
    net::Job weak_;
    net::Job doctor_;
};

}  // namespace tserver::link
