// What tserver and a link process say to each other, as frames of their channel (control/channel.hpp).
//
// Frames (big-endian): length u32 of what follows the type, type u8, payload. 1 MiB of payload at most;
// anything else ends the channel. Passphrases and codes travel here and nowhere else, so every payload is a
// Secret.
#pragma once

#include <optional>
#include <variant>

#include "base/bytes.hpp"
#include "base/secret.hpp"
#include "base/types.hpp"
#include "control/event.hpp"
#include "control/status.hpp"
#include "log/message.hpp"

namespace tserver::control {

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
    logged = 69,
    last_words = 70,  // from the link
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
/// Why the process ends by itself; its exit follows. Payload: JSON of the error.
struct LastWords {
    Error why;
};
using FromLink = std::variant<Ready, Report, Pong, Answer, Logged, LastWords>;

Frame frame(const ToLink& message);
Frame frame(const FromLink& message);
/// @return CONTROL_PROTOCOL
Result<ToLink> to_link(const Frame& frame);
Result<FromLink> from_link(const Frame& frame);

/// The frame as it goes over the channel.
Secret octets_of(const Frame& frame);

/// Cuts what comes over the channel into frames. It leaves no copy of a secret behind.
class FrameReader {
public:
    FrameReader() = default;
    FrameReader(const FrameReader&) = delete;
    FrameReader& operator=(const FrameReader&) = delete;
    ~FrameReader() { wipe(buffer_); }

    void add(ByteView octets);
    /// Nothing when the next frame is not whole yet.  @return CONTROL_PROTOCOL (too long)
    Result<std::optional<Frame>> next();
    /// Whether there is nothing of a next frame.
    [[nodiscard]] bool empty() const noexcept { return buffer_.empty(); }

private:
    Bytes buffer_;
};

}  // namespace tserver::control
