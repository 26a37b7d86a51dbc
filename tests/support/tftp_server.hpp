// A TFTP server in virtual time for tests: correct, or wrong in a chosen way. It reads and writes packets by
// itself and shares no code with the client.
// Source: doc/protocols/tftp.md, sections 1 to 4.
#pragma once

#include <algorithm>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/bytes.hpp"
#include "base/time.hpp"

namespace tserver::test {

class TftpServer {
public:
    using TimePoint = Steady::time_point;

    struct Traits {
        bool answers_options = true;
        std::size_t largest_block = 65'464;
        std::optional<std::size_t> announced;  ///< a wrong tsize
        bool answers_every_ack = false;  ///< the sorcerer's apprentice: a repeated ACK brings DATA again
        std::uint16_t after_wrap = 0;
        std::chrono::milliseconds repeat{1'000};
        int tries = 6;
    };
    /// From one of the server's ports to a port of the client.
    struct Out {
        std::uint16_t from;
        std::uint16_t to;
        Bytes packet;
    };

    TftpServer(Bytes file, Traits traits) : file_{std::move(file)}, traits_{traits} {}

    static constexpr std::uint16_t service = 69;

    /// A packet of the client's port `from` at the server's port `to`.
    std::vector<Out> received(std::uint16_t from, std::uint16_t to, ByteView packet, TimePoint now) {
        Reader reader{packet};
        const auto opcode = reader.u16();
        if (to == service && opcode == 1) return request(from, as_text(packet.subspan(2)), now);
        const auto found = transfers_.find(to);
        if (found == transfers_.end() || found->second.client != from) return {};
        if (opcode == 5) transfers_.erase(found);
        const auto number = reader.u16();
        if (opcode != 4 || !number) return {};
        return acknowledged(found->first, found->second, *number, now);
    }

    /// What is repeated because it is time.
    std::vector<Out> tick(TimePoint now) {
        std::vector<Out> out;
        for (auto at = transfers_.begin(); at != transfers_.end();) {
            auto& [port, transfer] = *at;
            if (transfer.repeat_at > now) {
                ++at;
            } else if (++transfer.tries > traits_.tries) {
                at = transfers_.erase(at);
            } else {
                transfer.repeat_at = now + traits_.repeat;
                out.push_back({port, transfer.client, transfer.last});
                ++at;
            }
        }
        return out;
    }

    [[nodiscard]] std::optional<TimePoint> wake() const {
        std::optional<TimePoint> first;
        for (const auto& [port, transfer] : transfers_) {
            first = std::min(first.value_or(transfer.repeat_at), transfer.repeat_at);
        }
        return first;
    }

private:
    struct Transfer {
        std::uint16_t client = 0;
        std::size_t block_size = 512;
        std::size_t blocks = 0;    ///< sent
        std::uint16_t number = 0;  ///< of the last block
        bool ended = false;
        Bytes last;
        TimePoint repeat_at{};
        int tries = 0;
    };

    std::vector<Out> request(std::uint16_t from, std::string_view text, TimePoint now) {
        std::vector<std::string> words;
        for (std::size_t end = text.find('\0'); end != std::string_view::npos; end = text.find('\0')) {
            words.emplace_back(text.substr(0, end));
            text.remove_prefix(end + 1);
        }
        const auto port = next_port_++;
        auto& transfer = transfers_[port];
        transfer.client = from;
        Writer answer;
        answer.u16(6);
        for (std::size_t i = 2; i + 1 < words.size() && traits_.answers_options; i += 2) {
            auto value = std::stoul(words[i + 1]);
            if (words[i] == "blksize") value = transfer.block_size = std::min(value, traits_.largest_block);
            if (words[i] == "tsize") value = traits_.announced.value_or(file_.size());
            answer.text(words[i]).u8(0).text(std::to_string(value)).u8(0);
        }
        if (answer.size() == 2) return {next_block(port, transfer, now)};
        return {send(port, transfer, answer.take(), now)};
    }

    std::vector<Out> acknowledged(std::uint16_t port, Transfer& transfer, std::uint16_t number,
                                  TimePoint now) {
        if (number != transfer.number) {
            const bool repeated = number + 1 == transfer.number;
            if (!traits_.answers_every_ack || !repeated) return {};
            return {Out{port, transfer.client, transfer.last}};
        }
        if (transfer.ended) {
            transfers_.erase(port);
            return {};
        }
        return {next_block(port, transfer, now)};
    }

    Out next_block(std::uint16_t port, Transfer& transfer, TimePoint now) {
        const auto from = transfer.blocks * transfer.block_size;
        const auto size = std::min(transfer.block_size, file_.size() - from);
        ++transfer.blocks;
        transfer.number =
            transfer.number == 65'535 ? traits_.after_wrap : static_cast<std::uint16_t>(transfer.number + 1);
        transfer.ended = size < transfer.block_size;
        Writer packet;
        packet.reserve(4 + size).u16(3).u16(transfer.number).bytes(ByteView{file_}.subspan(from, size));
        return send(port, transfer, packet.take(), now);
    }

    Out send(std::uint16_t port, Transfer& transfer, Bytes packet, TimePoint now) {
        transfer.last = std::move(packet);
        transfer.tries = 1;
        transfer.repeat_at = now + traits_.repeat;
        return {port, transfer.client, transfer.last};
    }

    Bytes file_;
    Traits traits_;
    std::map<std::uint16_t, Transfer> transfers_;
    std::uint16_t next_port_ = 30'000;
};

}  // namespace tserver::test
