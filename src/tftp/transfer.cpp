#include "tftp/transfer.hpp"

#include <fmt/format.h>

#include <cerrno>

#include "base/text.hpp"
#include "os/fd.hpp"

namespace tserver::tftp {
namespace {

using std::chrono::milliseconds;

/// A repeated block is taken for the server's time-out, and acknowledged again, only when our acknowledgement
/// is this old. A copy made by the network comes at once and stays without answer, so no acknowledgement is
/// ever doubled and no storm can grow (RFC 1123, section 4.2.3.1), whatever the server does with duplicates.
constexpr milliseconds quiet{100};
/// An answer is overdue after four times what answers took so far, and not before this: one early repeat,
/// then the fixed schedule (RFC 1123, section 4.2.3.2 asks for an adaptive time-out).
constexpr milliseconds least_wait{200};
/// Strangers told that they are wrong; the rest of them is ignored.
constexpr std::size_t most_strangers = 32;

bool is_content(ByteView packet) {
    const auto decoded = decode(packet);
    return decoded && !std::holds_alternative<ErrorReply>(*decoded);
}

bool is_error(ByteView packet) { return packet.size() >= 2 && packet[0] == 0 && packet[1] == 5; }

/// Options are no use, or their refusal is not told from other errors.
bool may_be_about_options(ErrorCode code) {
    return code == ErrorCode::option_refused || code == ErrorCode::see_text ||
           code == ErrorCode::illegal_operation;
}

double seconds(Steady::duration time) { return std::chrono::duration<double>(time).count(); }

}  // namespace

Transfer::Transfer(Request request, const Limits& limits, std::uint64_t seed)
    : request_{std::move(request)}, limits_{limits}, random_{static_cast<std::uint32_t>(seed)} {}

Send Transfer::start(TimePoint now) {
    std::vector<Option> options;
    if (request_.options) {
        options.push_back({"blksize", std::to_string(limits_.block_size)});
        options.push_back({"tsize", "0"});
    }
    return send_new(read_request(request_.file_name, options), now);
}

std::optional<Send> Transfer::received(const net::Address& from, ByteView packet, TimePoint now) {
    if (state_ == State::failed) return std::nullopt;
    ++facts_.received;
    const bool ours = peer_ ? from == *peer_ : from.same_host(request_.server);
    if (!ours) return stranger(from, packet);
    peer_ = from;
    auto decoded = decode(packet);
    if (state_ == State::complete) {
        const auto* data = decoded ? std::get_if<Data>(&*decoded) : nullptr;
        if (data == nullptr || data->block != block_ || late_answers_ == limits_.tries) return std::nullopt;
        ++late_answers_;
        return repeat_ack(now);
    }
    if (!decoded && is_error(packet)) {  // cut short, and an ERROR is never answered
        give_up(Fault::TFTP_PROTOCOL, decoded.error().detail, Next::elsewhere);
        return std::nullopt;
    }
    if (!decoded) return refuse(ErrorCode::illegal_operation, std::move(decoded).error(), Next::elsewhere);
    return std::visit([&](const auto& read) { return take(read, now); }, *decoded);
}

std::optional<Send> Transfer::stranger(const net::Address& from, ByteView packet) {
    ++facts_.strangers;
    if (state_ == State::complete || !is_content(packet)) return std::nullopt;
    if (!peer_) foreign_ = from;
    if (facts_.strangers > most_strangers) return std::nullopt;
    ++facts_.sent;
    return Send{from, tftp::error(ErrorCode::unknown_transfer_id, "unknown transfer id")};
}

std::optional<Send> Transfer::take(const Data& data, TimePoint now) {
    if (follows(data.block)) return take_next(data, now);
    if (blocks_ > 0 && data.block == block_) return repeat_ack(now);
    return std::nullopt;
}

bool Transfer::follows(std::uint16_t block) const noexcept {
    constexpr std::uint16_t highest = 65535;
    if (block_ != highest) return block == block_ + 1;
    return wrapped_ ? block == first_after_wrap_ : block <= 1;
}

std::optional<Send> Transfer::take_next(const Data& data, TimePoint now) {
    const auto size = data.octets.size();
    if (size > facts_.block_size) {
        auto error = Error{
            Fault::TFTP_PROTOCOL,
            fmt::format("block {} has {} octets where {} were agreed", blocks_ + 1, size, facts_.block_size),
            {}};
        return refuse(ErrorCode::illegal_operation, std::move(error), Next::elsewhere);
    }
    const auto total = file_.size() + size;
    if (total > limits_.largest) {
        auto error = Error{Fault::CTL_TOO_LARGE,
                           fmt::format("{} is longer than {} octets", request_.file_name, limits_.largest),
                           {}};
        return refuse(ErrorCode::disk_full, std::move(error), Next::nothing);
    }
    if (facts_.announced && total > *facts_.announced) {
        auto error = Error{Fault::TFTP_PROTOCOL,
                           fmt::format("{} was announced with {} octets and goes on behind them: replaced on "
                                       "the server in mid-transfer",
                                       request_.file_name, *facts_.announced),
                           {}};
        return refuse(ErrorCode::see_text, std::move(error), Next::same);
    }
    if (block_ == 65535 && !wrapped_) {
        wrapped_ = true;
        first_after_wrap_ = data.block;
    }
    measure_answer(now);
    file_.insert(file_.end(), data.octets.begin(), data.octets.end());
    block_ = data.block;
    ++blocks_;
    if (size < facts_.block_size) return finish(now);
    return send_new(ack(block_), now);
}

std::optional<Send> Transfer::finish(TimePoint now) {
    auto last = send_new(ack(block_), now);
    if (!facts_.announced || file_.size() == *facts_.announced) {
        state_ = State::complete;
    } else if (blocks_ == 1 && facts_.block_size != plain_block_size) {
        give_up(Fault::TFTP_PROTOCOL,
                fmt::format("block 1 has {} octets where {} were agreed, of a file of {}", file_.size(),
                            facts_.block_size, *facts_.announced),
                Next::same);
    } else {
        give_up(Fault::TFTP_PROTOCOL,
                fmt::format("{} ended after {} octets, {} were announced: replaced on the server in "
                            "mid-transfer",
                            request_.file_name, file_.size(), *facts_.announced),
                Next::same);
    }
    return last;
}

std::optional<Send> Transfer::take(const ErrorReply& reply, TimePoint) {
    const auto text =
        fmt::format("{} for {}: \"{}\"", describe(reply.code), request_.file_name, escape(reply.text));
    if (reply.code == ErrorCode::file_not_found) {
        give_up(Fault::CTL_NOT_FOUND, text, Next::elsewhere);
    } else {
        const bool retry = request_.options && blocks_ == 0 && may_be_about_options(reply.code);
        give_up(Fault::TFTP_REFUSED, text, retry ? Next::plain : Next::elsewhere);
    }
    return std::nullopt;
}

std::optional<Send> Transfer::take(const OptionAck& reply, TimePoint now) {
    if (blocks_ > 0) return std::nullopt;
    if (facts_.options_taken) return repeat_ack(now);
    auto agreed = negotiated(reply);
    if (!agreed) return refuse(ErrorCode::option_refused, std::move(agreed).error(), Next::elsewhere);
    measure_answer(now);
    facts_ = *std::move(agreed);
    if (facts_.announced > limits_.largest) {
        auto error = Error{Fault::CTL_TOO_LARGE,
                           fmt::format("{} has {} octets, {} are taken at most", request_.file_name,
                                       *facts_.announced, limits_.largest),
                           {}};
        return refuse(ErrorCode::disk_full, std::move(error), Next::nothing);
    }
    return send_new(ack(0), now);
}

Result<Facts> Transfer::negotiated(const OptionAck& reply) const {
    constexpr long smallest_block = 8;
    auto facts = facts_;
    facts.options_taken = true;
    bool sized = false;
    if (!request_.options) return fail(Fault::TFTP_PROTOCOL, "an OACK to a request without options");
    for (const auto& [name, value] : reply.options) {
        const auto option = lower_case(name);
        if (option == "blksize" && !sized) {
            const auto size = decimal(value, smallest_block, limits_.block_size);
            if (!size) {
                return fail(Fault::TFTP_PROTOCOL,
                            fmt::format("block size \"{}\" where {} to {} may be agreed", escape(value),
                                        smallest_block, limits_.block_size));
            }
            sized = true;
            facts.block_size = static_cast<std::size_t>(*size);
        } else if (option == "tsize" && !facts.announced) {
            const auto size = decimal(value, 0, std::numeric_limits<long>::max());
            if (!size) {
                return fail(Fault::TFTP_PROTOCOL, fmt::format("file size \"{}\" in the OACK", escape(value)));
            }
            facts.announced = static_cast<std::size_t>(*size);
        } else {
            return fail(
                Fault::TFTP_PROTOCOL,
                fmt::format("option \"{}\" in the OACK was not asked, or is there twice", escape(name)));
        }
    }
    return facts;
}

std::optional<Send> Transfer::repeat_ack(TimePoint now) {
    if (now - last_sent_ < quiet) return std::nullopt;
    last_sent_ = now;
    sent_once_ = false;
    ++facts_.sent;
    ++facts_.repeated;
    return Send{peer(), last_};
}

std::optional<Send> Transfer::time_is_up(TimePoint now) {
    if (state_ != State::running) return std::nullopt;
    if (now >= request_.deadline) {
        give_up(Fault::TFTP_UNREACHABLE,
                fmt::format("not complete within {:.1f} s: {}", seconds(limits_.deadline), progress()),
                Next::nothing);
        return std::nullopt;
    }
    const bool late = !peer_ && now >= request_.answer_by;
    if (!late && now < repeat_at_) return std::nullopt;
    if (early_) return send_again(now);
    const bool first_block_missing = blocks_ == 0 && tries_ >= limits_.silent_before_plain;
    if (late || tries_ >= limits_.tries || (first_block_missing && (request_.options || foreign_))) {
        give_up_silent(now);
        return std::nullopt;
    }
    return send_again(now);
}

void Transfer::give_up_silent(TimePoint now) {
    if (foreign_ && !peer_) {
        return give_up(Fault::TFTP_PROTOCOL,
                       fmt::format("{} answered in its place; only the address that was asked is believed",
                                   foreign_->str()),
                       Next::elsewhere);
    }
    const bool plain = request_.options && blocks_ == 0 && (peer_ || now < request_.answer_by);
    give_up(Fault::TFTP_UNREACHABLE,
            fmt::format("{}{}{}", progress(), trouble_.empty() ? "" : "; the network says: ", trouble_),
            plain ? Next::plain : Next::elsewhere);
}

void Transfer::undeliverable(const net::Address& to, int error) {
    if (state_ != State::running || !(to == peer())) return;
    trouble_ = os::reason(error);
    if (error == ECONNREFUSED) {
        const auto text = peer_
                              ? fmt::format("port {} was closed in mid-transfer (ICMP port unreachable), {}",
                                            peer_->port(), progress())
                              : std::string{"nothing listens there (ICMP port unreachable)"};
        give_up(Fault::TFTP_UNREACHABLE, text, Next::elsewhere);
    } else if (!peer_) {
        give_up(Fault::TFTP_UNREACHABLE, trouble_, Next::elsewhere);
    }
}

std::string Transfer::progress() const {
    if (!peer_) return fmt::format("no answer to {} requests for {}", tries_, request_.file_name);
    if (blocks_ == 0) return "silent after it had agreed to the options";
    const auto of = facts_.announced ? fmt::format(" of {}", *facts_.announced) : std::string{};
    return fmt::format("silent after block {} ({}{} octets of {})", blocks_, file_.size(), of,
                       request_.file_name);
}

TimePoint Transfer::wake() const noexcept {
    const auto wake = std::min(repeat_at_, request_.deadline);
    return peer_ ? wake : std::min(wake, request_.answer_by);
}

void Transfer::measure_answer(TimePoint now) {
    // After a repeat nobody knows which copy was answered (Karn).
    if (!sent_once_) return;
    const auto took = now - last_sent_;
    answer_time_ = answer_time_ ? std::max(took, *answer_time_ * 7 / 8) : took;
}

Send Transfer::send_new(Bytes packet, TimePoint now) {
    last_ = std::move(packet);
    tries_ = 1;
    sent_once_ = true;
    wait_ = limits_.first_wait;
    auto wait = wait_;
    if (answer_time_) {
        wait = std::min(wait, std::max(least_wait, std::chrono::ceil<milliseconds>(*answer_time_ * 4)));
    }
    early_ = wait < wait_;
    return send_last(wait, now);
}

Send Transfer::send_again(TimePoint now) {
    sent_once_ = false;
    ++facts_.repeated;
    if (!std::exchange(early_, false)) {
        ++tries_;
        wait_ = std::min(wait_ * 2, limits_.longest_wait);
    }
    return send_last(wait_, now);
}

Send Transfer::send_last(milliseconds wait, TimePoint now) {
    ++facts_.sent;
    std::uniform_int_distribution<milliseconds::rep> jitter{wait.count() * 7 / 8, wait.count() * 9 / 8};
    last_sent_ = now;
    repeat_at_ = now + milliseconds{jitter(random_)};
    return {peer(), last_};
}

std::optional<Send> Transfer::refuse(ErrorCode code, Error why, Next next) {
    give_up(why.fault, std::move(why.detail), next);
    ++facts_.sent;
    return Send{peer(), tftp::error(code, escape(error_->detail))};
}

void Transfer::give_up(Fault fault, std::string detail, Next next) {
    state_ = State::failed;
    next_ = next;
    error_ = Error{fault, fmt::format("{}: {}", request_.server.str(), detail), {}};
    file_ = {};
}

}  // namespace tserver::tftp
