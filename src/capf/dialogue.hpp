// The conversation with a CAPF server: one message out per TLS record, whole messages in.
// Source: doc/protocols/capf.md, section 3.
#pragma once

#include "base/time.hpp"
#include "capf/codec.hpp"
#include "net/task.hpp"

namespace tserver::capf {

using net::Task;

/// The octets under a dialogue: a TLS connection, or the script of a test.
class Wire {
public:
    virtual ~Wire() = default;
    /// At least one octet; 0 when the peer has ended its side, with close_notify or without.
    /// @return CAPF_STALLED when nothing came within `limit`; CAPF_COMM, CAPF_TLS_CIPHER (an alert)
    virtual Task<Result<std::size_t>> read(std::span<std::uint8_t> into, std::chrono::milliseconds limit) = 0;
    /// All of it, in one TLS record when it fits in one.  @return as read()
    virtual Task<Result<void>> write(ByteView octets, std::chrono::milliseconds limit) = 0;
    [[nodiscard]] virtual Steady::time_point now() const { return Steady::now(); }
};

class Dialogue {
public:
    /// @param until  no wait of the dialogue lasts longer than this
    Dialogue(Wire& wire, Steady::time_point until) : wire_{wire}, until_{until} {}

    /// The next message. The first one gives the session its id, every later one has to carry it.
    /// @return CAPF_PROTOCOL; CAPF_COMM when the connection ended; CAPF_STALLED when no whole message came
    ///         within `limit`
    Task<Result<Message>> next(std::chrono::milliseconds limit);
    /// The session id is filled in here.
    Task<Result<void>> send(Message message);

    [[nodiscard]] Steady::time_point now() const { return wire_.now(); }
    [[nodiscard]] Steady::time_point until() const { return until_; }

private:
    Task<Result<void>> more(Steady::time_point until);

    Wire& wire_;
    Steady::time_point until_;
    Assembler assembler_;
    std::optional<std::uint32_t> session_;
};

}  // namespace tserver::capf
