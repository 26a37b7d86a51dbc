// Downloads of the trust list by TFTP (tftp/client.hpp) from the simulated cluster.
//
// Promised of each: it ends within its deadline, with the file as the server has it or with a named fault.
// One datagram lost, doubled, late or behind its successor costs time and nothing else. Where datagrams are
// changed, which UDP's checksum prevents on a real network, a file that differs is not taken for a trust
// list.
#include <fmt/format.h>

#include "tests/torture/datagram_cutter.hpp"
#include "tests/torture/lane.hpp"
#include "tests/torture/site.hpp"
#include "tftp/client.hpp"
#include "trust/parse.hpp"
#include "trust/verify.hpp"

namespace tserver::torture {
namespace {

using namespace std::chrono_literals;

tftp::Limits limits() {
    tftp::Limits out;
    out.deadline = 5'000ms;
    out.first_wait = 30ms;
    out.longest_wait = 400ms;
    out.farewell = 0ms;
    return out;
}

/// What a list goes through before it is used.
Result<trust::List> taken(ByteView file, const trust::List& held) {
    TRY(list, trust::parse(file));
    CHECK(trust::verify(list, held));
    return list;
}

class TftpLane final : public Lane {
public:
    explicit TftpLane(const LaneSetup& setup)
        : setup_{setup},
          site_{setup.loop, setup.number, faults(setup.variant), setup.tell},
          here_{Host::parse(fmt::format("127.1.0.{}", setup.number + 1)).value()},
          cutter_{setup.loop, here_, site_.tftp()},
          file_{site_.cluster().cluster.authority.file("CTLFile.tlv").value()} {}

    net::Task<Extent> prepare() override;
    net::Task<Outcome> play(Case run) override;

private:
    static std::vector<std::string> faults(const std::string& variant) {
        if (variant == "plain") return {"tftp-ignore-options"};
        return {};
    }
    void judge(Outcome& outcome, const Case& run, const Result<tftp::Download>& got) const;

    LaneSetup setup_;
    Site site_;
    Host here_;
    DatagramCutter cutter_;
    Bytes file_;
};

net::Task<Extent> TftpLane::prepare() {
    const Case undisturbed{"tftp", setup_.variant};
    auto playing = play(undisturbed);
    const auto outcome = co_await std::move(playing);
    if (!outcome.broken.empty()) throw std::runtime_error{outcome.broken.front()};
    Extent out{cutter_.sizes(Way::up).size(), cutter_.sizes(Way::down).size(), cutter_.sizes(Way::up)};
    out.sizes.insert(out.sizes.end(), cutter_.sizes(Way::down).begin(), cutter_.sizes(Way::down).end());
    co_return out;
}

net::Task<Outcome> TftpLane::play(Case run) {
    cutter_.plan(run);
    const tftp::Server server{here_, cutter_.port()};
    const auto began = Steady::now();
    auto fetching = tftp::fetch(setup_.loop, server, "CTLFile.tlv", limits());
    const auto got = co_await std::move(fetching);
    Outcome outcome;
    expect(outcome, Steady::now() - began <= limits().deadline + slack, "took longer than its deadline");
    judge(outcome, run, got);
    if (!cutter_.fired() && run.act != Act::chop) outcome.what += ", undisturbed";
    co_return outcome;
}

/// Its client's port was free again, and what was late for it came here. That somebody else has answered is
/// then the truth, and disturbs no transfer that has an answer of its own.
bool met_another_run(const Error& error) {
    return error.fault == Fault::TFTP_PROTOCOL && error.detail.find(": 127.1.0.") != std::string::npos &&
           error.detail.find("answered in its place") != std::string::npos;
}

void TftpLane::judge(Outcome& outcome, const Case& run, const Result<tftp::Download>& got) const {
    const bool changed = run.act == Act::flip || run.act == Act::cut;
    const bool harmless = run.act != Act::dead && run.act != Act::chop && !changed;
    if (!got) {
        outcome.what = std::string{id(got.error().fault)};
        const bool lost = got.error().fault == Fault::TFTP_UNREACHABLE || met_another_run(got.error());
        const bool named =
            lost || (changed && (outcome.what.starts_with("TFTP_") || outcome.what == "CTL_NOT_FOUND"));
        expect(outcome, named && !harmless, got.error().text());
    } else if (got->file == file_) {
        outcome.what = "exact";
    } else {
        const auto list = taken(got->file, site_.list());
        outcome.what = "changed, refused: " + (list ? "not at all" : std::string{id(list.error().fault)});
        expect(outcome, changed && !list, "a file that the server does not have");
    }
}

}  // namespace

std::unique_ptr<Lane> tftp_lane(const LaneSetup& setup) { return std::make_unique<TftpLane>(setup); }

}  // namespace tserver::torture
