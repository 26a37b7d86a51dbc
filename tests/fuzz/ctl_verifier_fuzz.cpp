// links: trust
// No edit of a signed list verifies, neither by itself nor against a held list, unless the signed octets are
// those that were signed. The input is a script: octet 0 picks one of the signed vectors, octet 1 what is
// done to it (cut it, or ask the rule of later lists too), and then come edits of four octets: place (2),
// kind (1), value (1).
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>

#include "trust/decide.hpp"
#include "trust/parse.hpp"

namespace {

using namespace tserver;

struct Signed {
    std::vector<Bytes> files;
    std::set<Bytes> octets;  ///< what the signers signed
    trust::List held;
};

Bytes signed_octets(const trust::List& list) {
    auto out = to_bytes(list.signed_before());
    out.insert(out.end(), list.signed_behind().begin(), list.signed_behind().end());
    return out;
}

Bytes read(const std::filesystem::path& path) {
    std::ifstream in{path, std::ios::binary};
    return {std::istreambuf_iterator<char>{in}, {}};
}

Signed load() {
    const std::filesystem::path folder{TSERVER_TEST_DATA "/ctl"};
    Signed out{{}, {}, trust::parse(read(folder / "u1-stored.tlv")).value()};
    std::set<std::filesystem::path> paths;
    for (const auto& entry : std::filesystem::directory_iterator{folder})
        if (entry.path().extension() == ".tlv") paths.insert(entry.path());
    for (const auto& path : paths) {
        auto file = read(path);
        const auto list = trust::parse(file);
        if (!list || !trust::verify(*list, *list)) continue;
        out.octets.insert(signed_octets(*list));
        out.files.push_back(std::move(file));
    }
    if (out.files.empty()) std::abort();
    return out;
}

/// One edit of the script; offsets wrap so that every script does something.
void edit(Bytes& file, std::size_t place, std::uint8_t kind, std::uint8_t value) {
    if (file.empty()) return;
    const auto at = file.begin() + static_cast<std::ptrdiff_t>(place % file.size());
    switch (kind % 5) {
        case 0: *at ^= value; break;
        case 1: *at = value; break;
        case 2: file.insert(at, value); break;
        case 3: file.erase(at); break;
        default: std::rotate(file.begin(), at, file.end()); break;
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static const auto known = load();
    if (size < 2) return 0;
    auto file = known.files[data[0] % known.files.size()];
    if (data[1] % 4 == 1) file.resize(file.size() - std::min<std::size_t>(file.size(), data[1]));
    for (std::size_t i = 2; i + 4 <= size && i < 66; i += 4)
        edit(file, std::size_t{data[i]} * 256 + data[i + 1], data[i + 2], data[i + 3]);

    const auto list = trust::parse(file);
    if (!list) return 0;
    const bool genuine = known.octets.contains(signed_octets(*list));
    const auto against_held = trust::verify(*list, known.held);
    if (against_held && !genuine) std::abort();
    if (against_held && known.held.records.at(against_held->record - 1).role != trust::Role::sast)
        std::abort();
    if (trust::verify(*list, *list) && !genuine) std::abort();

    if (data[1] % 8 != 2) return 0;  // the rule costs two more RSA operations: not in every run
    const auto taken = trust::decide(trust::Held{&known.held, true}, *list, {}, Instant{});
    const bool unchanged = taken && std::holds_alternative<trust::Unchanged>(taken->what);
    if (taken && !unchanged && !against_held) std::abort();
    return 0;
}
