#include "sim/capf_codec.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.hpp"

namespace tserver::sim::capf {
namespace {

struct Named {
    std::uint8_t number;
    std::string_view name;
};
constexpr std::array commands{Named{1, "AUTH_REQUEST"},
                              Named{2, "AUTH_RESPONSE"},
                              Named{3, "KEY_GENERATE_REQUEST"},
                              Named{4, "KEY_GENERATE_RESPONSE"},
                              Named{9, "STORE_CERTIFICATE_REQUEST"},
                              Named{10, "STORE_CERTIFICATE_RESPONSE"},
                              Named{11, "FETCH_CERTIFICATE_REQUEST"},
                              Named{12, "FETCH_CERTIFICATE_RESPONSE"},
                              Named{13, "DELETE_CERTIFICATE_REQUEST"},
                              Named{14, "DELETE_CERTIFICATE_RESPONSE"},
                              Named{15, "END_SESSION"},
                              Named{16, "RETRY_LATER"},
                              Named{17, "REQUEST_IN_PROGRESS"},
                              Named{18, "STATUS_REQUEST"}};
constexpr std::array tags{
    Named{1, "REASON"},           Named{2, "REASON_INFO"},  Named{3, "CERTIFICATE_TYPE"},
    Named{4, "CERTIFICATE"},      Named{6, "SIGNED_DATA"},  Named{7, "VERSION"},
    Named{8, "AUTH_TYPE"},        Named{9, "PUBLIC_KEY"},   Named{10, "KEY_SIZE"},
    Named{11, "PASSWORD"},        Named{12, "RETRY_DELAY"}, Named{13, "DEVICE_NAME"},
    Named{16, "SUDI_DATA"},       Named{17, "KEY_TYPE"},    Named{18, "CURVE"},
    Named{20, "SHA2_SIGNED_DATA"}};

std::string name_in(std::span<const Named> table, std::uint8_t number) {
    const auto found = std::ranges::find(table, number, &Named::number);
    return found == table.end() ? fmt::format("{}", number) : std::string{found->name};
}

std::string shown(const Element& element) {
    switch (static_cast<Tag>(element.tag)) {
        case Tag::password: return "***";
        case Tag::device_name:
        case Tag::reason_info: return '"' + escape(as_text(element.value)) + '"';
        default: return hex(element.value);
    }
}

}  // namespace

const Bytes* Message::find(Tag tag) const {
    const auto found = std::ranges::find(elements, static_cast<std::uint8_t>(tag), &Element::tag);
    return found == elements.end() ? nullptr : &found->value;
}

Message& Message::add(Tag tag, Bytes value) {
    elements.push_back({static_cast<std::uint8_t>(tag), std::move(value)});
    return *this;
}

Header read_header(ByteView eight_octets) {
    Reader reader{eight_octets};
    const auto protocol = reader.u8();
    const auto command = reader.u8();
    const auto session = reader.u32();
    const auto length = reader.u16();
    return {protocol.value_or(0), command.value_or(0), session.value_or(0), length.value_or(0)};
}

Result<std::vector<Element>> read_elements(ByteView body) {
    std::vector<Element> out;
    Reader reader{body};
    while (!reader.done()) {
        const auto at = reader.offset();
        const auto tag = reader.u8();
        const auto length = reader.u16();
        const auto value = length ? reader.take(*length) : std::nullopt;
        if (!value) return fail(Fault::DECODE, fmt::format("element at offset {} leaves the frame", at));
        if (std::ranges::find(out, *tag, &Element::tag) != out.end())
            return fail(Fault::DECODE, fmt::format("element {} twice", *tag));
        out.push_back({*tag, to_bytes(*value)});
    }
    return out;
}

Bytes encode(const Message& message) {
    Writer body;
    for (const auto& element : message.elements)
        body.u8(element.tag).u16(static_cast<std::uint16_t>(element.value.size())).bytes(element.value);
    Writer out;
    out.u8(protocol_id).u8(static_cast<std::uint8_t>(message.command)).u32(message.session);
    return out.u16(static_cast<std::uint16_t>(body.size())).bytes(body.view()).take();
}

std::string text_of(const Bytes& value) {
    std::string text{as_text(value)};
    if (!text.empty() && text.back() == '\0') text.pop_back();
    return text;
}

Bytes certificate_value(ByteView der) {
    return Writer{}.u8(1).u16(static_cast<std::uint16_t>(der.size() + 2)).u8(0).u8(1).bytes(der).take();
}

std::string describe(const Message& message) {
    auto out = fmt::format("{} session={}", name_in(commands, static_cast<std::uint8_t>(message.command)),
                           message.session);
    for (const auto& element : message.elements)
        out += fmt::format(" {}={}", name_in(tags, element.tag), shown(element));
    return out;
}

}  // namespace tserver::sim::capf
