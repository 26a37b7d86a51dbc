// The client's parts against the simulated cluster, through a network that fails at every octet:
//   network_torture [--part capf|session|tftp] [--act ACT] [--variant V] [--stride N] [--offset N]
//                   [--lanes N] [--seconds N] [--case NAME]
// Every position of an undisturbed run is met, in both directions, by each act; with --stride every N-th,
// beginning with --offset. What is promised of a run stands in enrolment_lane.cpp, session_lane.cpp and
// tftp_lane.cpp. Exit code 1 when a promise was broken; the name of the run plays it alone, with --case.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <map>

#include "tests/torture/lane.hpp"
#include "tests/torture/parts.hpp"

namespace {

using namespace tserver;
using namespace tserver::torture;

struct Given {
    std::string part, act, variant, alone;
    std::size_t stride = 1, offset = 0;
    unsigned lanes = 8;
    unsigned seconds = 0;
};

struct Tally {
    std::map<std::string, std::map<std::string, std::size_t>> counts;  ///< by part, variant and act
    std::map<std::string, std::size_t> positions;
    std::vector<std::string> broken;
    std::size_t runs = 0;
    double longest = 0;

    void add(const Case& run, const Outcome& outcome) {
        const auto group = fmt::format("{} {} {}", run.part, run.variant, name(run.act));
        ++counts[group][outcome.what];
        ++positions[group];
        ++runs;
        for (const auto& promise : outcome.broken) {
            broken.push_back(name(run) + ": " + promise);
            std::cerr << "broken: " << broken.back() << '\n';
        }
    }
    void print() const {
        for (const auto& [group, outcomes] : counts) {
            fmt::print("{:8} {}\n", positions.at(group), group);
            for (const auto& [what, count] : outcomes) fmt::print("         {:8} {}\n", count, what);
        }
    }
};

/// The runs that are left; lanes take one after the other.
class Queue {
public:
    Queue(std::vector<Case> cases, Steady::time_point until) : cases_{std::move(cases)}, until_{until} {}
    std::optional<Case> next() {
        if (at_ == cases_.size() || Steady::now() > until_) return std::nullopt;
        return cases_[at_++];
    }
    [[nodiscard]] std::size_t left() const { return cases_.size() - at_; }

private:
    std::vector<Case> cases_;
    std::size_t at_ = 0;
    Steady::time_point until_;
};

net::Task<void> work(net::Loop& loop, Lane& lane, Queue& queue, Tally& tally, std::size_t& working) {
    auto preparing = lane.prepare();
    co_await std::move(preparing);
    while (const auto run = queue.next()) {
        auto playing = lane.play(*run);
        const auto outcome = co_await std::move(playing);
        tally.add(*run, outcome);
    }
    if (--working == 0) loop.stop();
}

/// An undisturbed run of a lane of its own.
Extent measure(const Part& part, const std::string& variant, const crypto::PrivateKey& key) {
    net::Loop loop;
    const auto lane = part.make({loop, 0, variant, key, false});
    Extent extent;
    auto measuring = [&loop, &extent](Lane& measured) -> net::Task<void> {
        auto preparing = measured.prepare();
        extent = co_await std::move(preparing);
        loop.stop();
    };
    const net::Job job{measuring(*lane)};
    loop.run();
    return extent;
}

/// @return runs that there was no time for
std::size_t play(const Part& part, const std::string& variant, std::vector<Case> cases, unsigned lanes,
                 Steady::time_point until, bool tell, const crypto::PrivateKey& key, Tally& tally) {
    net::Loop loop;
    Queue queue{std::move(cases), until};
    std::size_t working = lanes;
    std::vector<std::unique_ptr<Lane>> all;
    std::vector<net::Job> jobs;
    for (unsigned n = 1; n <= lanes; ++n) {
        all.push_back(part.make({loop, n, variant, key, tell}));
        jobs.emplace_back(work(loop, *all.back(), queue, tally, working));
    }
    loop.run();
    return queue.left();
}

int run(const Given& given) {
    const auto key = crypto::PrivateKey::make_rsa(2048).value();
    const auto alone = case_named(given.alone);
    const auto began = Steady::now();
    const auto until =
        given.seconds > 0 ? began + std::chrono::seconds{given.seconds} : Steady::time_point::max();
    Tally tally;
    std::size_t left = 0;
    for (const auto& part : parts()) {
        if (alone ? part.name != alone->part : !given.part.empty() && part.name != given.part) continue;
        for (const auto& variant : part.variants) {
            if (alone ? variant != alone->variant : !given.variant.empty() && variant != given.variant)
                continue;
            if (alone) {
                play(part, variant, {*alone}, 1, until, true, key, tally);
                continue;
            }
            const auto extent = measure(part, variant, key);
            auto cases = part.cases(variant, extent);
            std::erase_if(cases,
                          [&](const Case& c) { return !given.act.empty() && name(c.act) != given.act; });
            std::vector<Case> chosen;
            for (auto i = given.offset % given.stride; i < cases.size(); i += given.stride)
                chosen.push_back(std::move(cases[i]));
            fmt::print("{} {}: {} positions up, {} down, {} runs\n", part.name, variant, extent.up,
                       extent.down, chosen.size());
            std::fflush(stdout);
            left += play(part, variant, std::move(chosen), given.lanes, until, false, key, tally);
        }
    }
    tally.print();
    const auto took = std::chrono::duration<double>(Steady::now() - began).count();
    fmt::print("{} runs in {:.0f} s, {} left out for want of time, {} promises broken\n", tally.runs, took,
               left, tally.broken.size());
    for (const auto& promise : tally.broken) fmt::print("broken: {}\n", promise);
    return tally.broken.empty() && tally.runs > 0 ? 0 : 1;
}

/// Stores are written and synced thousands of times: in memory, unless TMPDIR says otherwise.
void work_in_memory() {
    constexpr const char* memory = "/dev/shm";
    if (std::filesystem::is_directory(memory)) ::setenv("TMPDIR", memory, 0);
}

}  // namespace

int main(int argc, char** argv) {
    CLI::App app{"network_torture: the client's parts through a network that fails at every octet."};
    Given given;
    app.add_option("--part", given.part, "capf, session or tftp");
    app.add_option("--act", given.act, "one of the acts alone");
    app.add_option("--variant", given.variant, "one of the variants alone");
    app.add_option("--stride", given.stride, "every N-th run")->check(CLI::PositiveNumber);
    app.add_option("--offset", given.offset, "beginning with this one");
    app.add_option("--lanes", given.lanes, "runs at the same time")->check(CLI::Range(1, 200));
    app.add_option("--seconds", given.seconds, "no new run after this time");
    app.add_option("--case", given.alone, "one run alone, told on standard error");
    CLI11_PARSE(app, argc, argv);
    if (!given.alone.empty() && !case_named(given.alone)) {
        std::cerr << "network_torture: --case takes PART/VARIANT/ACT/up|down/POSITION\n";
        return 2;
    }
    work_in_memory();
    return run(given);
}
