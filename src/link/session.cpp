#include "link/session.hpp"

#include "net/pages.hpp"
#include "net/plain_stream.hpp"

namespace tserver::link {
namespace {

constexpr auto quiet_time = std::chrono::milliseconds{500};

net::DeadPeer dead_peer(const config::LinkConfig& config) {
    return {config.keepalive_idle, config.keepalive_interval, static_cast<int>(config.keepalive_probes),
            std::chrono::ceil<std::chrono::seconds>(config.user_timeout)};
}

net::Task<Result<os::Fd>> connect(net::Loop& loop, const config::LinkConfig& config, Host ctimanager) {
    auto connecting =
        net::connect(loop, std::move(ctimanager), config::cti_port(config), config.connect_timeout);
    CO_TRY(socket, "connect", co_await std::move(connecting));
    net::watch_for_death(socket.get(), dead_peer(config));
    co_return std::move(socket);
}

/// One pull into `early`.  @return the end, if it was one
std::optional<net::Got> take(Session& session) {
    const net::Pages room{net::FarSide::pull_room};
    const auto [got, count] = session.far->pull(room.span());
    session.early.insert(session.early.end(), room.data(), room.data() + count);
    if (got == net::Got::octets || got == net::Got::nothing) return std::nullopt;
    return got;
}

/// @return the error that the server sent after our Finished
net::Task<Result<std::monostate>> settle(net::Loop& loop, Session& session, const net::TlsStream& stream) {
    while (!stream.heard()) {
        co_await net::readable(loop, stream.descriptor());
        if (const auto end = take(session)) {
            co_return tl::unexpected(end_of(*session.far, *end).in("settle"));
        }
    }
    co_return std::monostate{};
}

}  // namespace

Error end_of(const net::FarSide& far, net::Got got) {
    if (far.answers_in_tls())
        return {Fault::CTI_SPEAKS_TLS, "the CTIManager answered with a TLS alert, and closed", {}};
    if (got == net::Got::failed) return net::as_cti_error(far.failure());
    return {
        Fault::CTI_CLOSED, got == net::Got::ended ? "closed by the CTIManager" : far.failure().detail, {}};
}

net::Task<Result<Session>> open_plain(net::Loop& loop, const config::LinkConfig& config, Host ctimanager) {
    auto connecting = connect(loop, config, std::move(ctimanager));
    CO_TRY(socket, "plain", co_await std::move(connecting));
    Session session;
    session.ctimanager = net::peer_address(socket.get()).str();
    session.far = std::make_unique<net::PlainStream>(std::move(socket));
    session.opened = Steady::now();
    co_return session;
}

net::Task<Result<Session>> open_secure(net::Loop& loop, const config::LinkConfig& config, Host ctimanager,
                                       const crypto::TlsContext& context, net::PeerCheck check) {
    auto connecting = connect(loop, config, std::move(ctimanager));
    CO_TRY(socket, "TLS", co_await std::move(connecting));
    Session session;
    session.ctimanager = net::peer_address(socket.get()).str();
    auto shaking =
        net::TlsStream::connect(loop, std::move(socket), context, std::move(check), config.handshake_timeout);
    auto stream = co_await std::move(shaking);
    if (!stream) {
        auto error = net::as_cti_error(stream.error());
        error.detail = fmt::format("{}: {}", session.ctimanager, error.detail);
        co_return tl::unexpected(std::move(error).in("handshake"));
    }
    const auto& tls = **stream;
    session.peer = tls.peer();
    session.version = tls.version();
    session.suite = tls.suite();
    session.far = *std::move(stream);
    if (tls.is_tls13()) {
        auto settling = settle(loop, session, tls);
        auto limited = net::within(loop, quiet_time, std::move(settling));
        auto settled = co_await std::move(limited);
        if (!settled && settled.error().fault != Fault::TIMED_OUT) {
            auto error = std::move(settled).error();
            error.detail = fmt::format("{}: {}", session.ctimanager, error.detail);
            co_return tl::unexpected(std::move(error));
        }
    }
    session.opened = Steady::now();
    co_return session;
}

void watch_application(int socket, const config::LinkConfig& config) {
    auto limits = dead_peer(config);
    limits.unacknowledged = std::chrono::seconds{0};
    net::watch_for_death(socket, limits);
}

net::Task<Error> watch_idle(net::Loop& loop, Session& session) {
    for (;;) {
        const bool may_read = session.early.empty();
        if (may_read && session.far->held_back()) {
            if (const auto end = take(session)) co_return end_of(*session.far, *end);
            continue;
        }
        co_await net::ready_for(loop, session.far->descriptor(), may_read ? EPOLLIN : EPOLLRDHUP);
        if (!may_read) co_return Error{Fault::CTI_CLOSED, "closed by the CTIManager", {}};
        if (const auto end = take(session)) co_return end_of(*session.far, *end);
    }
}

}  // namespace tserver::link
