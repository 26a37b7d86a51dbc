#include "capf/codec.hpp"

#include <bitset>

#include "base/text.hpp"

namespace tserver::capf {
namespace {

struct CommandName {
    Command command;
    std::string_view name;
};

/// Section 3.2; those without an enumerator are only ever named.
constexpr std::array command_names{
    CommandName{Command::auth_request, "AUTH_REQUEST"},
    CommandName{Command::auth_response, "AUTH_RESPONSE"},
    CommandName{Command::key_generate_request, "KEY_GENERATE_REQUEST"},
    CommandName{Command::key_generate_response, "KEY_GENERATE_RESPONSE"},
    CommandName{Command{5}, "ENCRYPT_RESPONSE"},
    CommandName{Command{6}, "ENCRYPT_REQUEST"},
    CommandName{Command{7}, "DECRYPT_REQUEST"},
    CommandName{Command{8}, "DECRYPT_RESPONSE"},
    CommandName{Command::store_certificate_request, "STORE_CERTIFICATE_REQUEST"},
    CommandName{Command::store_certificate_response, "STORE_CERTIFICATE_RESPONSE"},
    CommandName{Command::fetch_certificate_request, "FETCH_CERTIFICATE_REQUEST"},
    CommandName{Command::fetch_certificate_response, "FETCH_CERTIFICATE_RESPONSE"},
    CommandName{Command::delete_certificate_request, "DELETE_CERTIFICATE_REQUEST"},
    CommandName{Command::delete_certificate_response, "DELETE_CERTIFICATE_RESPONSE"},
    CommandName{Command::end_session, "END_SESSION"},
    CommandName{Command::retry_later, "RETRY_LATER"},
    CommandName{Command::request_in_progress, "REQUEST_IN_PROGRESS"},
    CommandName{Command{18}, "STATUS_REQUEST"},
    CommandName{Command{19}, "STATUS_RESPONSE"},
    CommandName{Command{20}, "ABORT_REQUEST"},
    CommandName{Command{21}, "ABORT_RESPONSE"},
    CommandName{Command{22}, "SIGN_CERTIFICATE_REQUEST"},
    CommandName{Command{23}, "SIGN_CERTIFICATE_RESPONSE"},
};

struct TagRow {
    Tag tag;
    std::string_view name;
    std::size_t length;  ///< of the value, 0 = any
};

/// Section 3.3.
constexpr std::array tags{
    TagRow{Tag::reason, "REASON", 1},
    TagRow{Tag::reason_info, "REASON_INFO", 0},
    TagRow{Tag::certificate_type, "CERTIFICATE_TYPE", 1},
    TagRow{Tag::certificate, "CERTIFICATE", 0},
    TagRow{Tag::certificate_id, "CERTIFICATE_ID", 0},
    TagRow{Tag::signed_data, "SIGNED_DATA", 0},
    TagRow{Tag::version, "VERSION", 1},
    TagRow{Tag::auth_type, "AUTH_TYPE", 1},
    TagRow{Tag::public_key, "PUBLIC_KEY", 0},
    TagRow{Tag::key_size, "KEY_SIZE", 2},
    TagRow{Tag::password, "PASSWORD", 0},
    TagRow{Tag::retry_delay, "RETRY_DELAY", 0},
    TagRow{Tag::device_name, "DEVICE_NAME", 0},
    TagRow{Tag::sudi_data, "SUDI_DATA", 0},
    TagRow{Tag::key_type, "KEY_TYPE", 1},
    TagRow{Tag::curve, "CURVE", 1},
    TagRow{Tag::digest_type, "DIGEST_TYPE", 0},
    TagRow{Tag::sha2_signed_data, "SHA2_SIGNED_DATA", 0},
};

const TagRow* row_of(Tag tag) {
    const auto* at = std::ranges::find(tags, tag, &TagRow::tag);
    return at == tags.end() ? nullptr : at;
}

constexpr std::uint8_t certificate_type_lsc = 1;
constexpr std::size_t element_head = 3;

tl::unexpected<Error> bad(std::string detail) { return fail(Fault::CAPF_PROTOCOL, std::move(detail)); }

Result<void> check_protocol(std::uint8_t id) {
    if (id == protocol_id) return {};
    return bad(fmt::format("protocol id 0x{:02x} at offset 0, expected 0x{:02x}", id, protocol_id));
}

Result<Element> read_element(Reader& in, std::bitset<256>& seen) {
    const auto offset = header_size + in.offset();
    const auto tag = in.u8();
    const auto length = in.u16();
    if (!tag || !length) return bad(fmt::format("element header cut at offset {}", offset));
    const auto label = name(Tag{*tag});
    const auto value = in.take(*length);
    if (!value) {
        return bad(fmt::format("element length {} of {} at offset {} goes past the body ({} octets left)",
                               *length, label, offset, in.left()));
    }
    if (const auto* known = row_of(Tag{*tag})) {
        if (known->length != 0 && *length != known->length) {
            return bad(fmt::format("element length {} of {} at offset {}, expected {}", *length, label,
                                   offset, known->length));
        }
        if (seen.test(*tag)) return bad(fmt::format("duplicate element {} at offset {}", label, offset));
        seen.set(*tag);
    }
    return Element{Tag{*tag}, to_bytes(*value)};
}

std::string_view meaning(std::uint8_t reason) {
    switch (reason) {
        case 0: return "no action";
        case 1: return "success";
        case 7: return "failure";
        case 9: return "unknown device";
        default: return "no public meaning";
    }
}

}  // namespace

std::string name(Command command) {
    const auto* at = std::ranges::find(command_names, command, &CommandName::command);
    if (at == command_names.end()) return fmt::format("command {}", static_cast<unsigned>(command));
    return std::string{at->name};
}

std::string name(Tag tag) {
    const auto* known = row_of(tag);
    return known != nullptr ? std::string{known->name}
                            : fmt::format("element {}", static_cast<unsigned>(tag));
}

std::optional<ByteView> Message::find(Tag tag) const noexcept {
    const auto at = std::ranges::find(elements, tag, &Element::tag);
    return at == elements.end() ? std::nullopt : std::optional<ByteView>{at->value()};
}

std::optional<std::uint8_t> Message::number(Tag tag) const noexcept {
    const auto value = find(tag);
    return value && !value->empty() ? std::optional{value->front()} : std::nullopt;
}

Message& Message::add(Tag tag, ByteView value) {
    elements.emplace_back(tag, to_bytes(value));
    return *this;
}
Message& Message::add(Tag tag, std::uint8_t value) { return add(tag, ByteView{&value, 1}); }

Result<Message> decode(ByteView message) {
    if (!message.empty()) CHECK(check_protocol(message.front()));
    if (message.size() < header_size) {
        return bad(fmt::format("truncated: {} octets of a header of {}", message.size(), header_size));
    }
    Reader head{message.subspan(1)};
    const auto command = head.u8();
    const auto session = head.u32();
    const auto length = head.u16();
    if (head.left() != *length) {
        return bad(fmt::format("{}: {} octets of a body of {}",
                               head.left() < *length ? "truncated" : "too long", head.left(), *length));
    }
    Message out{Command{*command}, *session, {}};
    Reader body{message.subspan(header_size)};
    std::bitset<256> seen;
    while (!body.done()) {
        TRY(element, read_element(body, seen));
        out.elements.push_back(std::move(element));
    }
    return out;
}

Bytes encode(const Message& message) {
    std::size_t body = 0;
    for (const auto& element : message.elements) body += element_head + element.value().size();
    // One allocation: a code must not be left behind in a buffer that grew.
    Bytes out;
    out.reserve(header_size + body);
    const auto append = [&out](ByteView octets) { out.insert(out.end(), octets.begin(), octets.end()); };
    append(Writer{}
               .u8(protocol_id)
               .u8(static_cast<std::uint8_t>(message.command))
               .u32(message.session)
               .u16(static_cast<std::uint16_t>(body))
               .view());
    for (const auto& element : message.elements) {
        append(Writer{}
                   .u8(static_cast<std::uint8_t>(element.tag()))
                   .u16(static_cast<std::uint16_t>(element.value().size()))
                   .view());
        append(element.value());
    }
    return out;
}

Result<std::optional<Message>> Assembler::next() {
    if (held_.empty()) return std::optional<Message>{};
    CHECK(check_protocol(held_.front()));
    if (held_.size() < header_size) return std::optional<Message>{};
    const std::size_t size = header_size + (std::size_t{held_[6]} << 8U | held_[7]);
    if (held_.size() < size) return std::optional<Message>{};
    TRY(message, decode(ByteView{held_}.first(size)));
    held_.erase(held_.begin(), held_.begin() + static_cast<std::ptrdiff_t>(size));
    return std::optional{std::move(message)};
}

std::string Assembler::remainder() const {
    return held_.empty() ? std::string{} : fmt::format("{} octets of a message", held_.size());
}

Result<std::uint8_t> version_of(const Message& auth_request) {
    const auto version = auth_request.number(Tag::version);
    if (!version) return bad("AUTH_REQUEST without VERSION");
    return *version;
}

Result<KeySpec> key_spec_of(const Message& request) {
    constexpr std::uint8_t type_rsa = 0;
    constexpr std::uint8_t type_ec = 1;
    const auto type = request.number(Tag::key_type).value_or(type_rsa);
    if (type == type_rsa) {
        const auto size = request.find(Tag::key_size);
        if (!size) return bad("KEY_GENERATE_REQUEST without KEY_SIZE");
        return Rsa{*Reader{*size}.u16()};
    }
    if (type != type_ec) return bad(fmt::format("unknown key type {}", type));
    const auto curve = request.number(Tag::curve);
    if (!curve) return bad("KEY_GENERATE_REQUEST for an EC key without CURVE");
    if (*curve > 2) return bad(fmt::format("unknown curve {}", *curve));
    return std::array{crypto::Curve::p256, crypto::Curve::p384, crypto::Curve::p521}.at(*curve);
}

Result<crypto::Certificate> certificate_of(const Message& request) {
    const auto wrong = [](std::string detail) { return fail(Fault::ISSUED_CERT_WRONG, std::move(detail)); };
    if (const auto type = request.number(Tag::certificate_type); type && *type != certificate_type_lsc) {
        return wrong(fmt::format("certificate type {}, expected 1 (LSC)", *type));
    }
    const auto element = request.find(Tag::certificate);
    if (!element) return wrong("no certificate in STORE_CERTIFICATE_REQUEST");
    Reader in{*element};
    const auto form = in.u8();
    const auto length = in.u16();
    if (!length) return wrong(fmt::format("certificate element of {} octets", element->size()));
    if (*form != 1) return wrong(fmt::format("certificate element starts with {}, expected 1", *form));
    if (*length != in.left()) {
        return wrong(fmt::format("inner length {}, but {} octets follow", *length, in.left()));
    }
    const auto type = in.u16();
    if (!type || *type != certificate_type_lsc) {
        return wrong(type ? fmt::format("inner certificate type {}, expected 1 (LSC)", *type)
                          : fmt::format("inner length {} leaves no room for a type", *length));
    }
    auto certificate = crypto::Certificate::from_der(*in.take(in.left()));
    if (!certificate) return wrong(certificate.error().detail);
    return certificate;
}

Bytes certificate_element(const crypto::Certificate& certificate) {
    const auto& der = certificate.der();
    return Writer{}
        .u8(1)
        .u16(static_cast<std::uint16_t>(der.size() + 2))
        .u16(certificate_type_lsc)
        .bytes(der)
        .take();
}

std::string reason_text(const Message& message) {
    const auto reason = message.number(Tag::reason);
    auto out = reason ? fmt::format("reason {} ({})", *reason, meaning(*reason)) : std::string{"no reason"};
    const auto info = message.find(Tag::reason_info);
    if (!info) return out;
    auto text = as_text(*info);
    while (!text.empty() && text.back() == '\0') text.remove_suffix(1);
    return text.empty() ? out : out + ": " + escape(text);
}

}  // namespace tserver::capf
