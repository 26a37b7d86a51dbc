#include "sim/simulator.hpp"

#include <fmt/format.h>
#include <sys/resource.h>

#include <csignal>

namespace tserver::sim {
namespace {

std::string joined(const std::vector<Address>& addresses) {
    std::string out;
    for (const auto& address : addresses) out += (out.empty() ? "" : ",") + address.str();
    return out;
}

/// Each connection costs three descriptors.
void raise_descriptor_limit() {
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
    limit.rlim_cur = limit.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &limit);
}

}  // namespace

Result<void> Simulator::start() {
    // OpenSSL writes to sockets by write(2): a client that has gone must not end the program.
    static_cast<void>(std::signal(SIGPIPE, SIG_IGN));
    raise_descriptor_limit();
    CHECK(cluster.open());
    const auto& settings = cluster.settings;
    if (settings.tftp) CHECK(tftp.start(*settings.tftp));
    if (settings.capf) CHECK(capf.start(*settings.capf));
    if (settings.http) CHECK(http.start(*settings.http));
    return cti.start();
}

void Simulator::stop() {
    tftp.stop();
    capf.stop();
    http.stop();
    cti.stop();
}

std::string Simulator::ready_line() const {
    const auto& settings = cluster.settings;
    std::string out = "ready";
    if (settings.tftp) out += " tftp=" + tftp.address().str();
    if (settings.capf) out += " capf=" + capf.address().str();
    if (!settings.cti.empty()) out += " cti=" + joined(cti.plain_addresses());
    if (!settings.cti_tls.empty()) out += " cti-tls=" + joined(cti.tls_addresses());
    if (settings.http) out += " http=" + http.address().str();
    if (settings.control) out += " control=" + settings.control->string();
    return out;
}

Result<void> Simulator::follow_faults() {
    const auto& settings = cluster.settings;
    if (settings.tftp) {
        if (cluster.faults.on("tftp-down")) tftp.close_port();
        CHECK(tftp.open_port());
    }
    if (settings.capf) {
        if (cluster.faults.on("capf-down")) capf.close_port();
        CHECK(capf.open_port());
    }
    return {};
}

}  // namespace tserver::sim
