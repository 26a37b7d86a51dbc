// One connection to tserver for the whole of a command.
#pragma once

#include <boost/json.hpp>
#include <memory>

#include "control/blocking.hpp"
#include "control/socket.hpp"
#include "control/status.hpp"

namespace tserver::cli {

class Daemon {
public:
    static constexpr std::chrono::seconds quick{10};  ///< for what tserver answers by itself

    /// @return DAEMON_UNREACHABLE, PERMISSION
    static Result<Daemon> connect(const std::string& control) {
        auto loop = std::make_unique<net::Loop>();
        TRY(client, control::Client::connect(*loop, control));
        return Daemon{std::move(loop), std::move(client)};
    }
    Result<boost::json::object> ask(boost::json::object request, std::chrono::milliseconds limit = quick) {
        return control::result_of(*loop_, client_.ask(std::move(request), limit));
    }
    /// The answer as it came, good or bad.
    Result<boost::json::object> exchange(boost::json::object request,
                                         std::chrono::milliseconds limit = quick) {
        return control::result_of(*loop_, client_.exchange(std::move(request), limit));
    }
    Result<boost::json::value> status_json() {
        TRY(answer, ask({{"command", "status"}}));
        auto* status = answer.if_contains("status");
        if (status == nullptr) return fail(Fault::CONTROL_PROTOCOL, "an answer without status");
        return std::move(*status);
    }
    Result<control::Status> status() {
        TRY(value, status_json());
        return control::status_from_json(value);
    }
    void pause(std::chrono::milliseconds time) {
        control::result_of(*loop_, net::sleep_task(*loop_, Steady::now() + time));
    }

private:
    Daemon(std::unique_ptr<net::Loop> loop, control::Client client)
        : loop_{std::move(loop)}, client_{std::move(client)} {}
    std::unique_ptr<net::Loop> loop_;
    control::Client client_;
};

}  // namespace tserver::cli
