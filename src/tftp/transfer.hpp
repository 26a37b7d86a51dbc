// One TFTP read as a pure state machine: events in, at most one packet out for each, an outcome in the end.
// No I/O and no clock: the client drives it with sockets, the tests with a virtual network.
// Rules: doc/protocols/tftp.md, sections 2 to 5.
#pragma once

#include <random>

#include "base/time.hpp"
#include "net/address.hpp"
#include "tftp/packet.hpp"

namespace tserver::tftp {

using TimePoint = Steady::time_point;

struct Limits {
    std::size_t largest = 16U << 20U;               ///< octets of the file; more is CTL_TOO_LARGE
    std::uint16_t block_size = 1428;                ///< asked for; fits one Ethernet frame, also over IPv6
    std::chrono::milliseconds deadline{30'000};     ///< resolving and all requests together
    std::chrono::milliseconds first_wait{1'000};    ///< before a packet is repeated; doubles …
    std::chrono::milliseconds longest_wait{8'000};  ///< … up to this
    int tries = 5;                                  ///< of each packet
    int silent_before_plain = 2;  ///< time-outs without a first block until options are given up
    std::chrono::milliseconds farewell{3'000};  ///< how long repeats of the last block are answered
};

/// What a transfer was like.
struct Facts {
    std::size_t block_size = plain_block_size;
    std::optional<std::size_t> announced;  ///< tsize
    bool options_taken = false;            ///< an OACK came
    std::size_t received = 0;              ///< packets, strangers' included
    std::size_t sent = 0;                  ///< packets
    std::size_t repeated = 0;              ///< of those, sent again after silence or a repeated block
    std::size_t strangers = 0;             ///< packets from another address or port
};

struct Send {
    net::Address to;
    Bytes packet;
};

/// What is worth trying after a failure.
enum class Next : std::uint8_t {
    plain,      ///< the same server without options
    same,       ///< the same request once more
    elsewhere,  ///< another address of the server
    nothing,    ///< the whole fetch is over
};

class Transfer {
public:
    struct Request {
        std::string file_name;
        net::Address server;
        bool options = true;
        TimePoint answer_by;  ///< no packet of the server until then: given up
        TimePoint deadline;
    };
    enum class State : std::uint8_t { running, complete, failed };

    Transfer(Request request, const Limits& limits, std::uint64_t seed);

    /// The read request.
    Send start(TimePoint now);
    std::optional<Send> received(const net::Address& from, ByteView packet, TimePoint now);
    /// At or after wake().
    std::optional<Send> time_is_up(TimePoint now);
    /// The network says that a packet to `to` was not delivered (errno).
    void undeliverable(const net::Address& to, int error);

    [[nodiscard]] TimePoint wake() const noexcept;
    [[nodiscard]] State state() const noexcept { return state_; }
    [[nodiscard]] const net::Address& server() const noexcept { return request_.server; }
    [[nodiscard]] const net::Address& peer() const noexcept { return peer_ ? *peer_ : request_.server; }
    [[nodiscard]] const Facts& facts() const noexcept { return facts_; }
    /// When complete; once.
    Bytes take_file() { return std::move(file_); }
    /// When failed.
    [[nodiscard]] const Error& error() const noexcept { return *error_; }
    [[nodiscard]] Next next() const noexcept { return next_; }

private:
    std::optional<Send> stranger(const net::Address& from, ByteView packet);
    std::optional<Send> take(const Data& data, TimePoint now);
    std::optional<Send> take_next(const Data& data, TimePoint now);
    std::optional<Send> take(const ErrorReply& reply, TimePoint now);
    std::optional<Send> take(const OptionAck& reply, TimePoint now);
    std::optional<Send> finish(TimePoint now);
    std::optional<Send> repeat_ack(TimePoint now);
    [[nodiscard]] Result<Facts> negotiated(const OptionAck& reply) const;
    [[nodiscard]] bool follows(std::uint16_t block) const noexcept;
    [[nodiscard]] std::string progress() const;

    void measure_answer(TimePoint now);
    Send send_new(Bytes packet, TimePoint now);
    Send send_again(TimePoint now);
    Send send_last(std::chrono::milliseconds wait, TimePoint now);
    std::optional<Send> refuse(ErrorCode code, Error error, Next next);
    void give_up(Fault fault, std::string detail, Next next);
    void give_up_silent(TimePoint now);

    Request request_;
    Limits limits_;
    std::minstd_rand random_;
    State state_ = State::running;
    Next next_ = Next::elsewhere;
    std::optional<Error> error_;
    Facts facts_;
    Bytes file_;
    std::optional<net::Address> peer_;     ///< the server with its transfer id, once it is known
    std::optional<net::Address> foreign_;  ///< another address that answered in place of the server
    std::string trouble_;                  ///< last word of the network, for the text of a time-out
    Bytes last_;                           ///< packet that is repeated on silence
    TimePoint last_sent_{};
    TimePoint repeat_at_{};
    std::chrono::milliseconds wait_{0};
    int tries_ = 0;       ///< of the last packet, without the early repeat
    bool early_ = false;  ///< the next repeat is the early one
    bool sent_once_ = false;
    std::optional<Steady::duration> answer_time_;  ///< rises at once, falls slowly
    std::uint16_t block_ = 0;                      ///< last block taken
    std::size_t blocks_ = 0;                       ///< taken so far
    std::uint16_t first_after_wrap_ = 0;
    bool wrapped_ = false;
    int late_answers_ = 0;  ///< repeats of the last block answered after completion
};

}  // namespace tserver::tftp
