#include "capf/client.hpp"

#include "capf/tls_wire.hpp"
#include "net/tcp.hpp"

namespace tserver::capf {
namespace {

std::chrono::milliseconds left_of(std::chrono::milliseconds limit, Steady::time_point until) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - Steady::now());
    return std::clamp(left, std::chrono::milliseconds{1}, limit);
}

Task<Result<os::Fd>> connect(net::Loop& loop, const Endpoint& server, std::chrono::milliseconds each,
                             std::chrono::milliseconds all) {
    auto connecting = net::within(loop, all, net::connect(loop, server.host, server.port, each));
    auto socket = co_await std::move(connecting);
    if (socket) co_return socket;
    auto error = net::of_other_server(std::move(socket).error(), Fault::CAPF_UNREACHABLE);
    if (error.fault == Fault::TIMED_OUT) error.fault = Fault::CAPF_UNREACHABLE;
    co_return tl::unexpected(std::move(error));
}

Result<void> is_listed(const crypto::Certificate& shown,
                       const std::vector<crypto::Certificate>& authorities) {
    if (std::ranges::find(authorities, shown) != authorities.end()) return {};
    return fail(Fault::CAPF_TLS_UNTRUSTED,
                fmt::format("{} with SHA-256 {} is not among the {} CAPF certificates of the list",
                            shown.subject(), shown.sha256(), authorities.size()));
}

}  // namespace

Task<Result<Enrolled>> enrol_over_network(net::Loop& loop, const Endpoint& server, TlsProfile profile,
                                          const Request& request, KeyKeeper& keeper, Progress& progress) {
    if (request.authorities.empty()) co_return fail(Fault::CTL_NO_CAPF, "no CAPF certificate to check with");
    // F96: a slow key is made while nobody waits for it, so the time limits start behind it.
    CO_CHECK("make key", co_await keeper.key_for(request.expected_key));
    const auto until = Steady::now() + request.limits.total;
    CO_TRY(context, "TLS", crypto::TlsContext::client(profile, nullptr));
    CO_TRY(socket, "connect",
           co_await connect(loop, server, request.limits.connect, left_of(request.limits.total, until)));
    if (progress.observer) progress.observer("connected to " + server.str());

    net::PeerCheck check = [&request, profile](const crypto::Certificate& shown) -> Result<void> {
        CHECK(is_listed(shown, request.authorities));
        return crypto::check_strength(profile, shown);
    };
    auto shaking = net::TlsStream::connect(loop, std::move(socket), context, std::move(check),
                                           left_of(request.limits.handshake, until));
    auto stream = co_await std::move(shaking);
    if (!stream) co_return tl::unexpected<Error>(net::as_capf_error(stream.error()).in("TLS"));
    if (progress.observer) progress.observer((*stream)->version() + " " + (*stream)->suite());

    TlsWire wire{loop, *std::move(stream)};
    Dialogue dialogue{wire, until};
    auto enrolling = enrol(dialogue, request, keeper, progress);
    auto enrolled = co_await std::move(enrolling);
    wire.end();
    co_return enrolled;
}

}  // namespace tserver::capf
