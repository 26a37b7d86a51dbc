#include "tests/torture/cluster_process.hpp"

#include <fmt/format.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <ostream>
#include <stdexcept>

#include "sim/control.hpp"

namespace tserver::torture {
namespace {

sim::Address any_port() { return sim::Address::parse("127.0.0.1:0").value(); }

}  // namespace

ClusterProcess::ClusterProcess() {
    std::filesystem::create_directories(scratch_.path / "pki");
    sim::FaultMenu none;
    sim::Authority authority{none, crypto::Digest::sha1};
    if (const auto made = authority.open(scratch_.path / "pki", {{"cucm-pub", Bytes{127, 0, 0, 1}}}); !made)
        throw std::runtime_error{made.error().text()};
    list_file_ = authority.file("CTLFile.tlv").value();
    restart();
}

void ClusterProcess::restart() {
    stop();
    std::filesystem::remove(scratch_.path / "cluster.json");
    std::filesystem::remove(scratch_.path / "control");
    std::array<int, 2> pipe{};
    if (::pipe(pipe.data()) != 0) throw std::runtime_error{"no pipe"};
    pid_ = ::fork();
    if (pid_ == 0) serve(pipe[1]);
    ::close(pipe[1]);
    const os::Fd ready{pipe[0]};
    std::array<Port, 2> ports{};
    if (::read(ready.get(), ports.data(), sizeof ports) != sizeof ports)
        throw std::runtime_error{"the cluster does not start"};
    capf_ = ports[0];
    ctimanager_ = ports[1];
}

void ClusterProcess::serve(int ready) const {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    sim::Settings settings;
    settings.state = scratch_.path;
    settings.control = scratch_.path / "control";
    settings.capf = any_port();
    settings.cti_tls = {any_port()};
    settings.faults = {"cti-tls=1.2"};
    settings.rules.collisions = 1'000'000;
    std::ostream nowhere{nullptr};
    sim::Simulator simulator{settings, nowhere};
    sim::ControlSocket control{simulator};
    if (!simulator.start() || !control.start(*settings.control)) ::_exit(1);
    const std::array<Port, 2> ports{simulator.capf.address().port(),
                                    simulator.cti.tls_addresses().front().port()};
    if (::write(ready, ports.data(), sizeof ports) != sizeof ports) ::_exit(1);
    ::close(ready);
    for (;;) ::pause();
}

void ClusterProcess::stop() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    ::waitpid(std::exchange(pid_, -1), nullptr, 0);
}

void ClusterProcess::arm(const std::string& instance, const std::string& code) const {
    const os::Fd socket{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    sockaddr_un to{};
    to.sun_family = AF_UNIX;
    const auto path = (scratch_.path / "control").string();
    path.copy(static_cast<char*>(to.sun_path), sizeof to.sun_path - 1);
    const auto line = fmt::format("profile user=u,instance={},code={}\n", instance, code);
    std::array<char, 4096> answer{};
    if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&to), sizeof to) != 0 ||
        ::send(socket.get(), line.data(), line.size(), MSG_NOSIGNAL) < 0 ||
        ::recv(socket.get(), answer.data(), answer.size(), 0) <= 0 ||
        std::string_view{answer.data()}.find("true") == std::string_view::npos)
        throw std::runtime_error{"the profile cannot be set"};
}

}  // namespace tserver::torture
