// The whole simulated cluster: its state and its services.
#pragma once

#include "sim/capf_server.hpp"
#include "sim/cti_server.hpp"
#include "sim/http_server.hpp"
#include "sim/tftp.hpp"

namespace tserver::sim {

class Simulator {
public:
    Simulator(Settings settings, std::ostream& notes)
        : cluster{std::move(settings), notes}, tftp{cluster}, capf{cluster}, cti{cluster}, http{cluster} {}

    /// Starts the services that the settings name.  @return PORT_IN_USE, STORE_IO, DECODE
    Result<void> start();
    void stop();
    /// "ready tftp=… capf=… cti=…,… cti-tls=…,… http=… control=…"
    [[nodiscard]] std::string ready_line() const;
    /// Opens and closes ports as the fault menu says.
    Result<void> follow_faults();

    Cluster cluster;
    TftpServer tftp;
    CapfServer capf;
    CtiServer cti;
    HttpServer http;
};

}  // namespace tserver::sim
