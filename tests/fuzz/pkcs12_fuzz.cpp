// links: crypto
// Property: whatever the file, opening it ends with one of the named answers and leaves no error behind; a
// pair that comes out belongs together. Both passphrases are tried, as the passphrase of the corpus is "old".
#include <openssl/err.h>

#include <cstdint>
#include <cstdlib>

#include "crypto/pkcs12.hpp"

using namespace tserver;

namespace {

bool named(Fault fault) {
    switch (fault) {
        case Fault::STORE_DAMAGED:
        case Fault::STORE_PASSPHRASE:
        case Fault::STORE_NO_MAC:
        case Fault::STORE_ALGORITHM:
        case Fault::STORE_MISSING: return true;
        default: return false;
    }
}

template <class Opened>
void check(const Result<Opened>& opened) {
    if (!opened && (!named(opened.error().fault) || opened.error().detail.empty())) std::abort();
    if (ERR_peek_error() != 0) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const ByteView file{data, size};
    const auto pair = crypto::open(file, Secret{"old"});
    check(pair);
    if (pair) {
        const auto key = pair->certificate.public_key();
        if (!key || !pair->key.pairs_with(*key)) std::abort();
    }
    check(crypto::open_certificates(file, Secret{"old"}));
    return 0;
}
