// HTTP server with the files of TFTP, as on port 6970 of a cluster: GET, one request per connection.
#pragma once

#include "sim/cluster.hpp"

namespace tserver::sim {

class HttpServer {
public:
    explicit HttpServer(Cluster& cluster) : cluster_{cluster} {}
    ~HttpServer() { stop(); }

    Result<void> start(const Address& address);
    [[nodiscard]] Address address() const { return address_.value(); }
    void stop();

private:
    void serve(Stream stream, const Stop& stop);

    Cluster& cluster_;
    std::optional<Address> address_;
    Fd port_;
    std::unique_ptr<Workers> listener_;
    Workers workers_;
};

}  // namespace tserver::sim
