#include "crypto/digest.hpp"

#include <openssl/rand.h>

#include <cstdlib>

#include "crypto/openssl.hpp"

namespace tserver::crypto {
namespace {

const EVP_MD* method(Digest digest) {
    switch (digest) {
        case Digest::md5: return EVP_md5();
        case Digest::sha1: return EVP_sha1();
        case Digest::sha256: return EVP_sha256();
        case Digest::sha384: return EVP_sha384();
        case Digest::sha512: return EVP_sha512();
    }
    std::abort();
}

}  // namespace

std::string_view name(Digest digest) noexcept {
    constexpr std::array<std::string_view, 5> names{"MD5", "SHA-1", "SHA-256", "SHA-384", "SHA-512"};
    return names[static_cast<std::size_t>(digest)];
}

Bytes digest_of(Digest digest, ByteView bytes) { return digest_of(digest, bytes, {}); }

Bytes digest_of(Digest digest, ByteView first, ByteView second) {
    const MdCtxPtr context{EVP_MD_CTX_new()};
    Bytes out(EVP_MAX_MD_SIZE);
    unsigned length = 0;
    if (!context || EVP_DigestInit_ex(context.get(), method(digest), nullptr) != 1 ||
        EVP_DigestUpdate(context.get(), first.data(), first.size()) != 1 ||
        EVP_DigestUpdate(context.get(), second.data(), second.size()) != 1 ||
        EVP_DigestFinal_ex(context.get(), out.data(), &length) != 1) {
        drain_errors();  // a provider that forbids this digest: an empty result matches nothing
        return {};
    }
    out.resize(length);
    return out;
}

Bytes stretch(ByteView secret, ByteView salt, unsigned rounds) {
    Bytes out(32);
    const int ok =
        PKCS5_PBKDF2_HMAC(reinterpret_cast<const char*>(secret.data()), static_cast<int>(secret.size()),
                          salt.data(), static_cast<int>(salt.size()), static_cast<int>(rounds), EVP_sha256(),
                          static_cast<int>(out.size()), out.data());
    if (ok != 1) std::abort();
    return out;
}

Bytes random_octets(std::size_t count) {
    Bytes out(count);
    if (RAND_bytes(out.data(), static_cast<int>(count)) != 1)
        std::abort();  // without randomness nothing here is safe
    return out;
}

}  // namespace tserver::crypto
