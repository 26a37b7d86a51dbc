// What a message costs in system calls, counted one by one: the relay runs in a process of its own that this
// one traces.
#include <gtest/gtest.h>
#include <sys/ptrace.h>
#include <sys/wait.h>

#include <atomic>

#include "tests/support/relay_schedules.hpp"

namespace tserver::net {
namespace {

using namespace testing_support;

class Traced {
public:
    /// @param body  runs in the child and never ends by itself
    explicit Traced(const std::function<void()>& body) : child_{fork()} {
        if (child_ == 0) {
            if (ptrace(PTRACE_TRACEME, 0, nullptr, nullptr) == 0) raise(SIGSTOP);
            body();
            _exit(1);
        }
        int status = 0;
        const bool stopped = waitpid(child_, &status, 0) == child_ && WIFSTOPPED(status);
        possible_ = stopped && ptrace(PTRACE_SETOPTIONS, child_, nullptr,
                                      PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL) == 0;
    }
    Traced(const Traced&) = delete;
    Traced& operator=(const Traced&) = delete;

    /// False where tracing is forbidden, as in some containers.
    [[nodiscard]] bool possible() const { return possible_; }

    /// Runs the child while `script` runs on a thread of its own; the child is killed at its end.
    void run(const std::function<void()>& script) {
        std::jthread player{[&] {
            if (possible_) script();
            go();
            kill(child_, SIGKILL);
        }};
        bool entering = true;
        for (int status = 0; possible_ && ptrace(PTRACE_SYSCALL, child_, nullptr, 0) == 0;) {
            if (waitpid(child_, &status, 0) != child_ || !WIFSTOPPED(status)) return;
            if (WSTOPSIG(status) != (SIGTRAP | 0x80)) continue;
            if (std::exchange(entering, !entering)) ++calls_;
            held_.wait(true);
        }
    }
    /// The child stops at the next system call it enters or leaves, until go().
    void hold() { held_ = true; }
    void go() {
        held_ = false;
        held_.notify_all();
    }
    [[nodiscard]] long calls() const { return calls_; }

private:
    pid_t child_;
    bool possible_ = false;
    std::atomic<long> calls_ = 0;
    std::atomic<bool> held_ = false;
};

/// A relay between two peers, in a traced process; the TLS version is the parameter.
class RelayCallsTest : public testing::TestWithParam<int> {
protected:
    void SetUp() override {
        std::jthread far_side{[&] { far.handshake(); }};
        Loop loop;
        auto accept = [](const crypto::Certificate&) { return Result<void>{}; };
        auto up = drive(loop, TlsStream::connect(loop, std::move(far_pair_.ours), context_, accept, 10s));
        far_side.join();
        ASSERT_TRUE(up && *up);
        stream_ = std::move(**up);
    }
    void run(const std::function<void(Traced&)>& script) {
        Traced traced{[&] {
            application.close();
            far.close();
            Loop loop;
            RelayCount count;
            Relay relay{loop, std::move(near_pair_.ours), *stream_, {}, count, {}};
            const Job carrying{until_the_end(relay)};
            loop.run();
        }};
        if (!traced.possible()) GTEST_SKIP() << "a process may not be traced here";
        traced.run([&] { script(traced); });
    }
    static Task<void> until_the_end(Relay& relay) {
        auto running = relay.run();
        co_await std::move(running);
    }
    [[nodiscard]] bool arrives(Peer& at, std::size_t count) {
        Bytes got;
        return at.receive(got, count) == Peer::Seen::octets;
    }

private:
    crypto::Identity identity_ = sample_identity("CTIManager");
    crypto::SslCtxPtr server_ = server_context(GetParam(), identity_);
    crypto::TlsContext context_ = *crypto::TlsContext::client(TlsProfile::cluster, nullptr);
    SocketPair near_pair_ = tcp_pair();
    SocketPair far_pair_ = tcp_pair();
    std::unique_ptr<TlsStream> stream_;

protected:
    Peer application{std::move(near_pair_.theirs)};
    Peer far{std::move(far_pair_.theirs), server_.get()};
    const Bytes message = octets_of(300, 300);
};

/// The last call before a count is read may still be on its way.
constexpr long on_the_way = 3;

TEST_P(RelayCallsTest, a_round_trip_costs_six_system_calls) {
    constexpr long trips = 300;
    run([&](Traced& relay) {
        const auto round_trip = [&] {
            return application.send(message) && arrives(far, 300) && far.send(message) &&
                   arrives(application, 300);
        };
        for (int warm = 0; warm < 10; ++warm) ASSERT_TRUE(round_trip());
        const auto before = relay.calls();
        for (int trip = 0; trip < trips; ++trip) ASSERT_TRUE(round_trip());
        EXPECT_LE(relay.calls() - before, 6 * trips + on_the_way);
    });
}

TEST_P(RelayCallsTest, a_record_of_a_snapshot_costs_a_fiftieth_of_a_system_call) {
    constexpr long records = 600;
    constexpr long bursts = 10;
    run([&](Traced& relay) {
        long calls = 0;
        for (int burst = 0; burst < bursts; ++burst) {
            relay.hold();
            const auto before = relay.calls();
            for (int record = 0; record < records; ++record) ASSERT_TRUE(far.send(message));
            relay.go();
            ASSERT_TRUE(arrives(application, records * 300));
            calls += relay.calls() - before;
        }
        EXPECT_LE(calls, bursts * (records / 50 + on_the_way));
    });
}

INSTANTIATE_TEST_SUITE_P(Versions, RelayCallsTest, testing::Values(TLS1_2_VERSION, TLS1_3_VERSION),
                         [](const auto& each) { return each.param == TLS1_2_VERSION ? "tls12" : "tls13"; });

}  // namespace
}  // namespace tserver::net
