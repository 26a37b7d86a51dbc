// Carries octets between the application's plain connection and the far side, byte for byte, until one of
// them goes.
//
// Both half-closes are kept; what was received before an end or a reset is delivered first; buffers are
// bounded (256 KiB of a session, half of it in the TLS stream), and a side that does not read stops the
// other from being read. On the way of a message nothing is allocated, no timer is armed and epoll is not
// told anything.
#pragma once

#include <functional>
#include <string>

#include "net/far_side.hpp"
#include "net/pages.hpp"
#include "net/wait.hpp"
#include "os/fd.hpp"

namespace tserver::net {

struct RelayCount {
    std::uint64_t to_ctimanager = 0;  ///< octets of plain text
    std::uint64_t to_application = 0;
    std::uint64_t unclean_closes = 0;  ///< TLS ends without close_notify
};

struct RelayEnd {
    enum class How : std::uint8_t {
        application_left,   ///< closed or reset by the application
        ctimanager_left,    ///< closed properly by the far side
        ctimanager_torn,    ///< closed without close_notify
        ctimanager_failed,  ///< reset, alert, or given up by the system
        speaks_tls,         ///< the application's first octets are a TLS ClientHello; nothing was passed on
        half_open,          ///< one side closed, then nothing moved for `half_open_limit`
        stopped,
    };
    How how;
    std::string detail;
    /// With ctimanager_failed; with application_left when the far side failed behind the application's FIN,
    /// so that what the application has read may not be all: it is told by a reset.
    std::optional<TlsFailure> failure;
};

class Relay {
public:
    struct Limits {
        std::chrono::seconds half_open{60};        ///< idle time of a half-closed session
        std::chrono::milliseconds farewell{2000};  ///< to get the last octets out on either side
    };

    /// @param early  plain text the far side sent before the application came; delivered first
    Relay(Loop& loop, os::Fd application, FarSide& far, ByteView early, RelayCount& count, Limits limits);
    ~Relay();
    Relay(const Relay&) = delete;
    Relay& operator=(const Relay&) = delete;

    /// Runs the session to its end; then the application's side is closed or reset as the far side was.
    Task<RelayEnd> run();
    /// Called once when the application has closed its side: it will send no more, and may be back with a new
    /// connection before the far side has said its last.
    std::function<void()> application_ended;
    enum class Side : std::uint8_t { application, far };
    /// Called when one side has closed and the other has not.
    std::function<void(Side closed)> half_closed;

    /// Ends the session from outside: run() returns soon, the application is reset.
    void stop();

private:
    struct Half final : Watch {
        Half(Relay& owner, Side which) : relay{owner}, side{which} {}
        void ready(std::uint32_t events) override;
        Relay& relay;
        Side side;
        std::uint32_t interest = 0;
        bool watched = false;
    };
    struct HalfOpenTimer final : Timer {
        HalfOpenTimer(Loop& loop, Relay& owner) : Timer{loop}, relay{owner} {}
        void due() override { relay.half_open_due(); }
        Relay& relay;
        std::uint64_t moved = 0;
    };

    void application_ready(std::uint32_t events);
    void application_gone();
    void far_ready(std::uint32_t events);
    void read_application();
    void read_far();
    enum class Delivered : std::uint8_t { all, some, gone };
    Delivered deliver_down();
    void far_broken();
    void far_gone(Got got);
    void finish(RelayEnd::How how, std::string detail);
    void half_open_due();
    void side_closed();
    void update_interest();
    void set_interest(Half& half, int descriptor, std::uint32_t interest);
    void watch(Half& half, int descriptor);
    void unwatch(Half& half, int descriptor) noexcept;
    Task<std::monostate> drain_application();
    Task<std::monostate> outwait_application();
    Task<std::monostate> drain_far();
    Task<void> bounded(Task<std::monostate> work, std::chrono::milliseconds limit);

    Loop& loop_;
    os::Fd application_;
    FarSide& far_;
    RelayCount& count_;
    Limits limits_;
    Pages up_;
    Pages down_;
    std::size_t down_begin_ = 0, down_end_ = 0;  ///< plain text the application has not taken yet
    bool first_ = true;                          ///< nothing has come from the application yet
    bool up_ended_ = false;                      ///< the application has closed its side
    bool down_ended_ = false;                    ///< the far side has closed its side, FIN passed on
    std::optional<TlsFailure> broken_;  ///< sending to the far side failed; what it sent before is still read
    std::optional<RelayEnd> end_;
    Event over_;
    Half application_half_{*this, Side::application};
    Half far_half_{*this, Side::far};
    HalfOpenTimer half_open_{loop_, *this};
};

}  // namespace tserver::net
