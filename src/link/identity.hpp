// Step 2 of a link's life: the key and client certificate of its instance ID, from the store or from CAPF.
#pragma once

#include "capf/client.hpp"
#include "link/board.hpp"
#include "store/identity_store.hpp"
#include "trust/roles.hpp"

namespace tserver::link {

class ClientIdentity final : capf::KeyKeeper {
public:
    /// @param rounds  work factor of what is written; tests that write thousands of times take less
    ClientIdentity(net::Loop& loop, const config::LinkConfig& config, Board& board,
                   unsigned rounds = crypto::stretch_rounds);

    /// A certificate to work with: the stored one while it is valid and no new code is given, otherwise a new
    /// one from CAPF. When that fails, a stored one that is still valid is used.
    /// @return the faults of the store and of the enrolment; CODE_MISSING, IDENTITY_EXPIRED, CLOCK
    net::Task<Result<void>> ensure(const trust::List& list);

    /// Enrols with a code that the operator gives now, whatever was remembered of it.
    net::Task<Result<void>> enrol(const trust::List& list, AuthCode code);

    /// Only after ensure() has succeeded once.
    [[nodiscard]] const crypto::Identity& get() const noexcept { return *identity_; }
    [[nodiscard]] bool has_one() const noexcept { return identity_.has_value(); }
    /// An enrolment is under way and its public key has gone out.
    [[nodiscard]] bool certificate_is_coming() const noexcept {
        return progress_ != nullptr && progress_->code == capf::CodeState::probably_used;
    }

    /// IDENTITY_EXPIRED or CLOCK when the certificate cannot be used at this time; warns at 30, 7 and 1 days.
    std::optional<Error> check_dates(Instant now);
    /// How long nothing about the dates can change, a clock that is set excepted.
    [[nodiscard]] std::chrono::seconds dates_hold(Instant now) const;
    /// Saves a certificate that could not be saved when it came (F14).
    void save_pending();
    /// How long to wait before the next enrolment, when ENROL_TOO_OFTEN was returned.
    std::chrono::seconds attempt_wait(Instant now);

private:
    Result<void> open();
    Result<void> load();
    Result<std::optional<AuthCode>> unused_code();
    [[nodiscard]] Error without_code() const;
    Result<void> may_attempt();
    void note_attempt();
    net::Task<Result<capf::Enrolled>> attempt(const trust::List& list, AuthCode code);
    void remember(const AuthCode& code, capf::CodeState state);
    void show();

    net::Task<Result<const crypto::PrivateKey*>> key_for(capf::KeySpec spec) override;
    net::Task<Result<void>> keep(const crypto::Certificate& certificate) override;

    net::Loop& loop_;
    const config::LinkConfig& config_;
    Board& board_;
    unsigned rounds_;
    std::optional<store::IdentityStore> store_;
    bool loaded_ = false;
    std::optional<crypto::Identity> identity_;
    std::optional<crypto::PrivateKey> key_;     ///< of the enrolment under way
    std::optional<AuthCode> code_;              ///< of the enrolment under way
    const capf::Progress* progress_ = nullptr;  ///< of the enrolment under way
    capf::KeySpec expected_ = capf::Rsa{2048};
    bool unsaved_ = false;
    std::optional<AuthCode> unsaved_code_;
    std::optional<Error> last_failure_;  ///< of an enrolment since the process began
    std::optional<long> warned_;
};

}  // namespace tserver::link
