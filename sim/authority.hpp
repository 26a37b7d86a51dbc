// The cluster's own certificates and its trust list: who signs, what is listed, and what is renewed when.
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <mutex>

#include "sim/fault_menu.hpp"
#include "sim/list.hpp"

namespace tserver::sim {

struct Node {
    std::string name;  ///< cucm-pub, cucm-sub1, …
    Bytes address;
};

class Authority {
public:
    Authority(FaultMenu& faults, crypto::Digest digest) : faults_{faults}, digest_{digest} {}

    /// Reads what the folder holds and makes what is missing. The list stays the same, octet for octet,
    /// unless nodes changed.
    /// @return STORE_IO, DECODE
    Result<void> open(const std::filesystem::path& folder, std::vector<Node> nodes);

    /// A file as TFTP and HTTP serve it, the faults of the menu applied; none if it is not there.
    /// @param name  case does not count; CTL<name>.tlv and ITL<name>.tlv
    std::optional<Bytes> file(std::string_view name);

    Credential capf() const;
    /// A CAPF authority of the same name that is not in the list.
    Credential capf_twin();
    /// What the CAPF service shows in TLS when it is told not to be trusted.
    Credential stranger();
    /// What a node's CTIManager presents, the faults of the menu applied.
    Credential presented(std::size_t node);
    /// Issuers whose client certificates CTIManager takes.
    std::vector<crypto::Certificate> client_authorities() const;

    /// Operator's work on the list: rollover, resign, new-signer, update, renew [NODE] [same-key], renew-only
    /// [NODE] [same-key], renew-capf, forget-capf.  @return USAGE
    Result<void> command(std::span<const std::string_view> words);

    /// Counts every change of a certificate.
    [[nodiscard]] unsigned long generation() const noexcept { return generation_.load(); }

private:
    Result<Credential> kept(const std::string& name, const std::function<Result<Credential>()>& make) const;
    Result<void> make_list();
    Result<void> save_list() const;
    Result<bool> load_list();
    Result<void> renew(std::span<const std::string_view> words, bool update_list);
    Credential extra(const std::string& name, const std::function<Result<Credential>()>& make);
    Credential presented_locked(std::size_t node);
    Credential odd_server(std::size_t node, const std::string& kind);
    void apply_record_faults(ListPlan& plan);
    void apply_signer_faults(ListPlan& plan);
    Bytes spoil(Bytes list) const;

    FaultMenu& faults_;
    crypto::Digest digest_;
    mutable std::mutex mutex_;
    std::atomic<unsigned long> generation_{0};
    std::filesystem::path folder_;
    std::vector<Node> nodes_;
    Credential capf_;
    Credential itl_recovery_;
    std::vector<Credential> call_managers_;
    std::vector<crypto::Certificate> old_capf_;
    std::map<std::string, Credential> extra_;  ///< made for a fault
    ListPlan list_;                            ///< as last signed
};

}  // namespace tserver::sim
