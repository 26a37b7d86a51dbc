// TFTP server of the simulated cluster (RFC 1350, 2347, 2348, 2349). Source: doc/protocols/ucmsim.md,
// section 3.
#pragma once

#include "sim/cluster.hpp"

namespace tserver::sim {

/// A read request, checked.
struct TftpRequest {
    std::string file;
    std::vector<std::pair<std::string, std::string>> options;  ///< names in lower case, in order
};

/// ERROR that answers a packet which is no good request.
struct TftpRefusal {
    std::uint16_t code;
    std::string_view text;
};
std::variant<TftpRequest, TftpRefusal> parse_request(ByteView packet);

class TftpServer {
public:
    explicit TftpServer(Cluster& cluster) : cluster_{cluster} {}
    ~TftpServer() { stop(); }

    Result<void> start(const Address& address);
    [[nodiscard]] Address address() const { return address_.value(); }
    /// Opens or closes the port (fault tftp-down).
    Result<void> open_port();
    void close_port();
    void stop();

private:
    Result<void> listen();
    void serve(int fd, const Stop& stop);
    void answer(int fd, const Address& client, ByteView packet);
    std::optional<Bytes> find(const std::string& name);

    Cluster& cluster_;
    std::optional<Address> address_;
    Fd port_;
    std::uint64_t transfers_ = 0;
    std::unique_ptr<Workers> listener_;
    Workers workers_;
};

}  // namespace tserver::sim
