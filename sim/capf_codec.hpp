// CAPF frames, as the server sees them. Source: doc/protocols/ucmsim.md, section 4.
#pragma once

#include <optional>
#include <string>

#include "base/bytes.hpp"
#include "base/result.hpp"

namespace tserver::sim::capf {

inline constexpr std::uint8_t protocol_id = 0x55;
inline constexpr std::size_t header_octets = 8;

enum class Command : std::uint8_t {
    auth_request = 1,
    auth_response = 2,
    key_generate_request = 3,
    key_generate_response = 4,
    store_certificate_request = 9,
    store_certificate_response = 10,
    fetch_certificate_request = 11,
    fetch_certificate_response = 12,
    delete_certificate_request = 13,
    delete_certificate_response = 14,
    end_session = 15,
    retry_later = 16,
    request_in_progress = 17,
    status_request = 18,
};

enum class Tag : std::uint8_t {
    reason = 1,
    reason_info = 2,
    certificate_type = 3,
    certificate = 4,
    version = 7,
    auth_type = 8,
    public_key = 9,
    key_size = 10,
    password = 11,
    retry_delay = 12,
    device_name = 13,
    key_type = 17,
    curve = 18,
};

struct Element {
    std::uint8_t tag;
    Bytes value;
    friend bool operator==(const Element&, const Element&) = default;
};

struct Header {
    std::uint8_t protocol;
    std::uint8_t command;
    std::uint32_t session;
    std::uint16_t length;
};

struct Message {
    Command command{};
    std::uint32_t session{};
    std::vector<Element> elements{};

    [[nodiscard]] const Bytes* find(Tag tag) const;
    Message& add(Tag tag, Bytes value);
    Message& add(Tag tag, std::uint8_t value) { return add(tag, Bytes{value}); }
    friend bool operator==(const Message&, const Message&) = default;
};

Header read_header(ByteView eight_octets);
/// @return DECODE: an element that leaves the frame, or the same element twice. Unknown elements are kept.
Result<std::vector<Element>> read_elements(ByteView body);
Bytes encode(const Message& message);

/// Text element: one final NUL is taken off, if there is one.
std::string text_of(const Bytes& value);
/// CERTIFICATE: 01, length + 2, 00, type, DER.
Bytes certificate_value(ByteView der);
/// The whole message in one line, names and hex; the password is stars.
std::string describe(const Message& message);

}  // namespace tserver::sim::capf
