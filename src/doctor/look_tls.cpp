#include "doctor/look_tls.hpp"

namespace tserver::doctor {

net::Task<Look> look_tls(net::Loop& loop, Endpoint server, const crypto::TlsContext& context,
                         std::chrono::milliseconds limit) {
    const auto until = Steady::now() + limit;
    Look out;
    auto connecting = net::within(loop, limit, net::connect(loop, server.host, server.port, limit));
    auto socket = co_await std::move(connecting);
    if (!socket) {
        out.unconnected = std::move(socket).error();
        if (out.unconnected->fault == Fault::TIMED_OUT) {
            out.unconnected = Error{Fault::CTI_UNREACHABLE,
                                    fmt::format("{}: no answer within {} ms", server.str(), limit.count()),
                                    {}};
        }
        co_return out;
    }
    const auto address = net::peer_address(socket->get()).str();
    std::optional<crypto::Certificate> leaf;
    net::PeerCheck check = [&leaf](const crypto::Certificate& shown) -> Result<void> {
        leaf = shown;
        return {};
    };
    const auto left = std::max(std::chrono::ceil<std::chrono::milliseconds>(until - Steady::now()),
                               std::chrono::milliseconds{1});
    auto shaking = net::TlsStream::connect(loop, *std::move(socket), context, std::move(check), left);
    auto stream = co_await std::move(shaking);
    if (stream && leaf) {
        out.shown = Shown{address, (*stream)->version(), (*stream)->suite(), *leaf};
    } else if (!stream && leaf && stream.error().agreed) {
        // It wants a certificate of ours, and says so in its own way: an alert, or the end.
        out.shown = Shown{address, stream.error().agreed->version, stream.error().agreed->suite, *leaf};
    } else {
        out.failure = stream ? net::TlsFailure{net::Kind::other, {}, "the server showed no certificate", {}}
                             : std::move(stream).error();
        out.failure->detail = fmt::format("{}: {}", address, out.failure->detail);
    }
    co_return out;
}

net::Task<bool> answers_tls(net::Loop& loop, Endpoint server, std::chrono::milliseconds limit) {
    const auto context = crypto::TlsContext::client(TlsProfile::legacy, nullptr);
    if (!context) co_return false;
    auto looking = look_tls(loop, std::move(server), *context, limit);
    const auto looked = co_await std::move(looking);
    co_return looked.shown || (looked.failure && looked.failure->alert);
}

}  // namespace tserver::doctor
