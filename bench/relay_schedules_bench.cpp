// links: net
// Random sessions through the relay, plain and TLS 1.2 and 1.3, against a model (tests/support):
//   relay_schedules_bench [sessions] [seed]
// Prints each difference with its seed, and their number. Exit code 1 when there is one.
#include <cstdlib>

#include "tests/support/relay_schedules.hpp"

int main(int argc, char** argv) {
    using namespace tserver;
    const auto sessions = argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 10'000;
    const auto first = argc > 2 ? std::strtoull(argv[2], nullptr, 10) : std::random_device{}();
    const auto identity = testing_support::sample_identity("CTIManager");
    const auto begin = Steady::now();
    unsigned long long differences = 0;
    for (auto seed = first; seed < first + sessions; ++seed) {
        const auto schedule = testing_support::random_schedule(seed);
        const auto difference = testing_support::run_schedule(schedule, identity);
        if (difference.empty()) continue;
        ++differences;
        fmt::print("seed {}: {} ({})\n", seed, difference, testing_support::describe(schedule));
    }
    fmt::print("sessions {}  first seed {}  seconds {:.1f}  differences {}\n", sessions, first,
               std::chrono::duration<double>(Steady::now() - begin).count(), differences);
    return differences == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
