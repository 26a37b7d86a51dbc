// links: trust
// What the reader accepts it has understood: a second, simpler walk over the file finds the same records at
// the same places, they fill the file to its last octet, and nothing that is asked of the list goes astray.
#include <cstdlib>

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
        if (!trust::is_server(record.role)) continue;
        ++servers;
        require(trust::trusts_server(list, *certificate));
    }
    require(servers == 0 || !trust::no_servers(list));
    require(trust::servers(list).size() <= servers);
    require(trust::difference(list, list).empty());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto list = trust::read({data, size});
    if (!list) {
        require(list.error().offset <= size);
        require(!list.error().detail.empty());
        return 0;
    }
    check_places(*list);
    check_trust(*list);
    return 0;
}
