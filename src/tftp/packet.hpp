// The packets of TFTP, read and written. No I/O.
// Source: doc/protocols/tftp.md, section 1 (RFC 1350 section 5, RFC 2347).
#pragma once

#include <variant>

#include "base/bytes.hpp"
#include "base/result.hpp"

namespace tserver::tftp {

/// Block size when nothing was negotiated, and the largest read request.
constexpr std::size_t plain_block_size = 512;

enum class ErrorCode : std::uint16_t {
    see_text = 0,
    file_not_found = 1,
    access_violation = 2,
    disk_full = 3,
    illegal_operation = 4,
    unknown_transfer_id = 5,
    file_exists = 6,
    no_such_user = 7,
    option_refused = 8,
};
/// "file not found (ERROR 1)", "ERROR 77" for a code without a name.
std::string describe(ErrorCode code);

struct Option {
    std::string name;
    std::string value;
    friend bool operator==(const Option&, const Option&) = default;
};

struct Data {
    std::uint16_t block;
    ByteView octets;  ///< of the packet that was read
};
struct ErrorReply {
    ErrorCode code;
    std::string text;  ///< as it came, up to the NUL or the end: escape before showing
};
struct OptionAck {
    std::vector<Option> options;  ///< in the order of the packet, names as they came
};

/// What a server may send to a client.
using Packet = std::variant<Data, ErrorReply, OptionAck>;

/// @return TFTP_PROTOCOL; the detail says what was seen: "a packet of 3 octets", "an ACK from a server".
Result<Packet> decode(ByteView packet);

/// RRQ in octet mode. The name has no NUL and fits one packet with its options.
Bytes read_request(std::string_view file_name, const std::vector<Option>& options);
Bytes ack(std::uint16_t block);
Bytes error(ErrorCode code, std::string_view text);

}  // namespace tserver::tftp
