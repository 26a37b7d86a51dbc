#include "sim/cti_session.hpp"

#include <fmt/format.h>
#include <linux/filter.h>
#include <linux/sockios.h>
#include <poll.h>
#include <sys/ioctl.h>

namespace tserver::sim {
namespace {

constexpr std::size_t read_octets = 16384;
constexpr std::size_t most_pending = 262'144;

constexpr std::string_view http_banner =
    "HTTP/1.1 400 Bad Request\r\nServer: other\r\nContent-Length: 0\r\n\r\n";
constexpr std::string_view ssh_banner = "SSH-2.0-OpenSSH_9.2\r\n";

/// Every packet for the socket is dropped before TCP sees it: nothing is acknowledged, no probe answered
/// (bpf(2)).
void drop_every_packet(int socket) {
    sock_filter nothing[] = {BPF_STMT(BPF_RET | BPF_K, 0)};
    const sock_fprog program{1, nothing};
    setsockopt(socket, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program);
}

}  // namespace

Bytes BurstSource::next() {
    if (records_ == 0) return {};
    --records_;
    Bytes record(octets_);
    for (auto& octet : record) octet = static_cast<std::uint8_t>(at_++ % 251);
    return record;
}

CtiSession::CtiSession(Cluster& cluster, CtiServer& server, CtiConnection& connection, Stream stream,
                       const Stop& stop)
    : cluster_{cluster},
      faults_{cluster.faults},
      server_{server},
      connection_{connection},
      stream_{std::move(stream)},
      stop_{stop} {
    if (cluster.settings.record)
        record_.open(*cluster.settings.record / fmt::format("{}.in", connection.number),
                     std::ios::binary | std::ios::trunc);
}

void CtiSession::say(std::string_view text) {
    cluster_.notes.line("cti", fmt::format("n={} {}", connection_.number, text));
}

void CtiSession::run() {
    if (begin()) serve();
    connection_.ended = true;
}

/// Faults at accept, then the handshake. @return false if the connection is over
bool CtiSession::begin() {
    const auto rest_of_it = [this] {  // waits until the client goes
        Bytes octets(read_octets);
        Stream raw{Fd{::dup(stream_.fd())}};
        while (const auto got = read_some(raw, octets, stop_, std::nullopt))
            if (*got == 0) break;
        return false;
    };
    if (faults_.use("cti-accept-close")) {
        finish();
        return false;
    }
    if (faults_.use("cti-accept-reset")) {
        stream_.reset_at_close();
        return false;
    }
    if (faults_.use("cti-silent")) return rest_of_it();
    if (const auto which = faults_.use("cti-banner")) {
        const auto banner = *which == "http" ? http_banner : ssh_banner;
        ::send(stream_.fd(), banner.data(), banner.size(), MSG_NOSIGNAL);
        if (*which == "ssh") return rest_of_it();
        finish();
        return false;
    }
    return handshake();
}

bool CtiSession::handshake() {
    if (stream_.tls() == nullptr) {
        ++cluster_.counters.cti_sessions;
        return true;
    }
    if (const auto done = stream_.handshake(stop_, Steady::now() + std::chrono::seconds{60}); !done) {
        ++cluster_.counters.cti_handshake_failures;
        say("handshake: " + done.error().detail);
        // A close with the client's first octets unread would be a reset, and could overtake the alert.
        finish();
        return false;
    }
    auto* shown = SSL_get1_peer_certificate(stream_.tls());
    if (shown == nullptr) return false;
    const crypto::Certificate certificate{shown};
    if (!server_.admit(connection_, certificate.sha256(), stream_.tls())) return false;
    ++cluster_.counters.cti_sessions;
    say(fmt::format("up instance={} version={} cipher={}", connection_.instance, connection_.version,
                    connection_.cipher));
    return true;
}

void CtiSession::serve() {
    if (const auto delay = faults_.use_number("cti-close-at-once", 0)) {
        pause(std::chrono::milliseconds{*delay}, stop_);
        finish();
        return;
    }
    go_deaf();
    while (true) {
        events_ = 0;
        progress_ = false;
        if (wants_input() && read_some_more() == Next::over) break;
        if (!deaf_ && pending() && write_some_more() == Next::over) break;
        if (input_ended_ && !pending() && !burst_) break;
        if (!progress_ && wait_for_more() == Next::over) break;
    }
    if (!aborted_) finish();
}

bool CtiSession::wants_input() const {
    if (input_ended_ || deaf_ || out_.size() - sent_ >= most_pending) return false;
    const auto stall = faults_.value("cti-stall");
    return !stall ||
           connection_.received < static_cast<std::uint64_t>(std::strtoll(stall->c_str(), nullptr, 10));
}

/// What was sent before is acknowledged first: repeated, it would be a sign of life.
void CtiSession::go_deaf() {
    const auto limit = faults_.value("cti-deaf");
    const bool reached = limit && connection_.received >=
                                      static_cast<std::uint64_t>(std::strtoll(limit->c_str(), nullptr, 10));
    if (!reached || deaf_) return;
    const auto until = Steady::now() + std::chrono::seconds{2};
    for (int left = 1; ioctl(stream_.fd(), SIOCOUTQ, &left) == 0 && left > 0 && Steady::now() < until;)
        pause(std::chrono::milliseconds{1}, stop_);
    drop_every_packet(stream_.fd());
    deaf_ = faults_.use("cti-deaf").has_value();
}

CtiSession::Next CtiSession::read_some_more() {
    std::array<std::uint8_t, read_octets> octets;
    auto moved = stream_.read(octets);
    switch (moved.kind) {
        case Moved::Kind::octets: return take(ByteView{octets}.first(moved.count));
        case Moved::Kind::want_read: events_ = static_cast<short>(events_ | POLLIN); return Next::go_on;
        case Moved::Kind::want_write: events_ = static_cast<short>(events_ | POLLOUT); return Next::go_on;
        case Moved::Kind::end:
            input_ended_ = progress_ = true;
            connection_.ended = true;
            return Next::go_on;
        case Moved::Kind::failed: break;
    }
    if (moved.text.starts_with("unclean")) ++cluster_.counters.cti_unclean;
    say("ended: " + moved.text);
    aborted_ = true;
    return Next::over;
}

CtiSession::Next CtiSession::take(ByteView octets) {
    progress_ = true;
    const bool first = connection_.received == 0;
    if (record_.is_open()) {
        record_.write(reinterpret_cast<const char*>(octets.data()),
                      static_cast<std::streamsize>(octets.size()));
        record_.flush();
    }
    connection_.received += octets.size();
    const auto reached = [&](std::string_view fault) {
        const auto limit = faults_.value(fault);
        return limit &&
               connection_.received >= static_cast<std::uint64_t>(std::strtoll(limit->c_str(), nullptr, 10));
    };
    go_deaf();
    if (reached("cti-reset-after")) return played("cti-reset-after", End::reset);
    if (reached("cti-close-after")) return played("cti-close-after", End::close);
    if (first) first_octets();
    if (cluster_.settings.mode.kind == CtiMode::Kind::echo)
        out_.insert(out_.end(), octets.begin(), octets.end());
    return Next::go_on;
}

CtiSession::Next CtiSession::played(std::string_view fault, End how) {
    [[maybe_unused]] const auto used = faults_.use(fault);
    say("fault " + std::string{fault});
    aborted_ = how == End::reset;
    if (aborted_) stream_.reset_at_close();
    return Next::over;
}

void CtiSession::first_octets() {
    if (cluster_.settings.mode.kind == CtiMode::Kind::burst) {
        burst_.emplace(cluster_.settings.mode);
        out_ = burst_->next();
    }
    auto* tls = stream_.tls();
    if (tls != nullptr && SSL_version(tls) < TLS1_3_VERSION && faults_.use("cti-renegotiate")) {
        SSL_renegotiate(tls);
        SSL_do_handshake(tls);
    }
}

CtiSession::Next CtiSession::write_some_more() {
    auto* tls = stream_.tls();
    if (tls != nullptr && SSL_version(tls) == TLS1_3_VERSION && faults_.use("cti-key-update"))
        SSL_key_update(tls, SSL_KEY_UPDATE_REQUESTED);
    auto rest = ByteView{out_}.subspan(sent_);
    if (faults_.use("cti-tiny-records")) rest = rest.first(1);
    auto moved = stream_.write(rest);
    switch (moved.kind) {
        case Moved::Kind::octets: break;
        case Moved::Kind::want_read: events_ = static_cast<short>(events_ | POLLIN); return Next::go_on;
        case Moved::Kind::want_write: events_ = static_cast<short>(events_ | POLLOUT); return Next::go_on;
        case Moved::Kind::end:
        case Moved::Kind::failed:
            say("ended in writing: " + moved.text);
            aborted_ = true;
            return Next::over;
    }
    sent_ += moved.count;
    connection_.sent += moved.count;
    if (!pending()) {
        out_.clear();
        sent_ = 0;
        if (burst_) out_ = burst_->next();
        if (out_.empty()) burst_.reset();
    }
    progress_ = true;
    return Next::go_on;
}

CtiSession::Next CtiSession::wait_for_more() {
    std::optional<Steady::time_point> deadline;
    if (const auto idle = faults_.value("cti-idle"))
        deadline = Steady::now() + std::chrono::milliseconds{std::strtoll(idle->c_str(), nullptr, 10)};
    switch (wait(stream_.fd(), events_, stop_, deadline)) {
        // Nothing was waited for but the end of a connection that is no longer read.
        case Woken::ready: return events_ == 0 ? Next::over : Next::go_on;
        case Woken::timed_out: say("closed idle"); return Next::over;
        case Woken::stopped: break;
    }
    if (stop_.how() == End::reset) {
        aborted_ = true;
        stream_.reset_at_close();
    }
    return Next::over;
}

/// close_notify and FIN; what the client has sent meanwhile is read, so that the end does not turn into a
/// reset.
void CtiSession::finish() {
    connection_.ended = true;
    const bool secured = stream_.tls() != nullptr && SSL_is_init_finished(stream_.tls()) == 1;
    stream_.finish_writing(secured && !faults_.use("cti-no-close-notify"));
    if (input_ended_) return;
    Bytes octets(read_octets);
    const auto deadline = Steady::now() + std::chrono::milliseconds{500};
    Stream raw{Fd{::dup(stream_.fd())}};
    const Stop never;
    while (const auto got = read_some(raw, octets, never, deadline))
        if (*got == 0) break;
}

}  // namespace tserver::sim
