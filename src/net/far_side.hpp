// The side of a relay that leads to the CTIManager: TLS or plain, moved step by step without ever waiting.
#pragma once

#include <span>

#include "base/bytes.hpp"
#include "net/tls_failure.hpp"

namespace tserver::net {

enum class Got : std::uint8_t {
    octets,   ///< some plain text was written
    nothing,  ///< nothing complete yet
    ended,    ///< the peer has ended its side properly (close_notify; FIN on a plain connection)
    torn,     ///< a TLS connection ended without close_notify
    failed,   ///< alert, reset, or a record that cannot be read; failure() says what
};

struct Pulled {
    Got got;
    std::size_t count;
};

class FarSide {
public:
    static constexpr std::size_t pull_room = 64 * 1024;
    static constexpr std::size_t push_room = 56 * 1024;

    virtual ~FarSide() = default;

    /// One recv; every complete piece of plain text goes to `into`, which has room for `pull_room` octets.
    /// With octets and an end in the same go, the octets come first and the end with the next call.
    virtual Pulled pull(std::span<std::uint8_t> into) = 0;
    /// True when the next pull() has octets or an end to tell that no descriptor will announce.
    [[nodiscard]] virtual bool held_back() const noexcept = 0;

    /// Takes all of `octets` (at most `push_room`), then one send. Only when nothing is unsent.
    /// @return false when the connection has failed
    virtual bool push(ByteView octets) = 0;
    /// One send of what is left.  @return false when the connection has failed
    virtual bool flush() = 0;
    [[nodiscard]] virtual bool unsent() const noexcept = 0;

    /// Ends our side (close_notify with TLS), then FIN as soon as everything is sent.
    virtual void end() = 0;

    [[nodiscard]] virtual int descriptor() const noexcept = 0;
    [[nodiscard]] virtual const TlsFailure& failure() const noexcept = 0;
    /// On a connection in clear: the first octets that came are a TLS alert.
    [[nodiscard]] virtual bool answers_in_tls() const noexcept { return false; }
};

}  // namespace tserver::net
