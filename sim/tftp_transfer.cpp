#include "sim/tftp_transfer.hpp"

#include <fmt/format.h>
#include <poll.h>

#include "base/text.hpp"

namespace tserver::sim {
namespace {

constexpr std::uint16_t op_data = 3;
constexpr std::uint16_t op_ack = 4;
constexpr std::uint16_t op_error = 5;
constexpr std::uint16_t op_oack = 6;
constexpr std::size_t endless_limit = 1UL << 30;

Bytes error_packet(std::uint16_t code, std::string_view text, bool nul) {
    Writer out;
    out.u16(op_error).u16(code).text(text);
    if (nul) out.u8(0);
    return out.take();
}

void option(Writer& out, std::string_view name, std::string_view value) {
    out.text(name).u8(0).text(value).u8(0);
}

}  // namespace

TftpTransfer::TftpTransfer(Cluster& cluster, Fd socket, bool connected, const Address& client,
                           std::uint64_t seed)
    : cluster_{cluster},
      socket_{std::move(socket)},
      connected_{connected},
      client_{client},
      random_{seed},
      rollover_one_{cluster.faults.on("tftp-rollover-one")} {}

bool TftpTransfer::chance(std::string_view fault) {
    const auto percent = cluster_.faults.use_number(fault);
    return percent && static_cast<long>(random_() % 100) < *percent;
}

void TftpTransfer::send_raw(ByteView packet) {
    if (connected_)
        ::send(socket_.get(), packet.data(), packet.size(), 0);
    else
        ::sendto(socket_.get(), packet.data(), packet.size(), 0, client_.raw(), client_.length());
}

void TftpTransfer::send(ByteView packet) {
    if (chance("tftp-drop")) return;
    send_raw(packet);
    if (chance("tftp-duplicate")) send_raw(packet);
    if (!previous_.empty() && chance("tftp-reorder")) send_raw(previous_);
}

void TftpTransfer::send_error(std::uint16_t code, std::string_view text, bool nul) {
    send(error_packet(code, text, nul));
}

std::optional<TftpTransfer::Agreed> TftpTransfer::agree(const TftpRequest& request, std::size_t size) {
    auto& faults = cluster_.faults;
    Agreed agreed{512, cluster_.settings.tftp_timeout, {}};
    if (!request.options.empty() && faults.use("tftp-refuse-options")) {
        send_error(8, "option refused");
        return std::nullopt;
    }
    Writer taken;
    if (!request.options.empty() && faults.use("tftp-ignore-options")) return agreed;
    for (const auto& [name, value] : request.options) {
        if (name == "blksize") {
            const auto asked = decimal(value, 8, 65464);
            if (!asked) {
                send_error(8, "blksize: 8 to 65464");
                return std::nullopt;
            }
            const auto lowered = faults.use_number("tftp-blksize").value_or(*asked);
            agreed.block = static_cast<std::size_t>(std::clamp(lowered, 8L, *asked));
            option(taken, name, std::to_string(agreed.block));
        } else if (name == "tsize" && value == "0") {
            const auto wrong = faults.use_number("tftp-wrong-tsize", static_cast<long>(size) + 1);
            option(taken, name, std::to_string(wrong.value_or(static_cast<long>(size))));
        } else if (name == "timeout") {
            const auto asked = decimal(value, 1, 255);
            if (!asked) continue;
            agreed.timeout = std::chrono::seconds{*asked};
            option(taken, name, value);
        }
    }
    if (faults.use("tftp-unasked-option")) option(taken, "windowsize", "4");
    if (taken.size() > 0) agreed.oack = Writer{}.u16(op_oack).bytes(taken.view()).take();
    return agreed;
}

std::optional<Bytes> TftpTransfer::receive(const Stop& stop, Steady::time_point deadline) {
    Bytes packet(2048);
    while (wait(socket_.get(), POLLIN, stop, deadline) == Woken::ready) {
        sockaddr_storage storage{};
        socklen_t length = sizeof storage;
        const auto got = ::recvfrom(socket_.get(), packet.data(), packet.size(), 0,
                                    reinterpret_cast<sockaddr*>(&storage), &length);
        if (got < 0) {
            // The client's port is closed: nobody is left to send to.
            if (errno == ECONNREFUSED) return std::nullopt;
            continue;
        }
        if (!connected_ && !(Address{reinterpret_cast<sockaddr*>(&storage), length} == client_)) {
            const auto error = error_packet(5, "unknown transfer id", true);
            ::sendto(socket_.get(), error.data(), error.size(), 0, reinterpret_cast<sockaddr*>(&storage),
                     length);
            continue;
        }
        if (chance("tftp-drop")) continue;
        packet.resize(static_cast<std::size_t>(got));
        return packet;
    }
    return std::nullopt;
}

TftpTransfer::Answer TftpTransfer::deliver(std::uint16_t number, ByteView packet, const Agreed& agreed,
                                           const Stop& stop, bool lose_first_ack) {
    for (unsigned tries = 0; tries < cluster_.settings.tftp_tries && !stop.is_set(); ++tries) {
        if (const auto delay = cluster_.faults.use_number("tftp-delay"))
            pause(std::chrono::milliseconds{*delay}, stop);
        send(packet);
        const auto deadline = Steady::now() + agreed.timeout;
        // Only silence repeats a packet, never a duplicate ACK (RFC 1123, 4.2.3.1).
        while (const auto answer = receive(stop, deadline)) {
            Reader reader{*answer};
            const auto op = reader.u16();
            const auto value = reader.u16();
            if (!op || !value) continue;
            if (*op == op_error) return Answer::given_up;
            if (*op != op_ack || *value != number) continue;
            if (std::exchange(lose_first_ack, false)) continue;
            return Answer::acknowledged;
        }
    }
    return Answer::given_up;
}

void TftpTransfer::disturb(std::uint16_t number) {
    auto& faults = cluster_.faults;
    if (faults.use("tftp-short-packets")) {
        const Bytes start{0, 3, 0};
        for (std::size_t length = 0; length <= 3; ++length) send_raw(ByteView{start}.first(length));
    }
    if (faults.use("tftp-stranger")) {
        if (!stranger_) stranger_ = bind_udp(Address::local_of(socket_.get()).with_port(0)).value_or(Fd{});
        const auto packet = Writer{}.u16(op_data).u16(number).text("from a foreign port").take();
        ::sendto(stranger_.get(), packet.data(), packet.size(), 0, client_.raw(), client_.length());
    }
}

std::uint16_t TftpTransfer::number_of(std::uint64_t block) const {
    if (rollover_one_ && block > 0) return static_cast<std::uint16_t>((block - 1) % 65535 + 1);
    return static_cast<std::uint16_t>(block & 0xffff);
}

void TftpTransfer::send_file(const TftpRequest& request, Bytes content, const Stop& stop) {
    auto& faults = cluster_.faults;
    const auto agreed = agree(request, content.size());
    if (!agreed) return;
    if (!agreed->oack.empty() && deliver(0, agreed->oack, *agreed, stop, false) == Answer::given_up) return;

    const bool endless = faults.use("tftp-endless").has_value();
    const bool replaced = faults.use("tftp-replaced").has_value();
    const auto wrong_size = faults.use_number("tftp-wrong-blksize", 512);
    const auto size = wrong_size ? static_cast<std::size_t>(std::max(*wrong_size, 1L)) : agreed->block;
    for (std::uint64_t block = 1;; ++block) {
        const auto from = (block - 1) * size;
        if (endless && from < endless_limit) content.resize(from + 2 * size, 0x45);
        if (replaced && from >= content.size() / 2 && block == content.size() / size / 2 + 1)
            content.insert(content.begin() + static_cast<std::ptrdiff_t>(from), 700, 0x52);
        const auto part = ByteView{content}.subspan(from, std::min(size, content.size() - from));
        const auto number = number_of(block);
        const auto packet = Writer{}.u16(op_data).u16(number).bytes(part).take();
        const bool last = part.size() < size;
        disturb(number);
        const bool lose = last && faults.use("tftp-lost-last-ack").has_value();
        if (deliver(number, packet, *agreed, stop, lose) == Answer::given_up) break;
        previous_ = packet;
        if (last) {
            ++cluster_.counters.tftp_completed;
            break;
        }
    }
    if (!stranger_) return;
    Bytes answer(64);
    while (wait(stranger_.get(), POLLIN, stop, Steady::now() + std::chrono::milliseconds{20}) ==
           Woken::ready) {
        const auto got = ::recv(stranger_.get(), answer.data(), answer.size(), 0);
        if (got >= 4 && answer[1] == op_error && answer[3] == 5) ++cluster_.counters.tftp_stranger_errors;
    }
}

}  // namespace tserver::sim
