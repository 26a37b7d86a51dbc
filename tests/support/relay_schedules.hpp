// Random sessions through the relay, compared with a trivial model: octets arrive in order, and all of them
// wherever neither side threw any away. Used by a unit test (a few hundred) and by a bench (thousands).
#pragma once

#include <fmt/format.h>

#include <random>
#include <string>
#include <thread>

#include "net/plain_stream.hpp"
#include "net/relay.hpp"
#include "net/tls_stream.hpp"
#include "tests/support/peer.hpp"

namespace tserver::testing_support {

using namespace std::chrono_literals;

/// Runs the loop until the task is done.
template <class T>
std::optional<T> drive(net::Loop& loop, net::Task<T> task, std::chrono::milliseconds limit = 30s) {
    const auto until = Steady::now() + limit;
    task.start();
    while (!task.started_and_done()) {
        if (Steady::now() > until) return std::nullopt;
        loop.turn(20ms);
    }
    return task.take();
}

inline std::uint8_t octet_of(std::uint64_t seed, std::size_t i) {
    return static_cast<std::uint8_t>(i * 31 + (i >> 8U) * 17 + (i >> 16U) * 13 + seed);
}
inline Bytes octets_of(std::uint64_t seed, std::size_t count) {
    Bytes out(count);
    for (std::size_t i = 0; i < count; ++i) out[i] = octet_of(seed, i);
    return out;
}

struct SidePlan {
    enum class Ending : std::uint8_t { end, tear, reset };
    struct Piece {
        std::size_t octets;
        std::size_t at_once;  ///< octets of one write
        int stall_ms;         ///< before it
    };
    std::vector<Piece> pieces;
    Ending ending = Ending::end;
    std::size_t read_size = 16384;
    int read_stall_ms = 0;  ///< after some of the reads
    std::uint64_t seed = 0;

    [[nodiscard]] std::size_t total() const {
        std::size_t sum = 0;
        for (const auto& piece : pieces) sum += piece.octets;
        return sum;
    }
};

struct Schedule {
    int version = 0;  ///< 0: plain
    int buffer = 0;   ///< of the kernel, 0: as it is
    SidePlan application, far;
};

inline Schedule random_schedule(std::uint64_t seed) {
    std::mt19937_64 random{seed};
    const auto up_to = [&](std::size_t n) {
        return std::uniform_int_distribution<std::size_t>{0, n}(random);
    };
    const auto side = [&](bool may_tear) {
        SidePlan plan;
        plan.seed = random();
        for (auto left = up_to(6); left > 0; --left) {
            constexpr std::array<std::size_t, 5> sizes{1, 300, 5000, 70'000, 300'000};
            SidePlan::Piece piece{1 + up_to(sizes.at(up_to(4))), 65536, up_to(4) == 0 ? 3 : 0};
            if (up_to(5) == 0) piece = {1 + up_to(200), 1, 0};
            plan.pieces.push_back(piece);
        }
        constexpr std::array<std::size_t, 4> reads{1 + 16, 1000, 16384, 65536};
        plan.read_size = reads.at(up_to(3));
        plan.read_stall_ms = up_to(4) == 0 && plan.read_size > 100 ? 1 : 0;
        const auto pick = up_to(9);
        if (pick == 0) plan.ending = SidePlan::Ending::reset;
        if (pick == 1 && may_tear) plan.ending = SidePlan::Ending::tear;
        return plan;
    };
    constexpr std::array versions{0, TLS1_2_VERSION, TLS1_3_VERSION};
    Schedule out;
    out.version = versions.at(up_to(2));
    out.buffer = up_to(2) == 0 ? 4096 : 0;
    out.application = side(false);
    out.far = side(true);
    return out;
}

struct SideSaw {
    Bytes received;
    Peer::Seen ended = Peer::Seen::nothing;  ///< nothing: still open when time was up
    bool write_failed = false;  ///< the system tells of a reset once: to the write or to the read
};

/// Plays one side to its end.
inline SideSaw play(Peer& peer, const SidePlan& plan) {
    using Seen = Peer::Seen;
    SideSaw saw;
    std::mt19937 random{static_cast<unsigned>(plan.seed)};
    const auto begin = Steady::now();
    auto read_from = begin, write_from = begin;
    std::size_t piece = 0, done = 0, sent = 0;
    bool stalled = false, ended = false, broken = false;
    const auto text = octets_of(plan.seed, plan.total());
    while ((saw.ended == Seen::nothing || !(ended || broken)) && Steady::now() < begin + 60s) {
        const auto now = Steady::now();
        bool moved = false;
        if (saw.ended == Seen::nothing && now >= read_from) {
            const auto seen = peer.read(saw.received, plan.read_size);
            if (seen != Seen::octets && seen != Seen::nothing) saw.ended = seen;
            moved = seen != Seen::nothing;
            if (moved && plan.read_stall_ms > 0 && random() % 8 == 0) read_from = now + 2ms;
        }
        if (saw.ended == Seen::reset) broken = true;
        if (!ended && !broken && piece < plan.pieces.size() && now >= write_from) {
            const auto& p = plan.pieces[piece];
            if (p.stall_ms > 0 && !std::exchange(stalled, true)) {
                write_from = now + std::chrono::milliseconds{p.stall_ms};
                continue;
            }
            const auto n = peer.write(ByteView{text}.subspan(sent, std::min(p.at_once, p.octets - done)));
            if (n < 0) broken = saw.write_failed = true;
            moved = moved || n > 0;
            done += static_cast<std::size_t>(std::max(n, 0L));
            sent += static_cast<std::size_t>(std::max(n, 0L));
            if (done == p.octets) ++piece, done = 0, stalled = false;
        }
        if (!ended && !broken && piece == plan.pieces.size()) {
            if (plan.ending != SidePlan::Ending::reset) {
                plan.ending == SidePlan::Ending::end ? peer.end() : peer.tear();
                ended = moved = true;
            } else if (peer.drained()) {
                peer.reset();
                return saw;
            }
        }
        if (!moved) peer.wait(saw.ended == Seen::nothing && now >= read_from ? POLLIN : 0, 1);
    }
    peer.close();
    return saw;
}

/// What differs from the model, empty if nothing does.
inline std::string compare(const Schedule& schedule, const SideSaw& application, const SideSaw& far,
                           const net::RelayEnd& end, const net::RelayCount& count) {
    using Ending = SidePlan::Ending;
    using Seen = Peer::Seen;
    const auto check = [](const char* way, const Bytes& got, const SidePlan& from, bool all) -> std::string {
        const auto sent = octets_of(from.seed, from.total());
        if (got.size() > sent.size())
            return fmt::format("{}: {} octets too many", way, got.size() - sent.size());
        if (!std::ranges::equal(got, ByteView{sent}.first(got.size())))
            return fmt::format("{}: wrong octets", way);
        if (all && got.size() != sent.size())
            return fmt::format("{}: {} of {}", way, got.size(), sent.size());
        return {};
    };
    const bool application_stays = schedule.application.ending == Ending::end;
    const bool far_ends =
        schedule.far.ending == Ending::end || (schedule.version == 0 && schedule.far.ending == Ending::tear);
    auto wrong = check("down", application.received, schedule.far, application_stays);
    if (wrong.empty()) wrong = check("up", far.received, schedule.application, application_stays && far_ends);
    if (!wrong.empty()) return wrong;
    if (application_stays && application.ended == Seen::nothing)
        return "the application was never told of the end";
    if (application_stays && far_ends) {
        if (application.ended != Seen::end) return "the application saw no proper end";
        if (far.ended != Seen::end) return "the far side saw no proper end";
        if (end.how != net::RelayEnd::How::ctimanager_left && end.how != net::RelayEnd::How::application_left)
            return "ended as " + std::to_string(static_cast<int>(end.how)) + " " + end.detail;
        if (count.unclean_closes != 0) return "counted an unclean close";
    }
    if (application_stays && schedule.far.ending == Ending::reset && application.ended != Seen::reset &&
        !application.write_failed) {
        return "the application was told of a proper end where the far side was reset";
    }
    if (application_stays && schedule.far.ending == Ending::tear && !far_ends && count.unclean_closes != 1) {
        return "an end without close_notify was not counted";
    }
    return {};
}

inline std::string describe(const Schedule& schedule) {
    const auto side = [](const SidePlan& plan) {
        constexpr std::array endings{"ends", "tears", "resets"};
        auto out = fmt::format("{}", endings.at(static_cast<std::size_t>(plan.ending)));
        for (const auto& p : plan.pieces) out += fmt::format(" {}/{}/{}ms", p.octets, p.at_once, p.stall_ms);
        return out + fmt::format(", reads {}/{}ms", plan.read_size, plan.read_stall_ms);
    };
    return fmt::format("version {:x} buffer {}; application {}; far {}", schedule.version, schedule.buffer,
                       side(schedule.application), side(schedule.far));
}

/// One session.  @return what differs from the model
inline std::string run_schedule(const Schedule& schedule, const crypto::Identity& identity) {
    net::Loop loop;
    auto near_pair = tcp_pair(schedule.buffer);
    auto far_pair = tcp_pair(schedule.buffer);
    const auto server = schedule.version == 0 ? nullptr : server_context(schedule.version, identity);
    Peer application{std::move(near_pair.theirs)};
    Peer far{std::move(far_pair.theirs), server.get()};
    SideSaw application_saw, far_saw;
    std::jthread far_thread{[&] {
        if (far.handshake()) far_saw = play(far, schedule.far);
    }};

    std::unique_ptr<net::FarSide> stream;
    std::optional<crypto::TlsContext> context;
    if (schedule.version == 0) {
        stream = std::make_unique<net::PlainStream>(std::move(far_pair.ours));
    } else {
        context = *crypto::TlsContext::client(TlsProfile::cluster, nullptr);
        auto accept = [](const crypto::Certificate&) { return Result<void>{}; };
        auto up = drive(loop, net::TlsStream::connect(loop, std::move(far_pair.ours), *context, accept, 10s));
        if (!up || !*up) return "no handshake";
        stream = std::move(**up);
    }
    net::RelayCount count;
    std::optional<net::RelayEnd> end;
    std::jthread application_thread{[&] { application_saw = play(application, schedule.application); }};
    {
        net::Relay relay{loop, std::move(near_pair.ours), *stream, {}, count, {}};
        end = drive(loop, relay.run());
    }
    stream.reset();
    application_thread.join();
    far_thread.join();
    if (!end) return "the relay did not end";
    auto difference = compare(schedule, application_saw, far_saw, *end, count);
    if (difference.empty()) return difference;
    return fmt::format("{} [ended as {} \"{}\", application saw {}, far saw {}]", difference,
                       static_cast<int>(end->how), end->detail, static_cast<int>(application_saw.ended),
                       static_cast<int>(far_saw.ended));
}

}  // namespace tserver::testing_support
