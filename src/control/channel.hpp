// The inherited socket pair between tserver and a link process, which finds its end as descriptor 3.
//
// The end of the channel is the end of the link process: when tserver is gone, however that came, nobody
// stays behind.
#pragma once

#include <deque>
#include <optional>
#include <utility>

#include "control/frame.hpp"
#include "net/wait.hpp"
#include "os/fd.hpp"

namespace tserver::control {

inline constexpr int channel_descriptor = 3;  ///< of the link process's end
/// Here tserver hands the link process a new standard error whenever the log file is another one
/// (os/hand_over.hpp).
inline constexpr int log_descriptor = 4;

/// Both ends, non-blocking and closed on exec. Give the second to the child as channel_descriptor.
/// @return OUT_OF_RESOURCES
Result<std::pair<os::Fd, os::Fd>> channel_pair();
/// The same of message sockets, for log_descriptor.
Result<std::pair<os::Fd, os::Fd>> log_pair();
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
    FrameReader frames_;
};

}  // namespace tserver::control
