#include "config/wire.hpp"

#include <fmt/format.h>

#include "base/text.hpp"
#include "config/options.hpp"

namespace tserver::config {
namespace {

constexpr std::uint8_t version = 1;

tl::unexpected<Error> bad(std::string detail) { return fail(Fault::CONTROL_PROTOCOL, std::move(detail)); }

constexpr std::string_view keys_name = "=keys";

Secret secret_of(Writer out) {
    auto octets = out.take();
    Secret whole{as_text(octets)};
    wipe(octets);
    return whole;
}

/// rounds u32, cipher, mac, salt
Secret write(const StretchedKeys& keys) {
    Writer out;
    out.reserve(4 + 2 * stretched_octets + keys.salt.size());
    out.u32(keys.rounds).text(keys.cipher.reveal()).text(keys.mac.reveal()).text(as_text(keys.salt));
    return secret_of(std::move(out));
}

std::optional<StretchedKeys> read_keys(ByteView octets) {
    Reader in{octets};
    const auto rounds = in.u32();
    const auto cipher = in.take(stretched_octets);
    const auto mac = in.take(stretched_octets);
    const auto salt = in.take(in.left());
    if (!rounds || !cipher || !mac || !salt) return std::nullopt;
    return StretchedKeys{
        {salt->begin(), salt->end()}, *rounds, Secret{as_text(*cipher)}, Secret{as_text(*mac)}};
}

template <class Visit>
void each_set(const LinkConfig& link, Visit visit) {
    for (const auto& option : options()) {
        const auto* access = std::get_if<Access<LinkConfig>>(&option.access);
        if (access == nullptr) continue;
        auto value = access->get(link);
        if (!value) continue;
        visit(option.name, *value);
        wipe(*value);
    }
    if (link.keys) visit(keys_name, write(*link.keys).reveal());
}

std::optional<std::string_view> take_text(Reader& in, std::optional<std::size_t> length) {
    const auto octets = length ? in.take(*length) : std::nullopt;
    return octets ? std::optional{as_text(*octets)} : std::nullopt;
}

}  // namespace

Secret encode(const LinkConfig& link) {
    std::size_t size = 1 + 2 + 2 + link.name.size();
    each_set(link, [&](auto name, const auto& value) { size += 2 + name.size() + 4 + value.size(); });
    Writer out;
    out.reserve(size);  // a buffer that grew would leave secrets behind
    out.u8(version).u16(static_cast<std::uint16_t>(link.number));
    out.u16(static_cast<std::uint16_t>(link.name.size())).text(link.name);
    each_set(link, [&](auto name, const auto& value) {
        out.u16(static_cast<std::uint16_t>(name.size())).text(name);
        out.u32(static_cast<std::uint32_t>(value.size())).text(value);
    });
    return secret_of(std::move(out));
}

Result<LinkConfig> decode(ByteView octets) {
    Reader in{octets};
    if (in.u8() != version) return bad("a link's configuration of another version");
    LinkConfig link;
    const auto number = in.u16();
    const auto name = take_text(in, in.u16());
    if (!number || !name) return bad("a link's configuration ends in its name");
    link.number = *number;
    link.name = *name;
    while (!in.done()) {
        const auto at = in.offset();
        const auto option_name = take_text(in, in.u16());
        const auto value = take_text(in, in.u32());
        if (!option_name || !value) return bad(fmt::format("the option at offset {} is cut short", at));
        if (*option_name == keys_name) {
            link.keys = read_keys(as_bytes(*value));
            if (!link.keys) return bad("the keys of the passphrase are cut short");
            continue;
        }
        const auto* option = option_named(*option_name);
        const auto* access = option ? std::get_if<Access<LinkConfig>>(&option->access) : nullptr;
        if (access == nullptr)
            return bad(fmt::format("\"{}\" is not an option of a link", escape(*option_name, 60)));
        if (auto good = access->set(link, *value); !good)
            return tl::unexpected<Error>(std::move(good).error().in(option->name));
    }
    return link;
}

}  // namespace tserver::config
