#include "sim/cti_server.hpp"

#include <fmt/format.h>
#include <poll.h>

#include <boost/json.hpp>

#include "sim/cti_session.hpp"
#include "sim/server_tls.hpp"

namespace tserver::sim {
namespace {

/// Whether the client has already left, though the connection's thread has not seen it yet.
bool left(const CtiConnection& connection) {
    if (connection.ended || connection.stop->is_set()) return true;
    pollfd watched{connection.fd, POLLRDHUP, 0};
    return ::poll(&watched, 1, 0) > 0 && watched.revents != 0;
}

}  // namespace

Result<void> CtiServer::start() {
    const auto& settings = cluster_.settings;
    for (std::size_t n = 0; n < settings.nodes(); ++n) {
        auto& node = *nodes_.emplace_back(std::make_unique<NodePorts>());
        if (n < settings.cti.size()) node.plain.address = settings.cti[n];
        if (n < settings.cti_tls.size()) node.tls.address = settings.cti_tls[n];
        CHECK(up(n));
    }
    return {};
}

Result<void> CtiServer::open(std::size_t node, Port& port, bool tls) {
    if (!port.address) return {};
    TRY(listener, listen_tcp(*port.address));
    port.address = Address::local_of(listener.get());
    port.listener = std::move(listener);
    nodes_[node]->listeners->start([this, node, tls, fd = port.listener.get()](const Stop& stop) {
        accept_each(fd, stop, [this, node, tls](Fd client, const Address& peer) {
            const auto number = ++accepted_;
            ++cluster_.counters.cti_accepted;
            auto shared = std::make_shared<Fd>(std::move(client));
            workers_.start([this, node, tls, shared, peer, number](Stop& ending) {
                serve(node, tls, std::move(*shared), peer, number, ending);
            });
        });
    });
    return {};
}

Result<void> CtiServer::up(std::size_t node) {
    const std::lock_guard lock{mutex_};
    auto& ports = *nodes_.at(node);
    if (ports.listeners) return {};
    ports.listeners = std::make_unique<Workers>();
    CHECK(open(node, ports.plain, false));
    return open(node, ports.tls, true);
}

void CtiServer::down(std::size_t node) {
    {
        const std::lock_guard lock{mutex_};
        auto& ports = *nodes_.at(node);
        ports.listeners.reset();
        ports.plain.listener = Fd{};
        ports.tls.listener = Fd{};
    }
    const std::lock_guard lock{connections_mutex_};
    for (const auto& connection : connections_)
        if (connection->node == node) connection->stop->set(End::close);
}

void CtiServer::stop() {
    for (std::size_t n = 0; n < nodes_.size(); ++n) down(n);
    workers_.stop();
}

std::vector<Address> CtiServer::plain_addresses() const {
    const std::lock_guard lock{mutex_};
    std::vector<Address> out;
    for (const auto& node : nodes_)
        if (node->plain.address) out.push_back(*node->plain.address);
    return out;
}

std::vector<Address> CtiServer::tls_addresses() const {
    const std::lock_guard lock{mutex_};
    std::vector<Address> out;
    for (const auto& node : nodes_)
        if (node->tls.address) out.push_back(*node->tls.address);
    return out;
}

/// One context serves until a certificate or a fault changes.
Result<std::shared_ptr<SSL_CTX>> CtiServer::context(std::size_t node) {
    const std::lock_guard lock{mutex_};
    auto& ports = *nodes_.at(node);
    const auto faults = cluster_.faults.generation();
    const auto certificates = cluster_.authority.generation();
    if (!ports.context || ports.faults_then != faults || ports.certificates_then != certificates) {
        TRY(fresh, cti_context(cluster_, node));
        ports.context = std::shared_ptr<SSL_CTX>{fresh.release(), SSL_CTX_free};
        ports.faults_then = faults;
        ports.certificates_then = certificates;
    }
    return ports.context;
}

void CtiServer::serve(std::size_t node, bool tls, Fd fd, const Address& peer, std::uint64_t number,
                      Stop& stop) {
    std::shared_ptr<SSL_CTX> context_used;
    if (tls && !cluster_.faults.use("cti-plain")) {
        auto made = context(node);
        if (!made) {
            cluster_.notes.line("cti", made.error().text());
            return;
        }
        context_used = *made;
    }
    auto connection = std::make_shared<CtiConnection>(number, node, tls, peer.str(), fd.get(), stop);
    Stream stream = context_used ? Stream{std::move(fd), context_used.get()} : Stream{std::move(fd)};
    CtiSession session{cluster_, *this, *connection, std::move(stream), stop};
    {
        const std::lock_guard lock{connections_mutex_};
        connections_.push_back(connection);
    }
    cluster_.notes.line(
        "cti", fmt::format("n={} node={} {} from={}", number, node + 1, tls ? "tls" : "plain", peer.str()));
    session.run();
    {
        const std::lock_guard lock{connections_mutex_};
        std::erase(connections_, connection);
    }
    cluster_.notes.line("cti", fmt::format("n={} closed received={} sent={}", number,
                                           connection->received.load(), connection->sent.load()));
}

bool CtiServer::admit(CtiConnection& connection, const std::string& sha256, const SSL* tls) {
    const std::lock_guard lock{connections_mutex_};
    connection.sha256 = sha256;
    connection.instance = cluster_.profiles.instance_of(sha256);
    connection.version = SSL_get_version(tls);
    connection.cipher = SSL_get_cipher_name(tls);
    bool twice = false;
    for (const auto& other : connections_) {
        if (other.get() == &connection || other->sha256 != sha256 || left(*other)) continue;
        twice = true;
        other->stop->set(End::close);
    }
    if (!twice) return true;
    ++cluster_.counters.cti_collisions;
    const bool compromised = cluster_.profiles.collide(sha256);
    cluster_.notes.line(
        "cti", fmt::format("n={} instance={} certificate used twice: both dropped{}", connection.number,
                           connection.instance, compromised ? "; it is compromised now" : ""));
    return false;
}

std::size_t CtiServer::drop(End how, std::string_view instance) {
    const std::lock_guard lock{connections_mutex_};
    std::size_t count = 0;
    for (const auto& connection : connections_) {
        if (!instance.empty() && connection->instance != instance) continue;
        connection->stop->set(how);
        ++count;
    }
    return count;
}

boost::json::array CtiServer::connections_json() const {
    const std::lock_guard lock{connections_mutex_};
    boost::json::array out;
    for (const auto& c : connections_)
        out.push_back(boost::json::object{{"n", c->number},
                                          {"node", c->node + 1},
                                          {"tls", c->tls},
                                          {"peer", c->peer},
                                          {"instance", c->instance},
                                          {"version", c->version},
                                          {"cipher", c->cipher},
                                          {"received", c->received.load()},
                                          {"sent", c->sent.load()},
                                          {"half_closed", c->ended.load()}});
    return out;
}

}  // namespace tserver::sim
