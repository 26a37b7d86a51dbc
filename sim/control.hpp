// Commands to a running simulator: one line of text in, one line of JSON out. Source:
// doc/protocols/ucmsim.md, section 6.
#pragma once

#include "sim/simulator.hpp"

namespace tserver::sim {

/// The commands, for --help.
std::string_view control_help() noexcept;

/// @return {"ok":true, …} or {"ok":false,"error":"…"}, without the line end
std::string obey(Simulator& simulator, std::string_view line);

/// Local socket on which commands come; the file is removed at the end.
class ControlSocket {
public:
    explicit ControlSocket(Simulator& simulator) : simulator_{simulator} {}
    ~ControlSocket() { stop(); }

    Result<void> start(const std::filesystem::path& path);
    void stop();

private:
    void serve(Stream stream, const Stop& stop);

    Simulator& simulator_;
    std::filesystem::path path_;
    Fd port_;
    std::unique_ptr<Workers> listener_;
    Workers workers_;
};

}  // namespace tserver::sim
