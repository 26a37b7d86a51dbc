#include "crypto/provided.hpp"

#include <fmt/format.h>
#include <openssl/conf.h>
#include <openssl/crypto.h>

#include <cerrno>
#include <filesystem>
#include <string_view>
#include <vector>

#include "base/text.hpp"
#include "crypto/openssl.hpp"

namespace tserver::crypto {
namespace {

using MdPtr = std::unique_ptr<EVP_MD, Freed<EVP_MD_free>>;
using ConfPtr = std::unique_ptr<CONF, Freed<NCONF_free>>;
struct CharsFree {
    void operator()(char* text) const noexcept { OPENSSL_free(text); }
};
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
    return fail(Fault::STORE_ALGORITHM,
                fmt::format("OpenSSL does not provide {}{}; its settings: {}", fmt::join(missing, ", "),
                            fips ? "; FIPS mode is on" : "", settings_text()));
}

void load_settings() {
    OPENSSL_init_crypto(OPENSSL_INIT_LOAD_CONFIG, nullptr);
    drain_errors();
}

std::string settings_text() {
    const std::unique_ptr<char, CharsFree> chosen{CONF_get1_default_config_file()};
    if (!chosen) return "none";
    const std::string path = escape(chosen.get(), 300);
    const BioPtr file{BIO_new_file(chosen.get(), "r")};
    const ConfPtr parsed{NCONF_new(nullptr)};
    long line = 0;
    std::string trouble;
    std::error_code unknown;
    if (!file)
        trouble = errno == ENOENT ? ", which is missing" : ", which cannot be read";
    else if (std::filesystem::is_directory(chosen.get(), unknown))
        trouble = ", which is a directory and ignored";
    else if (NCONF_load_bio(parsed.get(), file.get(), &line) <= 0)
        trouble = fmt::format(", which is wrong in line {} and ignored", line);
    drain_errors();
    return path + trouble;
}

}  // namespace tserver::crypto
