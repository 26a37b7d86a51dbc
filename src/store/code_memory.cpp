#include "store/code_memory.hpp"

#include <algorithm>

#include "crypto/digest.hpp"

namespace tserver::store {
namespace {

constexpr std::size_t salt_octets = 16;

Bytes derive(const AuthCode& code, const Secret& passphrase, ByteView salt, unsigned rounds) {
    // The length in front: no other passphrase and code give the same octets.
    auto input = Writer{}
                     .u32(static_cast<std::uint32_t>(passphrase.reveal().size()))
                     .text(passphrase.reveal())
                     .text(code.reveal())
                     .take();
    auto out = crypto::stretch(input, salt, rounds);
    wipe(input);
    return out;
}

}  // namespace

RememberedCode hash_code(const AuthCode& code, CodeFate fate, const Secret& passphrase,
                         const std::vector<RememberedCode>& others, unsigned rounds, Instant when) {
    RememberedCode out{
        fate, others.empty() ? crypto::random_octets(salt_octets) : others.back().salt, rounds, {}, when};
    out.hash = derive(code, passphrase, out.salt, out.rounds);
    return out;
}

bool has_fate(const AuthCode& code, CodeFate fate, const Secret& passphrase,
              const std::vector<RememberedCode>& codes) {
    Bytes hash;
    const RememberedCode* derived = nullptr;  // the entry whose salt `hash` was made with
    for (const auto& each : codes) {
        if (each.fate != fate) continue;
        if (derived == nullptr || derived->salt != each.salt || derived->rounds != each.rounds) {
            hash = derive(code, passphrase, each.salt, each.rounds);
            derived = &each;
        }
        if (hash == each.hash) return true;
    }
    return false;
}

std::vector<RememberedCode> join(std::vector<RememberedCode> a, const std::vector<RememberedCode>& b) {
    for (const auto& each : b)
        if (std::ranges::find(a, each) == a.end()) a.push_back(each);
    std::ranges::stable_sort(a, {}, &RememberedCode::when);
    if (a.size() > most_codes) a.erase(a.begin(), a.end() - static_cast<std::ptrdiff_t>(most_codes));
    return a;
}

}  // namespace tserver::store
