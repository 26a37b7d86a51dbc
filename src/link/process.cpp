#include "link/process.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include "base/overloaded.hpp"
#include "config/plan.hpp"
#include "config/wire.hpp"
#include "crypto/openssl.hpp"
#include "crypto/provided.hpp"
#include "crypto/rehearsal.hpp"
#include "os/sandbox.hpp"
#include "os/tree.hpp"

namespace tserver::link {
namespace {

constexpr auto look_again = std::chrono::milliseconds{100};
constexpr auto enrolment_rest = std::chrono::seconds{10};  ///< longer than tserver waits before SIGTERM

net::Task<void> answer(control::Channel& channel, Board& board, std::uint32_t request,
                       net::Task<Result<std::string>> work) {
    auto outcome = co_await std::move(work);
    board.publish();
    control::FromLink message{control::Answer{request, std::move(outcome)}};
    channel.send(message);
}

/// The store may be moved away and made anew while we run: so the directory it stands in, if that one is ours
/// too.
std::vector<std::string> writable_for(const std::filesystem::path& store) {
    struct stat itself {};
    struct stat around {};
    const bool exists = ::stat(store.c_str(), &itself) == 0;
    if (::stat(store.parent_path().c_str(), &around) != 0) return {};
    if (!exists || around.st_uid == ::geteuid()) return {store.parent_path()};
    return {store};
}

/// The same plan that tserver has made and shown: a session ends exactly when the plan says so.
bool keeps_session(const config::LinkConfig& running, const config::LinkConfig& fresh) {
    config::Config before;
    config::Config after;
    before.links.push_back(running);
    after.links.push_back(fresh);
    const auto plan = config::plan(before, after);
    return !plan.refused() && plan.resets().empty() && plan.pending(running.name).empty();
}

}  // namespace

Process::Process(net::Loop& loop, os::Fd channel, log::Log& log, std::string name, Steady::time_point started)
    : loop_{loop}, channel_{loop, std::move(channel)}, log_{log}, name_{std::move(name)}, started_{started} {
    log_.listen(this);
}

Process::~Process() { log_.listen(nullptr); }

/// What everybody wants to know goes to tserver as well, for `tserverctl events`.
void Process::logged(const log::Row& row, std::span<const log::Field> fields, unsigned repeated) {
    control::FromLink message{control::Logged{control::event_of(row, fields, repeated)}};
    channel_.send(message);
}

net::Task<int> Process::run() {
    for (;;) {
        auto receiving = channel_.receive();
        auto frame = co_await std::move(receiving);
        if (!frame) co_return give_up(frame.error());
        if (!*frame) co_return 0;
        auto taking = take(**std::move(frame));
        auto going_on = co_await std::move(taking);
        if (!going_on) co_return give_up(going_on.error());
        if (!*going_on) {
            auto finishing = finish_enrolment();
            co_await std::move(finishing);
            co_return 0;
        }
    }
}

/// What it cannot go on without is said before the process ends: the status names it.
/// @return the exit code
int Process::give_up(const Error& why) {
    log_.write(log::link_process_gives_up, {name_}, {why.fault}, {why.detail});
    channel_.send(control::FromLink{control::LastWords{why}});
    return row(why.fault).exit_code;
}

/// A certificate that is on its way would be lost, and the code with it (F99). tserver waits while it hears
/// of us.
net::Task<void> Process::finish_enrolment() {
    const auto until = Steady::now() + enrolment_rest;
    while (life_ && life_->certificate_is_coming() && Steady::now() < until) {
        channel_.send(control::FromLink{control::Pong{}});
        co_await net::sleep(loop_, look_again);
    }
}

/// @return false when the process is to end
net::Task<Result<bool>> Process::take(control::Frame frame) {
    CO_TRY(message, "channel", control::to_link(frame));
    std::erase_if(answering_, [](const net::Job& job) { return !job.running(); });
    co_return std::visit(overloaded{
                             [&](const control::Configure& order) -> Result<bool> {
                                 CHECK(configure(order));
                                 return true;
                             },
                             [&](const control::Stop&) -> Result<bool> { return false; },
                             [&](const control::Ping&) -> Result<bool> {
                                 channel_.send(control::FromLink{control::Pong{}});
                                 if (board_) board_->report_traffic();
                                 return true;
                             },
                             [&](const control::Enrol& order) -> Result<bool> {
                                 answer_later(order.request, [&] { return life_->enrol(order.code); });
                                 return true;
                             },
                             [&](const control::ConfirmTrust& order) -> Result<bool> {
                                 answer_later(order.request,
                                              [&] { return life_->confirm_trust(order.replace); });
                                 return true;
                             },
                             [&](const control::RefreshTrust& order) -> Result<bool> {
                                 answer_later(order.request, [&] { return life_->refresh_trust(); });
                                 return true;
                             },
                         },
                         message);
}

template <class Request>
void Process::answer_later(std::uint32_t request, Request work) {
    if (!life_) {
        Result<std::string> not_yet = fail(Fault::CONTROL_PROTOCOL, "no configuration has come yet");
        channel_.send(control::FromLink{control::Answer{request, std::move(not_yet)}});
        return;
    }
    answering_.emplace_back(answer(channel_, *board_, request, work()));
}

Result<void> Process::configure(const control::Configure& order) {
    log_.set_level(order.log_level);
    TRY(config, config::decode(as_bytes(order.link.reveal())));
    const bool first = !life_;
    if (first) CHECK(confine(config));
    if (!first && life_->enrolling()) {
        next_ = std::move(config);
        if (!changing_.running()) changing_ = net::Job{use_after_enrolment()};
        return {};
    }
    use(std::move(config));
    if (first) channel_.send(control::FromLink{control::Ready{}});
    return {};
}

/// Before the first octet from the network.
Result<void> Process::confine(const config::LinkConfig& config) {
    os::Confinement wanted;
    if (!config.store.empty()) {
        [[maybe_unused]] const auto made = os::open_tree(config.store, os::Access::read_write);
        wanted.writable = writable_for(config.store);
    }
    if (config::listen_on(config).port < 1024) wanted.low_ports = os::LowPorts::yes;
    key_memory_ = crypto::lock_key_memory();
    crypto::load_settings();
    if (key_memory_ != crypto::KeyMemory::locked)
        confinement_ = "memory locked: no (key memory is not locked: raise LimitMEMLOCK); ";
    // What OpenSSL lacks outside as well is named by who needs it.
    std::optional<crypto::Rehearsal> handshake;
    if (config::security(config) == config::Security::tls)
        if (auto prepared = crypto::Rehearsal::prepare(config.tls_profile)) handshake = *std::move(prepared);
    TRY(made, os::confine(wanted));
    if (handshake) {
        if (const auto inside = handshake->play(); !inside)
            return fail(Fault::SANDBOX, "the self-test of the sandbox: " + inside.error().detail);
    }
    if (!made.files) confinement_ += "files are not confined: this kernel has no Landlock; ";
    if (!made.calls) confinement_ += "system calls are not filtered in this build; ";
    if (!confinement_.empty()) confinement_.resize(confinement_.size() - 2);
    return {};
}

void Process::use(config::LinkConfig config) {
    if (life_ && keeps_session(life_->config(), config)) return life_->adjust(std::move(config));
    answering_.clear();
    life_.reset();
    const auto traffic = board_ ? board_->traffic : net::RelayCount{};
    board_ = std::make_unique<Board>(loop_, channel_, log_, config);
    board_->traffic = traffic;
    if (!confinement_.empty()) board_->note("sandbox", confinement_);
    life_ = std::make_unique<Life>(loop_, std::move(config), *board_, started_, key_memory_);
    life_->start();
}

/// An enrolment that is under way ends within its own budget; cutting it off would cost its code.
net::Task<void> Process::use_after_enrolment() {
    while (life_->enrolling()) co_await net::sleep(loop_, look_again);
    use(*std::exchange(next_, std::nullopt));
}

}  // namespace tserver::link
