// What a run needs around it: a simulated cluster of its own in this process, and what a link process has: a
// board, a log and a store.
#pragma once

#include <filesystem>
#include <memory>

#include "link/board.hpp"
#include "net/address.hpp"
#include "sim/simulator.hpp"
#include "tests/support/scratch.hpp"
#include "trust/list.hpp"

namespace tserver::torture {

/// "torture12": one profile and one certificate for each lane.
InstanceId instance_of(unsigned lane);

/// Work factor of the stores here: it is not what is tested, and they are written thousands of times.
inline constexpr unsigned store_rounds = 1;
/// Puts a key into the store of `config`, for an enrolment that makes none.
void keep_key(const config::LinkConfig& config, const crypto::PrivateKey& key);

class Site {
public:
    /// @param faults  of the cluster, as ucmsim takes them
    Site(net::Loop& loop, unsigned lane, std::vector<std::string> faults, bool tell);

    /// A new cluster with the old certificates: nothing was issued yet.
    void renew_cluster();
    /// Sets the profile of the lane.
    void arm(const std::string& code);
    /// Certificates that CAPF has issued to the lane.
    [[nodiscard]] std::size_t issued() const;

    [[nodiscard]] const trust::List& list() const { return *list_; }
    [[nodiscard]] sim::Simulator& cluster() const { return *cluster_; }
    [[nodiscard]] net::Address capf() const;
    [[nodiscard]] net::Address ctimanager() const;
    [[nodiscard]] net::Address tftp() const;
    [[nodiscard]] std::filesystem::path records() const { return scratch_.path / "records"; }
    /// A directory for a store, new each time.
    std::filesystem::path new_store();
    [[nodiscard]] std::unique_ptr<link::Board> board(const config::LinkConfig& config);

private:
    net::Task<void> hear_channel();

    testing_support::Scratch scratch_;
    std::string instance_;
    std::vector<std::string> faults_;
    std::ostream notes_;
    std::unique_ptr<sim::Simulator> cluster_;
    std::optional<trust::List> list_;
    unsigned stores_ = 0;
    net::Loop& loop_;
    log::Log log_;
    std::pair<os::Fd, os::Fd> ends_;
    control::Channel near_, far_;
    net::Job hearing_;
};

}  // namespace tserver::torture
