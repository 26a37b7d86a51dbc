// links: trust
// What the reader accepts it has understood: a second, simpler walk over the file finds the same records at
// the same places, they fill the file to its last octet, nothing that is asked of the list goes astray, and
// what is shown of it can be printed.
#include <algorithm>
#include <cstdlib>

#include "base/text.hpp"

#include "trust/diff.hpp"
#include "trust/parse.hpp"
#include "trust/roles.hpp"
#include "trust/verify.hpp"

namespace {

using namespace tserver;

void require(bool held) {
    if (!held) std::abort();
}

void check_places(const trust::List& list) {
    const auto& file = list.octets;
    const auto u16 = [&file](std::size_t at) { return std::size_t{file.at(at)} * 256 + file.at(at + 1); };
    require(list.header.length == u16(8));
    std::size_t at = list.header.length;
    for (const auto& record : list.records) {
        require(record.offset == at && record.length == u16(at + 3));
        at += record.length;
    }
    require(at == file.size());

    const auto signature = list.header.signature_offset;
    require(file.at(signature) == 12 && u16(signature + 1) == list.header.signature.size());
    require(signature + 3 + list.header.signature.size() <= list.header.length);
    require(list.signed_before().size() + list.signed_behind().size() + 3 + list.header.signature.size() ==
            file.size());
}

void check_trust(const trust::List& list) {
    std::size_t servers = 0;
    for (const auto& record : list.records) {
        const auto* certificate = record.usable();
        if (certificate == nullptr) continue;
        require(certificate->public_key().has_value());
        require(trust::spells_serial(certificate->serial_octets(), *certificate));
        require((record.role != trust::Role::capf) || trust::trusts_capf(list, *certificate));
        if (!trust::is_server(record.role)) continue;
        ++servers;
        require(trust::trusts_server(list, *certificate));
    }
    const auto none = trust::no_servers(list);
    if (none) require(servers == 0 && !none->detail.empty());
    require(trust::servers(list).size() <= servers);
    for (const auto& certificate : trust::capf(list)) require(trust::trusts_capf(list, certificate));
    require(trust::difference(list, list).empty());
}

/// A certificate of which the list has the hash alone is found by it.
void check_hashes(const trust::List& list) {
    for (const auto& record : list.records) {
        if (!record.hash || !trust::is_server(record.role)) continue;
        require(!trust::no_servers(list));
        for (const auto& other : list.records) {
            if (!other.certificate) continue;
            const auto digest = crypto::digest_of(record.hash->digest, other.certificate->der());
            if (digest == record.hash->value) require(trust::trusts_server(list, *other.certificate));
        }
    }
}

bool printable(std::string_view text) {
    return !invalid_utf8_at(text) && std::ranges::none_of(text, [](char c) {
        return static_cast<unsigned char>(c) < 0x20 || c == 0x7F;
    });
}

void check_words(const trust::List& list) {
    require(list.format() == "CTL" || list.format() == "ITL");
    require(list.header.version().starts_with("1."));
    require(list.sha256().size() == 64 && list.sha1().size() == 40 && list.md5().size() == 32);
    for (const auto& record : list.records) {
        for (const auto& text : {trust::role_name(record.role), record.subject(), record.issuer(),
                                 record.serial_text(), record.error})
            require(printable(text));
        require(!trust::role_name(record.role).empty());
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto list = trust::read({data, size});
    if (!list) {
        require(list.error().offset <= size);
        require(!list.error().detail.empty());
        require(printable(list.error().error().detail));
        return 0;
    }
    check_places(*list);
    check_trust(*list);
    check_hashes(*list);
    check_words(*list);
    return 0;
}
