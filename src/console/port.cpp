#include "console/port.hpp"

#include <fmt/format.h>

#include "control/socket.hpp"
#include "control/status.hpp"

namespace tserver::console {

namespace json = boost::json;

namespace {

constexpr std::chrono::seconds look_again{2};
constexpr std::chrono::seconds limit{1};  ///< for tserver to listen to us

/// A tserver that does not answer has no status to show it in.
net::Task<void> tell(net::Loop& loop, const Place& at, std::optional<Error> trouble) {
    auto client = control::Client::connect(loop, at.control);
    if (!client) co_return;
    json::object request{{"command", "console"}, {"address", at.address.str()}, {"trouble", nullptr}};
    if (trouble) request["trouble"] = control::to_json(*trouble);
    auto asking = client->ask(std::move(request), limit);
    [[maybe_unused]] const auto answer = co_await std::move(asking);
}

}  // namespace

net::Task<Result<os::Fd>> listen_when_free(net::Loop& loop, Place at, const os::Notify& notify) {
    for (bool first = true;; first = false) {
        auto listener = net::listen(at.address, 64);
        const bool taken = !listener && listener.error().fault == Fault::PORT_IN_USE;
        if (!taken) {
            auto telling = tell(loop, at, listener ? std::nullopt : std::optional{listener.error()});
            co_await std::move(telling);
            co_return listener;
        }
        const auto& error = listener.error();
        if (first) {
            fmt::print(stderr, "tserver-console: {} (tried again every {} s)\n→ {}\n", error.text(),
                       look_again.count(), row(error.fault).action);
            notify.ready("cannot serve: " + error.detail);
        }
        auto telling = tell(loop, at, error);
        co_await std::move(telling);
        co_await net::sleep(loop, look_again);
    }
}

}  // namespace tserver::console
