// CAPF messages: octets to elements and back. Pure; no socket, no state of a session.
// Source: doc/protocols/capf.md, section 3.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.hpp"
#include "base/result.hpp"
#include "capf/key_spec.hpp"
#include "crypto/certificate.hpp"

namespace tserver::capf {

/// Any other number is kept as it came.
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
};

/// "KEY_GENERATE_REQUEST", "command 99"
std::string name(Command command);

/// Elements with another number are carried along and looked at by nobody.
enum class Tag : std::uint8_t {
    reason = 1,
    reason_info = 2,
    certificate_type = 3,
    certificate = 4,
    certificate_id = 5,
    signed_data = 6,
    version = 7,
    auth_type = 8,
    public_key = 9,
    key_size = 10,
    password = 11,
    retry_delay = 12,
    device_name = 13,
    sudi_data = 16,
    key_type = 17,
    curve = 18,
    digest_type = 19,
    sha2_signed_data = 20,
};

/// "KEY_SIZE", "element 21"
std::string name(Tag tag);

/// Tag and value. The value of a PASSWORD is wiped when it goes.
class Element {
public:
    Element(Tag tag, Bytes value) : tag_{tag}, value_{std::move(value)} {}
    Element(const Element&) = default;
    Element(Element&&) noexcept = default;
    Element& operator=(const Element&) = default;
    Element& operator=(Element&&) noexcept = default;
    ~Element() {
        if (tag_ == Tag::password) wipe(value_);
    }

    [[nodiscard]] Tag tag() const noexcept { return tag_; }
    [[nodiscard]] const Bytes& value() const noexcept { return value_; }
    bool operator==(const Element&) const = default;

private:
    Tag tag_;
    Bytes value_;
};

struct Message {
    Command command;
    std::uint32_t session = 0;
    std::vector<Element> elements = {};

    /// Value of the element, nothing if it is not there.
    [[nodiscard]] std::optional<ByteView> find(Tag tag) const noexcept;
    /// First octet of an element whose length is one octet (decode() has checked it).
    [[nodiscard]] std::optional<std::uint8_t> number(Tag tag) const noexcept;

    Message& add(Tag tag, ByteView value);
    Message& add(Tag tag, std::uint8_t value);

    bool operator==(const Message&) const = default;
};

constexpr std::size_t header_size = 8;
constexpr std::size_t largest_message = header_size + 0xffff;
constexpr std::uint8_t protocol_id = 0x55;

/// One whole message. Known elements have their fixed length and come once; others are kept unread.
/// @return CAPF_PROTOCOL; offsets in the detail count octets of the message from 0.
Result<Message> decode(ByteView message);

/// @pre no more than 65535 octets of body
Bytes encode(const Message& message);

/// Puts messages together from octets that come in pieces of any size.
class Assembler {
public:
    void add(ByteView octets) { held_.insert(held_.end(), octets.begin(), octets.end()); }
    /// The next whole message, nothing while it is not all there. A wrong protocol id is told at its first
    /// octet.  @return as decode(); nothing more can be read after an error
    Result<std::optional<Message>> next();
    /// "5 octets of a message": what a connection that ends now would leave behind; empty between messages.
    [[nodiscard]] std::string remainder() const;

private:
    Bytes held_;
};

// --- what single messages say ---

/// @return CAPF_PROTOCOL without a VERSION
Result<std::uint8_t> version_of(const Message& auth_request);

/// RSA unless a KEY_TYPE says otherwise. Whether the size is allowed is for permit() to say.
/// @return CAPF_PROTOCOL for a missing size or curve, or an unknown type or curve
Result<KeySpec> key_spec_of(const Message& key_generate_request);

/// @return ISSUED_CERT_WRONG: no certificate, wrong type, wrong inner length, or not DER
Result<crypto::Certificate> certificate_of(const Message& store_certificate_request);

/// The CERTIFICATE element of an LSC.
Bytes certificate_element(const crypto::Certificate& certificate);

/// "reason 7 (failure)", "no reason", "reason 9 (unknown device): text of the server"
std::string reason_text(const Message& message);

}  // namespace tserver::capf
