// A TCP proxy that does one bad thing at one octet of the stream. It knows nothing of TLS: records,
// handshakes and alerts are octets to it.
#pragma once

#include <list>
#include <random>

#include "base/bytes.hpp"
#include "net/address.hpp"
#include "os/fd.hpp"
#include "tests/torture/case.hpp"

namespace tserver::torture {

class Cutter {
public:
    explicit Cutter(net::Loop& loop);

    [[nodiscard]] Port port() const { return net::local_address(listener_.get()).port(); }
    void lead_to(const net::Address& server) { server_ = server; }

    /// For the next connection; those behind it pass unharmed.
    void plan(const Case& run);
    /// Ends every connection and waits until the server has ended its side, so that it has nothing left to
    /// do.
    /// @return false when the server still holds one after ten seconds
    net::Task<bool> quiet();

    [[nodiscard]] std::size_t connections() const noexcept { return accepted_; }
    /// Of the planned connection: octets that were passed on, and whether the bad thing has happened.
    [[nodiscard]] std::size_t passed(Way way) const noexcept { return passed_.at(index(way)); }
    [[nodiscard]] bool fired() const noexcept { return fired_; }

    /// The changes of direction of the planned connection: who spoke, and what had been passed on by then.
    struct Turn {
        Way way;
        std::array<std::size_t, 2> passed;
    };
    [[nodiscard]] const std::vector<Turn>& turns() const noexcept { return turns_; }

private:
    struct Connection {
        os::Fd client, server;
        os::Fd to_client, to_server;  ///< duplicates: reading and writing are waited for apart
        bool planned = false;
        bool dead = false;     ///< what comes is thrown away
        bool stalled = false;  ///< what comes is left where it is
        net::Job up, down;
    };
    static constexpr std::size_t index(Way way) { return static_cast<std::size_t>(way); }

    net::Task<void> accept_all();
    void accept_one(os::Fd client);
    net::Task<void> pump(Connection& connection, Way way);
    net::Task<void> pass(Connection& connection, Way way, ByteView octets);
    net::Task<void> strike(Connection& connection, Way way, ByteView rest);
    net::Task<void> send(const os::Fd& to, ByteView octets);
    [[nodiscard]] bool meets(const Connection& connection, Way way, std::size_t coming) const;
    std::size_t piece();
    net::Task<Result<std::monostate>> drained(int server);

    net::Loop& loop_;
    os::Fd listener_;
    net::Address server_;
    Case plan_;
    bool planned_ = false;
    bool fired_ = false;
    std::size_t accepted_ = 0;
    std::array<std::size_t, 2> passed_{};
    std::vector<Turn> turns_;
    std::minstd_rand random_;
    std::list<Connection> open_;
    net::Job accepting_;
};

}  // namespace tserver::torture
