// One TFTP transfer: lock-step blocks with everything that may go wrong on the way.
#pragma once

#include <random>

#include "sim/tftp.hpp"

namespace tserver::sim {

class TftpTransfer {
public:
    /// @param socket  with an own port (its TID), or the request port connected to the client
    TftpTransfer(Cluster& cluster, Fd socket, bool connected, const Address& client, std::uint64_t seed);

    void send_file(const TftpRequest& request, Bytes content, const Stop& stop);
    void send_error(std::uint16_t code, std::string_view text, bool nul = true);

private:
    struct Agreed {
        std::size_t block = 512;
        std::chrono::milliseconds timeout;
        Bytes oack;  ///< empty: none is sent
    };
    enum class Answer : std::uint8_t { acknowledged, given_up };

    std::optional<Agreed> agree(const TftpRequest& request, std::size_t size);
    void send(ByteView packet);
    void send_raw(ByteView packet);
    void disturb(std::uint16_t number);
    Answer deliver(std::uint16_t number, ByteView packet, const Agreed& agreed, const Stop& stop,
                   bool lose_first_ack);
    std::optional<Bytes> receive(const Stop& stop, Steady::time_point deadline);
    bool chance(std::string_view fault);
    [[nodiscard]] std::uint16_t number_of(std::uint64_t block) const;

    Cluster& cluster_;
    Fd socket_;
    bool connected_;
    Address client_;
    std::mt19937_64 random_;
    Bytes previous_;  ///< last DATA, for reordering
    Fd stranger_;     ///< a foreign port
    bool rollover_one_ = false;
};

}  // namespace tserver::sim
