// ucmsim: a small Cisco UCM cluster on one machine.
#include <fmt/format.h>

#include <csignal>
#include <iostream>

#include "base/overloaded.hpp"
#include "sim/control.hpp"

namespace {

using namespace tserver;

int run(sim::Settings settings) {
    // Blocked before any thread starts, so that every thread inherits it and only sigwait takes them.
    sigset_t ending;
    sigemptyset(&ending);
    sigaddset(&ending, SIGTERM);
    sigaddset(&ending, SIGINT);
    pthread_sigmask(SIG_BLOCK, &ending, nullptr);

    const auto control_path = settings.control;
    sim::Simulator simulator{std::move(settings), std::cerr};
    sim::ControlSocket control{simulator};
    auto started = simulator.start();
    if (started && control_path) started = control.start(*control_path);
    if (!started) {
        std::cerr << "ucmsim: " << started.error().text() << '\n';
        return 1;
    }
    std::cout << simulator.ready_line() << std::endl;
    int signal = 0;
    sigwait(&ending, &signal);
    control.stop();
    simulator.stop();
    return 0;
}

}  // namespace

int main(int argc, char** argv) {
    return std::visit(overloaded{[](sim::Settings& settings) { return run(std::move(settings)); },
                                 [](const sim::Said& said) {
                                     (said.exit_code == 0 ? std::cout : std::cerr) << said.text;
                                     return said.exit_code;
                                 }},
                      *std::make_unique<sim::Parsed>(sim::parse_command_line(argc, argv)));
}
