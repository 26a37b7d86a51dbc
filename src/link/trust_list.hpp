// Step 1 of a link's life: the trust list it works with, held in the store and renewed from the cluster.
// All links of one tserver share the store's list and download it once between them.
#pragma once

#include "link/board.hpp"
#include "store/trust_store.hpp"
#include "trust/decide.hpp"
#include "trust/roles.hpp"

namespace tserver::link {

class TrustList {
public:
    TrustList(net::Loop& loop, const config::LinkConfig& config, Board& board);

    /// A list to work with: the held one, or a first one from the cluster.
    /// @return the faults of the store, of TFTP and of the list
    net::Task<Result<void>> ensure();

    /// Asks the cluster, unless another link has done so less than `fresh_for` ago (0: in any case). On any
    /// failure the held list stays in use and the status says so.
    /// @return true when the list has changed
    net::Task<Result<bool>> refresh(std::chrono::seconds fresh_for);

    /// The operator vouches for the held list, or (replace) for the one the cluster serves now.
    net::Task<Result<std::string>> confirm(bool replace);

    /// Only after ensure() has succeeded once.
    [[nodiscard]] const trust::List& list() const { return *list_; }
    [[nodiscard]] bool has_list() const noexcept { return list_.has_value(); }
    /// The list served last that could not be verified, if it was refused for that.
    [[nodiscard]] const std::optional<trust::List>& refused() const noexcept { return refused_; }

    /// Puts the days left of the listed certificates on the board and in the log (30, 7 and 1 days).
    void check_dates(Instant now);

private:
    Result<void> open();
    net::Task<Result<store::TrustLock>> lock();
    net::Task<Result<bool>> renew(const store::TrustLock& lock, std::optional<store::HeldList> held);
    Result<bool> take(const store::TrustLock& lock, const trust::List& fetched, const std::string& file,
                      const trust::Decision& decision, store::Trusted trusted);
    Result<bool> adopt(const store::HeldList& held);
    void show(const store::HeldList& held);

    net::Loop& loop_;
    const config::LinkConfig& config_;
    Board& board_;
    std::optional<store::TrustStore> store_;
    std::optional<trust::List> list_;
    std::optional<trust::List> refused_;
    net::Job farewell_;                   ///< answers repeats of the last block for a moment
    std::map<std::string, long> warned_;  ///< SHA-256 of a certificate, and the threshold warned of last
};

}  // namespace tserver::link
