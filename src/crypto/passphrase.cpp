#include "crypto/passphrase.hpp"

#include <openssl/hmac.h>

#include <cstdlib>

#include "crypto/digest.hpp"
#include "crypto/openssl.hpp"

namespace tserver::crypto {
namespace {

template <class Derive>
Result<Secret> derived(Derive derive) {
    Bytes key(stretched_octets);
    const bool made = derive(key.data()) == 1;
    Secret out{as_text(key)};
    wipe(key);
    if (!made)
        return fail(Fault::STORE_ALGORITHM, "a key cannot be derived from the passphrase: " + drain_errors());
    return out;
}

Result<StretchedKeys> stretch(const Secret& passphrase, ByteView salt, unsigned rounds) {
    const auto text = passphrase.reveal();
    const auto length = static_cast<int>(text.size());
    const auto salt_length = static_cast<int>(salt.size());
    const auto size = static_cast<int>(stretched_octets);
    TRY(cipher, derived([&](unsigned char* out) {
            return PKCS5_PBKDF2_HMAC(text.data(), length, salt.data(), salt_length, static_cast<int>(rounds),
                                     EVP_sha256(), size, out);
        }));
    TRY(mac, derived([&](unsigned char* out) {
            return PKCS12_key_gen_utf8(text.data(), length, const_cast<unsigned char*>(salt.data()),
                                       salt_length, PKCS12_MAC_ID, static_cast<int>(2 * rounds), size, out,
                                       EVP_sha256());
        }));
    return StretchedKeys{{salt.begin(), salt.end()}, rounds, std::move(cipher), std::move(mac)};
}

}  // namespace

Result<const StretchedKeys*> Passphrase::keys() const {
    if (!keys_) {
        TRY(made, stretch(octets_, random_octets(salt_octets), rounds_));
        keys_ = std::move(made);
    }
    return &*keys_;
}

Result<StretchedKeys> Passphrase::keys_of(ByteView salt, unsigned rounds) const {
    if (keys_ && keys_->rounds == rounds && std::ranges::equal(keys_->salt, salt)) return *keys_;
    TRY(made, stretch(octets_, salt, rounds));
    if (!keys_ && salt.size() == salt_octets && rounds >= rounds_) keys_ = made;
    return made;
}

Bytes authenticate(const Secret& key, ByteView content) {
    const auto text = key.reveal();
    Bytes out(EVP_MAX_MD_SIZE);
    unsigned length = 0;
    if (HMAC(EVP_sha256(), text.data(), static_cast<int>(text.size()), content.data(), content.size(),
             out.data(), &length) == nullptr)
        std::abort();
    out.resize(length);
    return out;
}

}  // namespace tserver::crypto
