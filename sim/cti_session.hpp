// One connection to CTIManager: handshake, then echo, sink or burst, both half-closes kept.
#pragma once

#include "sim/cti_server.hpp"

namespace tserver::sim {

/// Octet n of a burst is n mod 251, so that whoever receives it can check it.
class BurstSource {
public:
    explicit BurstSource(const CtiMode& mode) : records_{mode.records}, octets_{mode.octets} {}
    /// The next record; empty when all are out.
    Bytes next();

private:
    std::size_t records_, octets_;
    std::uint64_t at_ = 0;
};

class CtiSession {
public:
    CtiSession(Cluster& cluster, CtiServer& server, CtiConnection& connection, Stream stream,
               const Stop& stop);

    /// The socket is closed by the destructor, once nobody else can look at it.
    void run();

private:
    enum class Next : std::uint8_t { go_on, over };

    bool begin();
    void go_deaf();
    bool handshake();
    void serve();
    Next read_some_more();
    Next write_some_more();
    Next wait_for_more();
    Next take(ByteView octets);
    Next played(std::string_view fault, End how);
    void first_octets();
    void finish();
    void say(std::string_view text);
    [[nodiscard]] bool pending() const noexcept { return sent_ < out_.size(); }
    [[nodiscard]] bool wants_input() const;

    Cluster& cluster_;
    FaultMenu& faults_;
    CtiServer& server_;
    CtiConnection& connection_;
    Stream stream_;
    const Stop& stop_;
    std::ofstream record_;
    std::optional<BurstSource> burst_;
    Bytes out_;
    std::size_t sent_ = 0;
    bool input_ended_ = false;
    bool deaf_ = false;
    bool aborted_ = false;  ///< ended without further words
    bool progress_ = false;
    short events_ = 0;
};

}  // namespace tserver::sim
