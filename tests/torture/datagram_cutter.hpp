// A UDP proxy that does one bad thing to one datagram, or many at random. The answers of a transfer come from
// the port that was asked, whatever port the server uses.
#pragma once

#include <list>
#include <random>

#include "net/address.hpp"
#include "os/fd.hpp"
#include "tests/torture/case.hpp"
#include "tftp/udp.hpp"

namespace tserver::torture {

class DatagramCutter {
public:
    /// @param here  of 127.0.0.0/8, for this proxy alone: what is late for another must not arrive here
    DatagramCutter(net::Loop& loop, Host here, const net::Address& server);

    [[nodiscard]] Port port() const { return net::local_address(front_.get()).port(); }
    /// From now on; forgets the transfers before.
    void plan(const Case& run);
    [[nodiscard]] bool fired() const noexcept { return fired_; }
    /// Octets of each datagram since plan().
    [[nodiscard]] const std::vector<std::size_t>& sizes(Way way) const { return sizes_.at(index(way)); }

private:
    struct Flow {
        net::Address client;
        os::Fd back;
        net::Address peer;  ///< the server with the port that it uses for this transfer
        net::Job hearing;
    };
    struct Datagram {
        Flow* flow;
        Bytes octets;
    };
    static constexpr std::size_t index(Way way) { return static_cast<std::size_t>(way); }

    net::Task<void> hear_clients();
    net::Task<void> hear_server(Flow& flow);
    os::Fd bound_behind();
    Flow& flow_of(const net::Address& client);
    void pass(Way way, Datagram datagram);
    void strike(Way way, Datagram datagram);
    void toss(Way way, Datagram datagram);
    void later(Way way, Datagram datagram);
    net::Task<void> send_later(Way way, Datagram datagram, std::chrono::milliseconds pause);
    void send(Way way, const Datagram& datagram);

    net::Loop& loop_;
    Host here_;
    net::Address server_;
    os::Fd front_;
    Port next_back_;
    Case plan_;
    bool fired_ = false;
    std::array<std::vector<std::size_t>, 2> sizes_;
    std::optional<Datagram> held_;  ///< goes out behind the next one
    std::minstd_rand random_;
    std::list<Flow> flows_;
    std::list<net::Job> late_;
    net::Job hearing_;
};

}  // namespace tserver::torture
