#include "store/code_memory.hpp"

#include <algorithm>

namespace tserver::store {
namespace {

Bytes hash(const AuthCode& code, const StretchedKeys& keys) {
    auto input = Writer{}.text("tserver authentication code ").text(code.reveal()).take();
    auto out = crypto::authenticate(keys.cipher, input);
    wipe(input);
    return out;
}

bool fits(const StretchedKeys& keys, const RememberedCode& code) {
    return keys.salt == code.salt && keys.rounds == code.rounds;
}

}  // namespace

Result<RememberedCode> hash_code(const AuthCode& code, CodeFate fate, const crypto::Passphrase& passphrase,
                                 Instant when) {
    TRY(keys, passphrase.keys());
    return RememberedCode{fate, keys->salt, keys->rounds, hash(code, *keys), when};
}

Result<bool> has_fate(const AuthCode& code, CodeFate fate, const crypto::Passphrase& passphrase,
                      const std::vector<RememberedCode>& codes) {
    std::optional<StretchedKeys> keys;
    for (const auto& each : codes) {
        if (each.fate != fate) continue;
        if (!keys || !fits(*keys, each)) {
            TRY(made, passphrase.keys_of(each.salt, each.rounds));
            keys = std::move(made);
        }
        if (hash(code, *keys) == each.hash) return true;
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
