// Certificates of the simulated cluster, made with OpenSSL alone.
#pragma once

#include <filesystem>
#include <memory>

#include "crypto/certificate.hpp"
#include "crypto/digest.hpp"
#include "crypto/openssl.hpp"

namespace tserver::sim {

/// Key and certificate that stay the same while somebody still uses them.
using Credential = std::shared_ptr<const crypto::Identity>;

struct CertificatePlan {
    std::string common_name;
    /// Alternative name of type URI; none when empty.
    std::string uri;
    Instant not_before;
    Instant not_after;
    std::string basic_constraints;  ///< OpenSSL's extension syntax; none when empty
    std::string key_usage;
    std::string extended_key_usage;
    crypto::Digest digest = crypto::Digest::sha256;
    Bytes serial;  ///< 128 random bits when empty
};

/// O, OU, L, ST and C are the cluster's own, or copied from the issuer.
/// @param issuer  null: self-signed with `key`.
Result<crypto::Certificate> make_certificate(const CertificatePlan& plan,
                                             const crypto::PublicKey& subject_key,
                                             const crypto::PrivateKey& signing_key,
                                             const crypto::Certificate* issuer);

/// capf: CA, path length 0, digitalSignature + keyEncipherment + keyCertSign, no extended key usage: with one
/// that leaves out clientAuth OpenSSL would refuse every certificate it issued.
Result<Credential> make_capf(Instant now, unsigned bits = 2048);
Result<Credential> make_itl_recovery(std::string_view publisher, Instant now);

enum class ServerKind : std::uint8_t { good, expired, weak };
/// Self-signed CallManager certificate. @param same_key  a certificate whose key is kept; null makes one.
Result<Credential> make_call_manager(std::string_view node, Instant now, ServerKind kind,
                                     const Credential& same_key);
Result<Credential> make_ec_call_manager(std::string_view node, Instant now);
/// Another key whose certificate has the same subject, issuer and serial.
Result<Credential> make_twin(const crypto::Certificate& of, Instant now);

const EVP_MD* digest_method(crypto::Digest digest);
/// One PEM file, mode 0600, put in place by a rename.  @return STORE_IO
Result<void> save(const crypto::Identity& identity, const std::filesystem::path& file);
/// @return STORE_MISSING, DECODE
Result<Credential> load(const std::filesystem::path& file);
/// Replaces the file as a whole.  @return STORE_IO
Result<void> replace_file(const std::filesystem::path& file, std::string_view content);
Result<std::string> read_file(const std::filesystem::path& file);

}  // namespace tserver::sim
