// Sessions: mutual TLS with the simulated CTIManager (link/session.hpp) and an application's octets through
// the relay, echoed back.
//
// Promised of each: it ends within its time; the session is up, or a fault is named; what the CTIManager got
// and what the application got back are what was sent, from the beginning on, without an octet changed,
// doubled or left out; where nothing was lost, all of it; and the next session is up.
#include <fmt/format.h>
#include <sys/socket.h>

#include <fstream>

#include "link/identity.hpp"
#include "link/session.hpp"
#include "net/relay.hpp"
#include "tests/torture/cutter.hpp"
#include "tests/torture/lane.hpp"
#include "tests/torture/site.hpp"

namespace tserver::torture {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t messages = 3;
constexpr std::size_t message_octets = 700;
constexpr auto quiet_time = 500ms;  ///< of a TLS 1.3 session that is up (link/session.hpp)
constexpr net::Relay::Limits relay_limits{1s, 500ms};

/// What the application says; no two places are alike.
const Bytes& speech() {
    static const Bytes all = [] {
        Bytes out(messages * message_octets);
        for (std::size_t i = 0; i < out.size(); ++i)
            out[i] = static_cast<std::uint8_t>(i * 31 + (i >> 8U) * 17);
        return out;
    }();
    return all;
}

bool begins_speech(const Bytes& heard) {
    return heard.size() <= speech().size() && std::equal(heard.begin(), heard.end(), speech().begin());
}

Bytes content(const std::filesystem::path& file) {
    std::ifstream in{file, std::ios::binary};
    return {std::istreambuf_iterator<char>{in}, {}};
}

/// A lost connection, and nothing more is claimed.
bool is_loss(Fault fault) { return fault == Fault::CTI_CLOSED || fault == Fault::CTI_SILENT; }

/// A changed octet may look like any failure of TLS.
bool is_garbage(Fault fault) { return id(fault).starts_with("CTI_") || id(fault).starts_with("TLS_"); }

/// An application: sends a message, waits for its echo, and sends the next.
class Application {
public:
    Application(net::Loop& loop, os::Fd socket, std::chrono::milliseconds patience)
        : loop_{loop}, socket_{std::move(socket)}, patience_{patience} {}

    net::Task<void> run() {
        for (std::size_t said = 0; said < speech().size(); said += message_octets) {
            const auto message = ByteView{speech()}.subspan(said, message_octets);
            if (::send(socket_.get(), message.data(), message.size(), MSG_NOSIGNAL) < 0) break;
            auto hearing = net::within(loop_, patience_, hear(said + message_octets));
            const auto whole = co_await std::move(hearing);
            if (!whole || !*whole) break;
        }
        socket_.reset();
    }
    [[nodiscard]] const Bytes& heard() const noexcept { return heard_; }

private:
    /// @return false when the connection has ended
    net::Task<Result<bool>> hear(std::size_t until) {
        std::array<std::uint8_t, 4096> room{};
        while (heard_.size() < until) {
            co_await net::readable(loop_, socket_.get());
            const auto got = ::recv(socket_.get(), room.data(), room.size(), 0);
            if (got <= 0) co_return false;
            heard_.insert(heard_.end(), room.begin(), room.begin() + got);
        }
        co_return true;
    }

    net::Loop& loop_;
    os::Fd socket_;
    std::chrono::milliseconds patience_;
    Bytes heard_;
};

class SessionLane final : public Lane {
public:
    explicit SessionLane(const LaneSetup& setup)
        : setup_{setup},
          cutter_{setup.loop},
          site_{setup.loop, setup.number, {"cti-tls=" + setup.variant}, setup.tell} {
        config_.name = fmt::format("lane-{}", setup.number);
        config_.passphrase = Secret{"torture"};
        config_.instance_id = instance_of(setup.number);
        config_.capf_host = Host::parse("127.0.0.1").value();
        config_.capf_port = site_.capf().port();
        config_.store = site_.new_store();
        config_.hostname = {*config_.capf_host};
        config_.port = cutter_.port();
        cutter_.lead_to(site_.ctimanager());
    }

    net::Task<Extent> prepare() override;
    net::Task<Outcome> play(Case run) override;

private:
    net::Task<Outcome> attempt(Case run, std::chrono::milliseconds limit);
    net::Task<void> talk(Outcome& outcome, link::Session& session, bool tampered,
                         std::chrono::milliseconds limit);
    void name_end(Outcome& outcome, const net::RelayEnd& end, bool tampered);
    net::PeerCheck check() const;

    LaneSetup setup_;
    Cutter cutter_;
    Site site_;
    config::LinkConfig config_;
    std::unique_ptr<link::Board> board_;
    std::unique_ptr<link::ClientIdentity> identity_;
    std::optional<crypto::TlsContext> context_;
    bool whole_ = false;  ///< the last run: everything was echoed
    unsigned runs_ = 0;
};

net::PeerCheck SessionLane::check() const {
    return [this](const crypto::Certificate& leaf) -> Result<void> {
        if (trust::trusts_server(site_.list(), leaf)) return {};
        return fail(Fault::CTI_SERVER_UNTRUSTED, leaf.sha256());
    };
}

net::Task<Extent> SessionLane::prepare() {
    board_ = site_.board(config_);
    keep_key(config_, setup_.key);
    const auto code = fmt::format("{:06}", setup_.number);
    site_.arm(code);
    config_.auth_code = AuthCode::parse(code).value();
    identity_ = std::make_unique<link::ClientIdentity>(setup_.loop, config_, *board_, store_rounds);
    auto enrolling = identity_->ensure(site_.list());
    if (const auto enrolled = co_await std::move(enrolling); !enrolled)
        throw std::runtime_error{enrolled.error().text()};
    context_ = crypto::TlsContext::client(config_.tls_profile, &identity_->get()).value();
    const Case undisturbed{"session", setup_.variant};
    auto playing = attempt(undisturbed, patient);
    const auto outcome = co_await std::move(playing);
    if (!outcome.broken.empty() || !whole_)
        throw std::runtime_error{"an undisturbed session: " + outcome.what};
    co_return Extent{cutter_.passed(Way::up), cutter_.passed(Way::down), {}};
}

net::Task<Outcome> SessionLane::play(Case run) {
    const bool waits = run.act == Act::stall || tampers(run.act);
    Outcome outcome;
    for (auto limit = waits ? impatient : patient;; limit *= 4) {
        auto trying = attempt(run, limit);
        outcome = co_await std::move(trying);
        const bool missed = !cutter_.fired() && !whole_ && limit < patient;
        if (!missed || !outcome.broken.empty()) break;
    }
    if (!cutter_.fired()) outcome.what += ", undisturbed";
    if (run.act == Act::delay || run.act == Act::single || run.act == Act::chop)
        expect(outcome, whole_, "nothing was lost, and the session was not whole");
    if (++runs_ % 8 == 0) {
        const Case undisturbed{"session", setup_.variant};
        auto trying = attempt(undisturbed, patient);
        const auto next = co_await std::move(trying);
        expect(outcome, whole_ && next.broken.empty(), "the next session: " + next.what);
    }
    co_return outcome;
}

net::Task<Outcome> SessionLane::attempt(Case run, std::chrono::milliseconds limit) {
    Outcome outcome;
    whole_ = false;
    config_.handshake_timeout = limit;
    cutter_.plan(run);
    const auto began = Steady::now();
    auto opening = link::open_secure(setup_.loop, config_, config_.hostname.front(), *context_, check());
    auto session = co_await std::move(opening);
    const auto opened = Steady::now() - began;
    expect(outcome, opened <= limit + quiet_time + slack, "the handshake took longer than it may");
    if (!session) {
        const auto fault = session.error().fault;
        outcome.what = std::string{id(fault)};
        expect(outcome, is_loss(fault) || (tampers(run.act) && is_garbage(fault)), session.error().text());
    } else {
        auto talking = talk(outcome, *session, tampers(run.act), limit);
        co_await std::move(talking);
        session->far.reset();
    }
    auto quieting = cutter_.quiet();
    const bool quiet = co_await std::move(quieting);
    expect(outcome, quiet, "the CTIManager still holds the connection");
    const auto record = site_.records() / fmt::format("{}.in", cutter_.connections());
    const auto arrived = content(record);
    std::filesystem::remove(record);
    expect(outcome, begins_speech(arrived), "the CTIManager got other octets than were sent");
    expect(outcome, !whole_ || arrived == speech(), "the CTIManager did not get everything");
    co_return outcome;
}

net::Task<void> SessionLane::talk(Outcome& outcome, link::Session& session, bool tampered,
                                  std::chrono::milliseconds limit) {
    std::array<int, 2> ends{};
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends.data()) != 0)
        throw std::runtime_error{"no socket pair"};
    Application application{setup_.loop, os::Fd{ends[0]}, limit};
    net::RelayCount count;
    net::Relay relay{setup_.loop, os::Fd{ends[1]}, *session.far, session.early, count, relay_limits};
    const auto began = Steady::now();
    const net::Job speaking{application.run()};
    auto relaying = relay.run();
    const auto end = co_await std::move(relaying);
    const auto took = Steady::now() - began;
    while (speaking.running())
        co_await net::sleep(setup_.loop, 1ms);  // it reads what was delivered before the end
    expect(
        outcome,
        took <= static_cast<int>(messages) * limit + relay_limits.half_open + relay_limits.farewell + slack,
        "the session lasted longer than it may");
    expect(outcome, begins_speech(application.heard()), "the application got other octets than were sent");
    whole_ = application.heard() == speech();
    outcome.what = "up, ";
    if (whole_) {
        outcome.what += "everything echoed";
    } else {
        name_end(outcome, end, tampered);
    }
}

void SessionLane::name_end(Outcome& outcome, const net::RelayEnd& end, bool tampered) {
    using How = net::RelayEnd::How;
    switch (end.how) {
        case How::ctimanager_left: outcome.what += "then closed with close_notify"; break;
        case How::ctimanager_torn: outcome.what += "then closed without close_notify"; break;
        case How::half_open:
        case How::application_left: outcome.what += "then silent until the application left"; break;
        case How::ctimanager_failed: {
            const auto fault = end.failure ? net::as_cti_error(*end.failure).fault : Fault::INTERNAL;
            outcome.what += "then " + std::string{id(fault)};
            expect(outcome, is_loss(fault) || (tampered && is_garbage(fault)), end.detail);
            break;
        }
        default: expect(outcome, false, "an end that nobody caused: " + end.detail);
    }
}

}  // namespace

std::unique_ptr<Lane> session_lane(const LaneSetup& setup) { return std::make_unique<SessionLane>(setup); }

}  // namespace tserver::torture
