#include "tftp/packet.hpp"

#include <fmt/format.h>

#include <array>

namespace tserver::tftp {
namespace {

constexpr std::uint16_t op_read_request = 1;
constexpr std::uint16_t op_data = 3;
constexpr std::uint16_t op_ack = 4;
constexpr std::uint16_t op_error = 5;
constexpr std::uint16_t op_option_ack = 6;
/// An OACK answers at most the few options that were asked; more pairs than this are no answer to us.
constexpr std::size_t most_options = 8;

constexpr std::array<std::string_view, 9> error_names{
    "see the text",        "file not found",      "access violation", "disk full",     "illegal operation",
    "unknown transfer id", "file already exists", "no such user",     "option refused"};

tl::unexpected<Error> bad(std::string detail) { return fail(Fault::TFTP_PROTOCOL, std::move(detail)); }

/// Text up to its NUL, which is taken too.
std::optional<std::string> text_field(Reader& reader) {
    std::string text;
    while (const auto octet = reader.u8()) {
        if (*octet == 0) return text;
        text.push_back(static_cast<char>(*octet));
    }
    return std::nullopt;
}

Result<Packet> decode_option_ack(Reader& reader) {
    OptionAck out;
    while (!reader.done()) {
        auto name = text_field(reader);
        auto value = name ? text_field(reader) : std::nullopt;
        if (!value) return bad("an OACK whose last text has no end");
        if (name->empty()) return bad("an OACK with an option without a name");
        if (out.options.size() == most_options) {
            return bad(fmt::format("an OACK of more than {} options", most_options));
        }
        out.options.push_back({*std::move(name), *std::move(value)});
    }
    return Packet{std::move(out)};
}

std::string_view name_of(std::uint16_t opcode) {
    switch (opcode) {
        case op_read_request: return "a read request";
        case 2: return "a write request";
        case op_ack: return "an ACK";
        default: return "a packet";
    }
}

}  // namespace

std::string describe(ErrorCode code) {
    const auto number = static_cast<std::size_t>(code);
    return number < error_names.size() ? fmt::format("{} (ERROR {})", error_names[number], number)
                                       : fmt::format("ERROR {}", number);
}

Result<Packet> decode(ByteView packet) {
    Reader reader{packet};
    const auto opcode = reader.u16();
    if (!opcode) return bad(fmt::format("a packet of {} octets", packet.size()));
    if (*opcode == op_option_ack) return decode_option_ack(reader);
    if (*opcode != op_data && *opcode != op_error) {
        return bad(fmt::format("{} (opcode {}) from a server", name_of(*opcode), *opcode));
    }
    const auto number = reader.u16();
    if (!number) {
        return bad(fmt::format("a packet of {} octets where {} has at least 4", packet.size(),
                               *opcode == op_data ? "DATA" : "ERROR"));
    }
    const auto rest = *reader.take(reader.left());
    if (*opcode == op_data) return Packet{Data{*number, rest}};
    const auto text = as_text(rest);
    return Packet{ErrorReply{ErrorCode{*number}, std::string{text.substr(0, text.find('\0'))}}};
}

Bytes read_request(std::string_view file_name, const std::vector<Option>& options) {
    Writer out;
    out.u16(op_read_request).text(file_name).u8(0).text("octet").u8(0);
    for (const auto& option : options) out.text(option.name).u8(0).text(option.value).u8(0);
    return out.take();
}

Bytes ack(std::uint16_t block) { return Writer{}.u16(op_ack).u16(block).take(); }

Bytes error(ErrorCode code, std::string_view text) {
    return Writer{}.u16(op_error).u16(static_cast<std::uint16_t>(code)).text(text).u8(0).take();
}

}  // namespace tserver::tftp
