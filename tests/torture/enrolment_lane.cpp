// Enrolments: the whole step of a link's life (link/identity.hpp) with its store, against the simulated CAPF.
//
// Promised of each: it ends within its time; in a certificate, in a failure after which the same code brings
// one, or in CAPF_CODE_PROBABLY_USED, after which the same code is not sent again and a fresh one brings a
// certificate. Never is a code given up that CAPF cannot have used, never is a second certificate issued for
// one code, and a certificate that was held before stays until there is a newer one.
#include <fmt/format.h>

#include "link/identity.hpp"
#include "tests/torture/cutter.hpp"
#include "tests/torture/lane.hpp"
#include "tests/torture/site.hpp"

namespace tserver::torture {
namespace {

using namespace std::chrono_literals;

constexpr unsigned runs_of_a_cluster = 40;

/// The connection was lost, and nothing more is claimed.
bool is_loss(Fault fault) {
    return fault == Fault::CAPF_COMM || fault == Fault::CAPF_STALLED || fault == Fault::CAPF_UNREACHABLE ||
           fault == Fault::TIMED_OUT;
}

/// What a changed octet may look like. Nothing of it is said of the code.
bool is_garbage(Fault fault) {
    return is_loss(fault) || fault == Fault::CAPF_PROTOCOL || fault == Fault::CAPF_TLS_CIPHER ||
           fault == Fault::CAPF_TLS_UNTRUSTED;
}

class EnrolmentLane final : public Lane {
public:
    explicit EnrolmentLane(const LaneSetup& setup)
        : setup_{setup},
          cutter_{setup.loop},
          site_{setup.loop, setup.number, {"capf-tls=" + setup.variant}, setup.tell} {
        config_.number = setup.number;
        config_.name = fmt::format("lane-{}", setup.number);
        config_.passphrase = Secret{"torture"};
        config_.instance_id = instance_of(setup.number);
        config_.capf_host = Host::parse("127.0.0.1").value();
        config_.capf_port = cutter_.port();
    }

    net::Task<Extent> prepare() override;
    net::Task<Outcome> play(Case run) override;

private:
    using Identity = std::unique_ptr<link::ClientIdentity>;

    net::Task<Outcome> attempt(Case run, std::chrono::milliseconds limit);
    void begin(const Case& run);
    void arm_anew();
    [[nodiscard]] Identity reopen();
    void forget_attempts() const;
    [[nodiscard]] std::size_t issued() const { return site_.issued() - issued_before_; }
    net::Task<void> after_success(Outcome& outcome);
    net::Task<void> after_loss(Outcome& outcome, Identity same);
    net::Task<void> after_used(Outcome& outcome, Identity same);
    void expect_newest(Outcome& outcome, const link::ClientIdentity& identity) const;

    LaneSetup setup_;
    Cutter cutter_;
    Site site_;
    config::LinkConfig config_;
    std::unique_ptr<link::Board> board_;
    testing_support::Scratch held_;  ///< a store with an identity
    std::string held_sha256_;        ///< of the identity that the run began with, empty if with none
    std::size_t key_asked_ = 0;      ///< octets from CAPF up to the end of KEY_GENERATE_REQUEST
    std::size_t issued_before_ = 0;
    unsigned codes_ = 0;
    unsigned runs_ = 0;
};

/// The same store, opened as a process does that was just started.
EnrolmentLane::Identity EnrolmentLane::reopen() {
    return std::make_unique<link::ClientIdentity>(setup_.loop, config_, *board_, store_rounds);
}

void EnrolmentLane::arm_anew() {
    const auto code = fmt::format("{:03}{:07}", setup_.number, ++codes_);
    site_.arm(code);
    config_.auth_code = AuthCode::parse(code).value();
}

/// One enrolment in 30 s is allowed; a run must not wait for that.
void EnrolmentLane::forget_attempts() const {
    std::filesystem::remove(config_.store / "identities" / config_.instance_id->str() / "attempts.json");
}

/// A store, a profile and a code. Every other run is a renewal: it begins with an identity.
void EnrolmentLane::begin(const Case& run) {
    if (runs_++ % runs_of_a_cluster == 0) site_.renew_cluster();
    cutter_.lead_to(site_.capf());
    issued_before_ = site_.issued();
    config_.store = site_.new_store();
    const bool renewal = run.at % 2 == 1 && run.act != Act::nothing;
    if (renewal) std::filesystem::copy(held_.path, config_.store, std::filesystem::copy_options::recursive);
    keep_key(config_, setup_.key);
    board_ = site_.board(config_);
    held_sha256_.clear();
    if (renewal) {
        held_sha256_ = store::read_identity(config_.store.string(), *config_.instance_id, *config_.passphrase)
                           .value()
                           .identity.certificate.sha256();
    }
    arm_anew();
}

net::Task<Extent> EnrolmentLane::prepare() {
    const Case undisturbed{"capf", setup_.variant};
    auto playing = play(undisturbed);
    const auto outcome = co_await std::move(playing);
    if (!outcome.broken.empty()) throw std::runtime_error{outcome.broken.front()};
    std::filesystem::copy(config_.store, held_.path, std::filesystem::copy_options::recursive);
    // The client speaks last but one with its key: all that came before that is KEY_GENERATE_REQUEST.
    std::vector<std::size_t> heard;
    for (const auto& turn : cutter_.turns())
        if (turn.way == Way::up) heard.push_back(turn.passed.at(1));
    key_asked_ = heard.at(heard.size() - 2);
    co_return Extent{cutter_.passed(Way::up), cutter_.passed(Way::down), {}};
}

net::Task<Outcome> EnrolmentLane::play(Case run) {
    const bool waits = run.act == Act::stall || tampers(run.act);
    for (auto limit = waits ? impatient : patient;; limit *= 4) {
        auto trying = attempt(run, limit);
        auto outcome = co_await std::move(trying);
        const bool missed = !cutter_.fired() && outcome.what != "certificate" && limit < patient;
        if (!missed || !outcome.broken.empty()) {
            if (!cutter_.fired()) outcome.what += ", undisturbed";
            co_return outcome;
        }
    }
}

net::Task<Outcome> EnrolmentLane::attempt(Case run, std::chrono::milliseconds limit) {
    begin(run);
    config_.enrol_timeout = limit;
    cutter_.plan(run);
    auto identity = reopen();
    const auto began = Steady::now();
    auto enrolling = identity->enrol(site_.list(), *config_.auth_code);
    const auto enrolled = co_await std::move(enrolling);
    const auto took = std::chrono::duration_cast<std::chrono::milliseconds>(Steady::now() - began);
    auto quieting = cutter_.quiet();
    const bool quiet = co_await std::move(quieting);

    Outcome outcome;
    const auto fault = enrolled ? std::optional<Fault>{} : enrolled.error().fault;
    outcome.what = fault ? std::string{id(*fault)} : "certificate";
    expect(outcome, quiet, "CAPF still holds the connection");
    expect(outcome, took <= limit + slack, fmt::format("took {} ms of {}", took.count(), limit.count()));
    expect(outcome, issued() <= 1, fmt::format("{} certificates for one code", issued()));
    config_.enrol_timeout = patient;
    forget_attempts();
    if (!fault || run.at / 2 % 2 == 1) identity.reset();  // the process ends, another one goes on
    const bool known = !fault || is_loss(*fault) || *fault == Fault::CAPF_CODE_PROBABLY_USED ||
                       (tampers(run.act) && is_garbage(*fault));
    expect(outcome, known, fault ? enrolled.error().text() : "");
    if (!known) co_return outcome;
    auto checking = !fault                                     ? after_success(outcome)
                    : *fault == Fault::CAPF_CODE_PROBABLY_USED ? after_used(outcome, std::move(identity))
                                                               : after_loss(outcome, std::move(identity));
    co_await std::move(checking);
    auto ending = cutter_.quiet();
    co_await std::move(ending);
    co_return outcome;
}

void EnrolmentLane::expect_newest(Outcome& outcome, const link::ClientIdentity& identity) const {
    const auto latest = site_.cluster().cluster.profiles.latest(config_.instance_id->str());
    expect(outcome, latest && identity.get().certificate.sha256() == latest->sha256,
           "the identity is not the one that CAPF issued last");
}

/// A new process finds the certificate and asks nobody.
net::Task<void> EnrolmentLane::after_success(Outcome& outcome) {
    expect(outcome, issued() == 1, fmt::format("a certificate, and CAPF has issued {}", issued()));
    const auto connections = cutter_.connections();
    const auto identity = reopen();
    auto ensuring = identity->ensure(site_.list());
    const auto ensured = co_await std::move(ensuring);
    expect(outcome, ensured.has_value(), ensured ? "" : "lost: " + ensured.error().text());
    expect(outcome, cutter_.connections() == connections, "CAPF was asked again");
    if (ensured) expect_newest(outcome, *identity);
}

/// The same code brings a certificate. @param same  the process that has failed, or none: it was restarted
net::Task<void> EnrolmentLane::after_loss(Outcome& outcome, Identity same) {
    expect(outcome, issued() == 0, "CAPF has issued a certificate, and the failure does not say so");
    if (!held_sha256_.empty() && !same) {
        const auto stored =
            store::read_identity(config_.store.string(), *config_.instance_id, *config_.passphrase);
        expect(outcome, stored && stored->identity.certificate.sha256() == held_sha256_,
               "the identity held before is gone");
    }
    if (!same) same = reopen();
    auto ensuring = same->ensure(site_.list());
    const auto ensured = co_await std::move(ensuring);
    expect(outcome, ensured.has_value(), ensured ? "" : "no second try: " + ensured.error().text());
    expect(outcome, issued() == 1, fmt::format("after the second try {} certificates", issued()));
    if (ensured) expect_newest(outcome, *same);
    outcome.what += ", then a certificate";
}

/// The same code is not sent again; a fresh one brings a certificate.
net::Task<void> EnrolmentLane::after_used(Outcome& outcome, Identity same) {
    const auto so_far = issued();
    expect(outcome, cutter_.passed(Way::down) >= key_asked_,
           fmt::format("the code was given up, and only {} octets of {} had come", cutter_.passed(Way::down),
                       key_asked_));
    if (!same) same = reopen();
    const auto connections = cutter_.connections();
    auto ensuring = same->ensure(site_.list());
    const auto ensured = co_await std::move(ensuring);
    expect(outcome, cutter_.connections() == connections, "a code that was probably used was sent again");
    if (held_sha256_.empty()) {
        expect(outcome, !ensured && ensured.error().fault == Fault::CODE_MISSING,
               "with no certificate: " + (ensured ? "success" : ensured.error().text()));
    } else {
        expect(outcome, ensured && same->get().certificate.sha256() == held_sha256_,
               "the identity held before is gone");
    }
    forget_attempts();
    arm_anew();
    auto renewing = same->ensure(site_.list());
    const auto renewed = co_await std::move(renewing);
    expect(outcome, renewed.has_value(), renewed ? "" : "with a fresh code: " + renewed.error().text());
    expect(outcome, issued() == so_far + 1, fmt::format("with a fresh code {} certificates", issued()));
    if (renewed) expect_newest(outcome, *same);
    outcome.what += so_far == 0 ? " (not issued)" : " (issued)";
}

}  // namespace

std::unique_ptr<Lane> enrolment_lane(const LaneSetup& setup) {
    return std::make_unique<EnrolmentLane>(setup);
}

}  // namespace tserver::torture
