#include "sim/capf_server.hpp"

#include <fmt/format.h>

#include "sim/capf_session.hpp"
#include "sim/server_tls.hpp"

namespace tserver::sim {

Result<void> CapfServer::start(const Address& address) {
    address_ = address;
    CHECK(listen());
    if (cluster_.faults.on("capf-down")) close_port();
    return {};
}

Result<void> CapfServer::open_port() {
    return listener_ || cluster_.faults.on("capf-down") ? Result<void>{} : listen();
}

Result<void> CapfServer::listen() {
    TRY(port, listen_tcp(*address_));
    port_ = std::move(port);
    address_ = Address::local_of(port_.get());
    listener_ = std::make_unique<Workers>();
    listener_->start([this, fd = port_.get()](const Stop& stop) {
        accept_each(fd, stop, [this](Fd client, const Address& peer) {
            ++cluster_.counters.capf_connections;
            auto shared = std::make_shared<Fd>(std::move(client));
            workers_.start(
                [this, shared, peer](const Stop& ending) { serve(std::move(*shared), peer, ending); });
        });
    });
    return {};
}

void CapfServer::close_port() {
    listener_.reset();
    port_ = Fd{};
}

void CapfServer::stop() {
    close_port();
    workers_.stop();
}

void CapfServer::serve(Fd fd, const Address& peer, const Stop& stop) {
    const auto id = ++sessions_;
    cluster_.notes.line("capf", fmt::format("session={} from={}", id, peer.str()));
    if (cluster_.faults.use("capf-plain")) {
        CapfSession{cluster_, Stream{std::move(fd)}, id, stop}.run();
        return;
    }
    const auto context = capf_context(cluster_);
    if (!context) {
        cluster_.notes.line("capf", context.error().text());
        return;
    }
    CapfSession{cluster_, Stream{std::move(fd), context->get()}, id, stop}.run();
}

}  // namespace tserver::sim
