// links: trust
// No edit of a signed list verifies, neither by itself nor against a held list, unless the signed octets are
// those that were signed. The input is a script: octet 0 picks a signed list, octet 1 what is done to it (cut
// it, or ask the rule of later lists too), and then come edits of four octets: place (2), kind (1), value
// (1). Seven of eight lists are small ones with a key of 1024 bits, made here: most of the time goes into the
// edits and not into the arithmetic of large keys. The eighth is one of the vectors.
#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <set>

#include "tests/support/ctl_builder.hpp"
#include "trust/decide.hpp"
#include "trust/parse.hpp"

namespace {

using namespace tserver;

/// Lists that one held list is asked about.
struct Family {
    trust::List held;
    std::vector<Bytes> files;
};

struct Signed {
    Family small, vectors;
    std::set<Bytes> octets;  ///< what the signers signed
};

Bytes joined(ByteView first, ByteView second) {
    return Writer{}.reserve(first.size() + second.size()).bytes(first).bytes(second).take();
}

Bytes signed_octets(const trust::List& list) { return joined(list.signed_before(), list.signed_behind()); }

/// One signer, one server, every digest with its code. The server's key is the signer's: the key of a server
/// has no part in a signature, and an EC key costs OpenSSL more than all the rest of a run.
Family make_small() {
    const auto signer = test::signer("token1");
    const auto server = test::make_certificate({.name = "server"}, signer.key);
    const std::vector<Bytes> records{test::record(0, signer.certificate), test::record(2, server)};
    Family out{trust::parse(test::build({.records = records}, signer)).value(), {}};
    using crypto::Digest;
    for (const auto& [digest, code] :
         {std::pair{Digest::sha1, 1}, {Digest::sha256, 2}, {Digest::sha384, 3}, {Digest::sha512, 3}})
        out.files.push_back(test::build(
            {.records = records, .digest = digest, .code = static_cast<std::uint8_t>(code)}, signer));
    return out;
}

Family load_vectors() {
    const std::filesystem::path folder{TSERVER_TEST_DATA "/ctl"};
    Family out{trust::parse(test::vector("u1-stored.tlv")).value(), {}};
    std::set<std::filesystem::path> paths;
    for (const auto& entry : std::filesystem::directory_iterator{folder})
        if (entry.path().extension() == ".tlv") paths.insert(entry.path());
    for (const auto& path : paths) {
        auto file = test::file(path);
        const auto list = trust::parse(file);
        if (list && trust::verify(*list, *list)) out.files.push_back(std::move(file));
    }
    return out;
}

Signed load() {
    Signed out{make_small(), load_vectors(), {}};
    for (const auto* family : {&out.small, &out.vectors}) {
        if (family->files.empty()) std::abort();
        for (const auto& file : family->files) {
            const auto list = trust::parse(file).value();
            if (!trust::verify(list, list)) std::abort();
            out.octets.insert(signed_octets(list));
        }
    }
    return out;
}

/// Whether the signers that `list` names are those of `held`: then it is asked the same about both.
bool same_signers(const trust::List& list, const trust::List& held) {
    const auto signers = [](const trust::List& of) {
        std::vector<ByteView> out;
        for (const auto& record : of.records) {
            const auto* certificate = record.role == trust::Role::sast ? record.usable() : nullptr;
            if (certificate != nullptr) out.emplace_back(certificate->der());
        }
        return out;
    };
    return std::ranges::equal(signers(list), signers(held), std::ranges::equal);
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
        default: file = joined({at, file.end()}, {file.begin(), at}); break;
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static const auto known = load();
    if (size < 2) return 0;
    const auto& family = data[0] % 8 == 7 ? known.vectors : known.small;
    auto file = family.files[data[0] / 8 % family.files.size()];
    if (data[1] % 4 == 1) file.resize(file.size() - std::min<std::size_t>(file.size(), data[1]));
    for (std::size_t i = 2; i + 4 <= size && i < 66; i += 4)
        edit(file, std::size_t{data[i]} * 256 + data[i + 1], data[i + 2], data[i + 3]);

    const auto list = trust::parse(file);
    if (!list) return 0;
    const bool genuine = known.octets.contains(signed_octets(*list));
    const auto against_held = trust::verify(*list, family.held);
    if (against_held && !genuine) std::abort();
    if (against_held && family.held.records.at(against_held->record - 1).role != trust::Role::sast)
        std::abort();
    if (!same_signers(*list, family.held) && trust::verify(*list, *list) && !genuine) std::abort();

    if (data[1] % 8 != 2) return 0;  // the rule costs two more RSA operations: not in every run
    const auto taken = trust::decide(trust::Held{&family.held, true}, *list, {}, Instant{});
    const bool unchanged = taken && std::holds_alternative<trust::Unchanged>(taken->what);
    if (taken && !unchanged && !against_held) std::abort();
    return 0;
}
