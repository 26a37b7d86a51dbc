#include "crypto/provided.hpp"

#include <fmt/format.h>
#include <openssl/kdf.h>

#include <string_view>
#include <vector>

#include "crypto/openssl.hpp"

namespace tserver::crypto {
namespace {

using MdPtr = std::unique_ptr<EVP_MD, Freed<EVP_MD_free>>;
using CipherPtr = std::unique_ptr<EVP_CIPHER, Freed<EVP_CIPHER_free>>;
using KdfPtr = std::unique_ptr<EVP_KDF, Freed<EVP_KDF_free>>;
using KeysPtr = std::unique_ptr<EVP_KEYMGMT, Freed<EVP_KEYMGMT_free>>;

}  // namespace

Result<void> check_provided() {
    std::vector<std::string_view> missing;
    const auto need = [&missing](const char* name, bool there) {
        if (!there) missing.emplace_back(name);
    };
    for (const auto* name : {"SHA1", "SHA2-256", "SHA2-384", "SHA2-512"})
        need(name, MdPtr{EVP_MD_fetch(nullptr, name, nullptr)} != nullptr);
    need("AES-256-CBC", CipherPtr{EVP_CIPHER_fetch(nullptr, "AES-256-CBC", nullptr)} != nullptr);
    for (const auto* name : {"PBKDF2", "PKCS12KDF"})
        need(name, KdfPtr{EVP_KDF_fetch(nullptr, name, nullptr)} != nullptr);
    need("RSA", KeysPtr{EVP_KEYMGMT_fetch(nullptr, "RSA", nullptr)} != nullptr);
    drain_errors();
    if (missing.empty()) return {};
    const bool fips = EVP_default_properties_is_fips_enabled(nullptr) == 1;
    return fail(Fault::STORE_ALGORITHM, fmt::format("OpenSSL does not provide {}{}", fmt::join(missing, ", "),
                                                    fips ? "; FIPS mode is on" : ""));
}

}  // namespace tserver::crypto
