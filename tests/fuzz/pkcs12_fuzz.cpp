// links: crypto
// Property: whatever the file, opening it ends with one of the named answers and leaves no error behind; a
// pair that comes out belongs together; what comes out comes out of a file of ours that it is sealed into.
// What the strict reader takes, the one for imports takes too. The passphrase of the corpus is "old".
#include <openssl/err.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>

#include "base/text.hpp"
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

void check_pair(const crypto::Identity& pair) {
    const auto key = pair.certificate.public_key();
    if (!key || !pair.key.pairs_with(*key)) std::abort();
}

/// One round: what the derivation costs is no matter here.
void seal_again(const crypto::Identity& pair) {
    const auto file = crypto::seal(pair, {Secret{"new"}, {}, 1}, "name");
    const auto again = file ? crypto::open(*file, Secret{"new"}) : tl::unexpected(file.error());
    if (!again || !(again->certificate == pair.certificate)) std::abort();
    const auto key_file = crypto::seal_key(pair.key, {Secret{"new"}, {}, 1});
    const auto key = key_file ? crypto::open_key(*key_file, Secret{"new"}) : tl::unexpected(key_file.error());
    if (!key || key->public_half().spki() != pair.key.public_half().spki()) std::abort();
}

/// Certificates in the order and by the names they came with, as far as a name can be written again.
void seal_again(const std::vector<crypto::NamedCertificate>& certificates) {
    const auto file = crypto::seal_certificates(certificates, {Secret{"new"}, {}, 1});
    if (!file) {
        const auto named = [](const auto& each) { return invalid_utf8_at(each.name).has_value(); };
        if (std::ranges::none_of(certificates, named)) std::abort();
        return;
    }
    const auto again = crypto::open_certificates(*file, Secret{"new"});
    const auto same = [](const auto& a, const auto& b) {
        return a.name == b.name && a.certificate == b.certificate;
    };
    if (!again || !std::ranges::equal(*again, certificates, same)) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const ByteView file{data, size};
    const auto pair = crypto::open(file, Secret{"old"});
    check(pair);
    const auto old = crypto::open_old(file, Secret{"old"}, crypto::Mac::may_be_missing);
    check(old);
    if (old) check_pair(old->identity);
    if (pair) {
        if (!old || !old->old.empty() || !(old->identity.certificate == pair->certificate)) std::abort();
        check_pair(*pair);
        seal_again(*pair);
    }
    check(crypto::open_key(file, Secret{"old"}));
    const auto certificates = crypto::open_certificates(file, Secret{"old"});
    check(certificates);
    if (certificates) seal_again(*certificates);
    return 0;
}
