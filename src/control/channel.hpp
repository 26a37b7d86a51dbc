// The inherited socket pair between tserver and a link process, which finds its end as descriptor 3.
//
// Frames (big-endian): length u32 of what follows the type, type u8, payload. 1 MiB of payload at most;
// anything else ends the channel. Passphrases and codes travel here and nowhere else, so every payload is a
// Secret. The end of the channel is the end of the link process: when tserver is gone, however that came,
// nobody stays behind.
#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <utility>
#include <variant>

#include "base/secret.hpp"
#include "base/types.hpp"
#include "control/events.hpp"
#include "control/status.hpp"
#include "log/message.hpp"
#include "net/wait.hpp"
#include "os/fd.hpp"

namespace tserver::control {

inline constexpr int channel_descriptor = 3;  ///< of the link process's end
inline constexpr std::size_t largest_payload = std::size_t{1} << 20U;

enum class FrameType : std::uint8_t {
    configure = 1,
    enrol = 2,
    confirm_trust = 3,
    refresh_trust = 4,
    stop = 5,
    ping = 6,  // to the link
    ready = 65,
    status = 66,
    pong = 67,
    answer = 68,
    logged = 69,  // from the link
};

struct Frame {
    FrameType type;
    Secret payload;
};

// --- what tserver says to a link -------------------------------------------------------------------------

/// The configuration in force. The first frame, and again when a reload touches the link: the link compares
/// it with what it has and does what the changed options ask for.  Payload: log level u8 (0 = alarm),
/// config::encode().
struct Configure {
    log::Level log_level;
    Secret link;  ///< for config::decode()
};
/// Enrol again with this code.  Payload: request u32, digits. Answered when the certificate is stored, or
/// with what went wrong.
struct Enrol {
    std::uint32_t request;
    AuthCode code;
};
/// The operator has checked the list: the held one of first use is confirmed, or (replace) the refused one is
/// taken. Payload: request u32, replace u8.
struct ConfirmTrust {
    std::uint32_t request;
    bool replace;
};
/// Fetch the trust list now.  Payload: request u32.
struct RefreshTrust {
    std::uint32_t request;
};
struct Stop {};  ///< end cleanly within 1.5 s; exit code 0
struct Ping {};  ///< answer with Pong at once
using ToLink = std::variant<Configure, Enrol, ConfirmTrust, RefreshTrust, Stop, Ping>;

// --- what a link says to tserver -------------------------------------------------------------------------

struct Ready {};  ///< the first configuration was taken
/// On each change, at least 50 ms apart. Payload: JSON.
struct Report {
    LinkStatus status;
};
struct Pong {};
/// Payload: JSON {"request":n,"ok":true} or {"request":n,"ok":false,"error":{…}}; `text` says what was done.
struct Answer {
    std::uint32_t request;
    Result<std::string> outcome;
};
/// An event of the link. Payload: JSON of the event; its number, time and link are tserver's to give.
struct Logged {
    Event event;
};
using FromLink = std::variant<Ready, Report, Pong, Answer, Logged>;

Frame frame(const ToLink& message);
Frame frame(const FromLink& message);
/// @return CONTROL_PROTOCOL
Result<ToLink> to_link(const Frame& frame);
Result<FromLink> from_link(const Frame& frame);

/// Both ends, non-blocking and closed on exec. Give the second to the child as channel_descriptor.
/// @return OUT_OF_RESOURCES
Result<std::pair<os::Fd, os::Fd>> channel_pair();
/// In the link process: descriptor 3, if it is a stream socket.  @return CONTROL_PROTOCOL (started by hand)
Result<os::Fd> inherited_channel();

class Channel final : net::Watch {
public:
    /// A peer that leaves queued frames alone, or stops in the middle of one, for longer is given up.
    static constexpr std::chrono::seconds patience{10};
    static constexpr std::size_t most_queued = 4 * largest_payload;

    Channel(net::Loop& loop, os::Fd socket, std::chrono::milliseconds limit = patience);
    ~Channel();
    Channel(const Channel&) = delete;
    Channel& operator=(const Channel&) = delete;

    /// Queues the frame and writes what the socket takes; never waits, callable from anywhere. A channel that
    /// is broken takes nothing: receive() says so.
    void send(const Frame& frame);
    void send(const ToLink& message) { send(frame(message)); }
    void send(const FromLink& message) { send(frame(message)); }

    /// The next frame; nothing at the end of the channel. One receiver at a time; cancelling loses no frame.
    /// @return CONTROL_PROTOCOL (too long, or ended inside a frame), TIMED_OUT
    net::Task<Result<std::optional<Frame>>> receive();

private:
    class Patience final : public net::Timer {
    public:
        Patience(net::Loop& loop, Channel& channel) : Timer{loop}, channel_{channel} {}

    private:
        void due() override { channel_.give_up(); }
        Channel& channel_;
    };
    void ready(std::uint32_t events) override;
    void write_some();
    void give_up();
    net::Task<Result<std::size_t>> fill();
    Result<std::optional<Frame>> cut();

    net::Loop& loop_;
    os::Fd in_;
    os::Fd out_;  ///< a duplicate, so that reading and writing are watched apart
    std::chrono::milliseconds limit_;
    std::deque<Secret> queue_;
    std::size_t queued_ = 0;   ///< octets in the queue
    std::size_t written_ = 0;  ///< of the first entry
    bool watching_ = false;
    bool broken_ = false;
    Patience patience_;
    Bytes buffer_;
};

}  // namespace tserver::control
