// One CAPF exchange, step by step.
#pragma once

#include "sim/capf_server.hpp"

namespace tserver::sim {

class CapfSession {
public:
    CapfSession(Cluster& cluster, Stream stream, std::uint32_t id, const Stop& stop);

    /// The whole connection; ends it in the way the faults say.
    void run();

private:
    Result<void> exchange();
    Result<void> install(const AuthResponse& hello, const Profile& profile);
    Result<void> remove(const Profile& profile);
    Result<void> fetch(const Profile& profile);
    Result<crypto::PublicKey> ask_for_key(const AuthResponse& hello, const Profile& profile);
    Result<crypto::PublicKey> read_key(const capf::Message& response, const capf::Message& request) const;
    Result<capf::Message> key_request(std::uint8_t version, const Profile& profile);
    Result<Bytes> make_certificate_value(const AuthResponse& hello, const Profile& profile,
                                         const crypto::PublicKey& key);
    Result<crypto::Certificate> make_lsc(const AuthResponse& hello, const Profile& profile,
                                         const crypto::PublicKey& key);
    Result<void> hold_back();
    Result<void> end(Reason reason);

    Result<void> act(std::string_view step);
    Result<void> send(std::string_view step, capf::Message message);
    Result<capf::Message> receive(capf::Command wanted, std::string_view step);
    Result<capf::Message> receive_any();
    Result<Bytes> read_exactly(std::size_t count);
    Result<void> write(ByteView octets);
    void absorb(std::chrono::milliseconds time);
    [[nodiscard]] capf::Message message(capf::Command command) const { return {command, id_, {}}; }

    Cluster& cluster_;
    FaultMenu& faults_;
    Stream stream_;
    std::uint32_t id_;
    const Stop& stop_;
    std::uint8_t announced_;
    std::optional<long> cut_sent_, cut_received_;
    std::size_t sent_ = 0;
    std::size_t received_ = 0;
};

}  // namespace tserver::sim
