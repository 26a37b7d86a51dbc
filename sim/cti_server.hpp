// CTIManager nodes of the simulated cluster: plain and TLS ports, and the rule that one certificate is used
// once at a time. Source: doc/protocols/ucmsim.md, section 5.
#pragma once

#include <boost/json/fwd.hpp>
#include <fstream>

#include "sim/cluster.hpp"

namespace tserver::sim {

/// An accepted connection as the others see it; fields but the counts are guarded by CtiServer's mutex.
struct CtiConnection {
    CtiConnection(std::uint64_t n, std::size_t at_node, bool over_tls, std::string from, int descriptor,
                  Stop& end)
        : number{n}, node{at_node}, tls{over_tls}, peer{std::move(from)}, fd{descriptor}, stop{&end} {}

    std::uint64_t number;  ///< order of accept over all ports, from 1
    std::size_t node;
    bool tls;
    std::string peer;
    int fd;
    Stop* stop;
    std::string instance{}, sha256{}, version{}, cipher{};
    std::atomic<std::uint64_t> received{0}, sent{0};
    std::atomic<bool> ended{false};  ///< the client has ended its direction
};

class CtiServer {
public:
    explicit CtiServer(Cluster& cluster) : cluster_{cluster} {}
    ~CtiServer() { stop(); }

    Result<void> start();
    [[nodiscard]] std::vector<Address> plain_addresses() const;
    [[nodiscard]] std::vector<Address> tls_addresses() const;
    void stop();

    /// Starts or stops a node (from 0): its ports, and with `down` its connections.
    Result<void> up(std::size_t node);
    void down(std::size_t node);
    /// Ends connections; all of them, or those of one instance. @return how many
    std::size_t drop(End how, std::string_view instance);
    [[nodiscard]] boost::json::array connections_json() const;
    [[nodiscard]] std::size_t nodes() const noexcept { return nodes_.size(); }

    /// The client has shown this certificate. @return false if it is used twice: all of its connections are
    /// dropped
    bool admit(CtiConnection& connection, const std::string& sha256, const SSL* tls);

private:
    struct Port {
        std::optional<Address> address;
        Fd listener;
    };
    struct NodePorts {
        Port plain, tls;
        std::unique_ptr<Workers> listeners;
        std::shared_ptr<SSL_CTX> context;
        unsigned long faults_then = 0, certificates_then = 0;
    };

    Result<void> open(std::size_t node, Port& port, bool tls);
    void serve(std::size_t node, bool tls, Fd fd, const Address& peer, std::uint64_t number, Stop& stop);
    Result<std::shared_ptr<SSL_CTX>> context(std::size_t node);

    Cluster& cluster_;
    mutable std::mutex mutex_;  ///< of the nodes' ports
    std::vector<std::unique_ptr<NodePorts>> nodes_;
    mutable std::mutex connections_mutex_;
    std::vector<std::shared_ptr<CtiConnection>> connections_;
    std::atomic<std::uint64_t> accepted_{0};
    Workers workers_;
};

}  // namespace tserver::sim
