// Memory that runs out, at every allocation of every operation of a link:
//   malloc_torture [--operation NAME] [--stride N] [--offset N] [--point N --lasts once|for-good]
// Each allocation of an operation (malloc, operator new, OpenSSL's) fails once, and with all that follow it.
// Each point is played in a process of its own. Promised: the operation says that it failed (a fault,
// std::bad_alloc, or the end of the process with one line and the exit code of OUT_OF_RESOURCES), or was done
// in spite of it; no crash, no hang, no leak; the same operation right behind it in the same process is done;
// and nothing that was stored is lost. Exit code 1 when a promise was broken; --point plays one alone.
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <openssl/crypto.h>
#include <openssl/err.h>

#include <CLI/CLI.hpp>
#include <csignal>
#include <iostream>
#include <map>
#include <new>

#include "crypto/memory.hpp"
#include "os/process.hpp"
#include "tests/torture/failing_memory.hpp"
#include "tests/torture/operations.hpp"

namespace {

using namespace tserver;
using namespace tserver::torture;

constexpr unsigned time_limit = 30;  ///< seconds for one point
constexpr std::size_t points_of_a_cluster = 300;

enum Verdict : int { done = 0, said = 10, thrown = 11, broken = 20 };

struct Given {
    std::string operation, lasts;
    std::size_t stride = 1, offset = 0, point = 0;
};

void say_broken(const std::string& promise) {
    std::cerr << "  " << promise << std::endl;
    ::_exit(broken);
}

struct Try {
    Verdict verdict;
    Done outcome;
    long kept;  ///< blocks
    bool errors_left;
};

/// Without what OpenSSL keeps for the thread: its error queue, its random generators.
long blocks_in_use() {
    OPENSSL_thread_stop();
    return live_blocks();
}

Try try_once(const Operation& operation, std::size_t point, Lasts lasts) {
    operation.before();
    const auto before = blocks_in_use();
    Try out{done, {}, 0, false};
    fail_allocation(point, lasts);
    try {
        out.outcome = operation.run();
        stop_failing();
        if (out.outcome) out.verdict = said;
    } catch (const std::bad_alloc&) {
        stop_failing();
        out.verdict = thrown;
    }
    out.errors_left = ERR_peek_error() != 0;
    out.kept = blocks_in_use() - before - (out.outcome && out.outcome->size() > 15 ? 1 : 0);
    return out;
}

/// What is kept once is a cache; what is kept again and again is a leak.
bool leaks(const Operation& operation, std::size_t point, Lasts lasts) {
    int grown = 0;
    for (int i = 0; i < 4; ++i)
        if (try_once(operation, point, lasts).kept > 0) ++grown;
    return grown >= 3;
}

/// In a process of its own.
[[noreturn]] void play(const Operation& operation, std::size_t point, Lasts lasts, bool tell) {
    ::alarm(time_limit);
    if (!tell) ::dup2(::open("/dev/null", O_WRONLY | O_CLOEXEC), STDERR_FILENO);
    os::end_when_memory_is_gone("malloc_torture");
    if (tell) tell_next_failure();
    const auto first = try_once(operation, point, lasts);
    if (tell)
        std::cerr << "  outcome: "
                  << (first.verdict == thrown ? "std::bad_alloc" : first.outcome.value_or("done"))
                  << ", blocks kept: " << first.kept << '\n';
    if (first.outcome && first.outcome->find_first_of("abcdefghijklmnopqrstuvwxyz") != std::string::npos)
        say_broken("wrong: " + *first.outcome);
    if (first.errors_left && first.verdict != thrown) say_broken("OpenSSL's error queue was not emptied");
    if (first.outcome == "ACCEPTED") say_broken("a forged list was accepted");
    if (const auto missing = operation.look()) say_broken(*missing);
    operation.before();
    if (const auto again = operation.run()) say_broken("not done right behind it: " + *again);
    if (first.kept > 0 && leaks(operation, point, lasts)) say_broken("memory is kept each time");
    ::_exit(first.verdict);
}

struct Tally {
    std::map<std::string, std::map<std::string, std::size_t>> counts;
    std::vector<std::string> broken;
    std::size_t points = 0;
};

/// After a process that has ended: another one finds everything, and does it.
bool another_does(const Operation& operation) {
    const auto pid = ::fork();
    if (pid == 0) {
        ::alarm(time_limit);
        if (const auto missing = operation.look()) say_broken(*missing);
        operation.before();
        if (const auto failed = operation.run()) say_broken("another process: " + *failed);
        ::_exit(0);
    }
    int status = 0;
    ::waitpid(pid, &status, 0);
    return status == 0;
}

std::string played(const Operation& operation, std::size_t point, Lasts lasts, bool tell) {
    const auto pid = ::fork();
    if (pid == 0) play(operation, point, lasts, tell);
    int status = 0;
    ::waitpid(pid, &status, 0);
    if (WIFSIGNALED(status))
        return fmt::format("broken: {}", WTERMSIG(status) == SIGALRM ? "hangs" : strsignal(WTERMSIG(status)));
    switch (WEXITSTATUS(status)) {
        case done: return "done in spite of it";
        case said: return "a fault";
        case thrown: return "std::bad_alloc";
        default: break;
    }
    if (WEXITSTATUS(status) != row(Fault::OUT_OF_RESOURCES).exit_code) return "broken: a promise";
    return another_does(operation) ? "the process ended with OUT_OF_RESOURCES" : "broken: after the end";
}

/// Allocations of a run without fault; the first two fill what is made once.
std::size_t points_of(const Operation& operation) {
    for (int i = 0; i < 2; ++i) {
        operation.before();
        if (const auto failed = operation.run()) throw std::runtime_error{operation.name + ": " + *failed};
    }
    operation.before();
    fail_allocation(0, Lasts::once);
    const auto failed = operation.run();
    const auto points = stop_failing();
    if (failed) throw std::runtime_error{operation.name + ": " + *failed};
    return points;
}

void torture_one(const Operation& operation, const Given& given, ClusterProcess& cluster, Tally& tally) {
    const auto points = points_of(operation);
    fmt::print("{}: {} allocations\n", operation.name, points);
    std::fflush(stdout);
    std::size_t since = 0;
    for (auto point = 1 + given.offset % given.stride; point <= points; point += given.stride) {
        for (const auto lasts : {Lasts::once, Lasts::for_good}) {
            if (operation.name == "enrol" && ++since % points_of_a_cluster == 0) cluster.restart();
            const auto what = played(operation, point, lasts, false);
            const std::string mode = lasts == Lasts::once ? "once" : "for-good";
            ++tally.points;
            ++tally.counts[operation.name + ", " + mode][what];
            if (!what.starts_with("broken")) continue;
            tally.broken.push_back(
                fmt::format("--operation '{}' --point {} --lasts {}: {}", operation.name, point, mode, what));
            std::cerr << tally.broken.back() << std::endl;
        }
    }
}

int run(const Given& given) {
    ClusterProcess cluster;
    const testing_support::Scratch scratch;
    Tally tally;
    const auto began = Steady::now();
    for (const auto& operation : operations(cluster, scratch.path)) {
        if (!given.operation.empty() && operation.name != given.operation) continue;
        if (given.point > 0) {
            points_of(operation);
            const auto lasts = given.lasts == "for-good" ? Lasts::for_good : Lasts::once;
            fmt::print("{}\n", played(operation, given.point, lasts, true));
            return 0;
        }
        torture_one(operation, given, cluster, tally);
    }
    for (const auto& [name, outcomes] : tally.counts) {
        fmt::print("{}\n", name);
        for (const auto& [what, count] : outcomes) fmt::print("    {:8} {}\n", count, what);
    }
    fmt::print("{} fault points in {:.0f} s, {} promises broken\n", tally.points,
               std::chrono::duration<double>(Steady::now() - began).count(), tally.broken.size());
    return tally.broken.empty() && tally.points > 0 ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
    CLI::App app{"malloc_torture: memory that runs out at every allocation of every operation of a link."};
    Given given;
    app.add_option("--operation", given.operation, "one operation alone");
    app.add_option("--stride", given.stride, "every N-th allocation")->check(CLI::PositiveNumber);
    app.add_option("--offset", given.offset, "beginning with this one");
    app.add_option("--point", given.point, "one allocation alone, told on standard error");
    app.add_option("--lasts", given.lasts, "with --point: once or for-good");
    CLI11_PARSE(app, argc, argv);
    if (!crypto::fail_as_new_does())
        return 2;  // as the shipped programs do; the handler is set for a point alone
    if (std::filesystem::is_directory("/dev/shm")) ::setenv("TMPDIR", "/dev/shm", 0);
    return run(given);
}
