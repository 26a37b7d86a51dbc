// CAPF server of the simulated cluster: enrols CTI clients (protocol versions 1 to 3).
// Source: doc/protocols/ucmsim.md, section 4.
#pragma once

#include "sim/capf_codec.hpp"
#include "sim/cluster.hpp"

namespace tserver::sim {

/// AUTH_RESPONSE, checked.
struct AuthResponse {
    std::uint8_t version;
    std::string device;
    std::optional<std::string> password;
};
/// @param announced  the version of our AUTH_REQUEST; a client that names none speaks version 1
/// @return CAPF_PROTOCOL: answered by END_SESSION 7
Result<AuthResponse> read_auth_response(const capf::Message& message, std::uint8_t announced);

class CapfServer {
public:
    explicit CapfServer(Cluster& cluster) : cluster_{cluster} {}
    ~CapfServer() { stop(); }

    Result<void> start(const Address& address);
    [[nodiscard]] Address address() const { return address_.value(); }
    /// Opens or closes the port (fault capf-down).
    Result<void> open_port();
    void close_port();
    void stop();

private:
    Result<void> listen();
    void serve(Fd fd, const Address& peer, const Stop& stop);

    Cluster& cluster_;
    std::optional<Address> address_;
    Fd port_;
    std::atomic<std::uint32_t> sessions_{0};
    std::unique_ptr<Workers> listener_;
    Workers workers_;
};

}  // namespace tserver::sim
