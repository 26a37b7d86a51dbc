#include "crypto/tls_context.hpp"

#include "crypto/openssl.hpp"

namespace tserver::crypto {
namespace {

struct ProfileRow {
    int lowest;          ///< TLS version
    const char* suites;  ///< TLS 1.2 and below
    const char* signatures;
    unsigned long options;
};

/// Source: doc/protocols/session.md, section 2 (what CUCM's CTIManager and CAPF offer).
const ProfileRow& row_of(TlsProfile profile) {
    constexpr auto rsa_first =
        "RSA-PSS+SHA256:RSA-PSS+SHA384:RSA-PSS+SHA512:RSA+SHA256:RSA+SHA384:RSA+SHA512:"
        "ECDSA+SHA256:ECDSA+SHA384:ECDSA+SHA512";
    static const std::array rows{
        ProfileRow{TLS1_2_VERSION,
                   "ECDHE-RSA-AES256-GCM-SHA384:ECDHE-RSA-AES128-GCM-SHA256:"
                   "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-ECDSA-AES128-GCM-SHA256:@SECLEVEL=2",
                   rsa_first, 0},
        // Level 1: a cluster's own certificates are matched octet for octet, their SHA-1 signatures decide
        // nothing.
        ProfileRow{TLS1_2_VERSION,
                   "ECDHE-RSA-AES256-GCM-SHA384:ECDHE-RSA-AES128-GCM-SHA256:"
                   "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-ECDSA-AES128-GCM-SHA256:"
                   "ECDHE-RSA-AES256-SHA384:ECDHE-RSA-AES128-SHA256:ECDHE-RSA-AES256-SHA:ECDHE-RSA-AES128-"
                   "SHA:@SECLEVEL=1",
                   rsa_first, 0},
        ProfileRow{TLS1_VERSION, "ALL:!aNULL:!eNULL:!RC4:!EXPORT:@SECLEVEL=0",
                   "RSA-PSS+SHA256:RSA-PSS+SHA384:RSA-PSS+SHA512:RSA+SHA256:RSA+SHA384:RSA+SHA512:RSA+SHA1:"
                   "ECDSA+SHA256:ECDSA+SHA384:ECDSA+SHA512:ECDSA+SHA1",
                   SSL_OP_LEGACY_SERVER_CONNECT},
    };
    return rows[static_cast<std::size_t>(profile)];
}

bool apply(SSL_CTX* context, const ProfileRow& row) {
    SSL_CTX_set_options(context,
                        SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_TICKET | SSL_OP_NO_COMPRESSION | row.options);
    if (row.options == 0) SSL_CTX_clear_options(context, SSL_OP_LEGACY_SERVER_CONNECT);
    // A ticket is no reason to come back empty-handed while a record of the application waits behind it.
    SSL_CTX_set_mode(
        context, SSL_MODE_AUTO_RETRY | SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_max_cert_list(context, static_cast<long>(tls_chain_limit));
    return SSL_CTX_set_min_proto_version(context, row.lowest) == 1 &&
           SSL_CTX_set_max_proto_version(context, TLS1_3_VERSION) == 1 &&
           SSL_CTX_set_cipher_list(context, row.suites) == 1 &&
           SSL_CTX_set_ciphersuites(context, "TLS_AES_256_GCM_SHA384:TLS_AES_128_GCM_SHA256") == 1 &&
           SSL_CTX_set1_sigalgs_list(context, row.signatures) == 1;
}

}  // namespace

void TlsContextFree::operator()(ssl_ctx_st* context) const noexcept { SSL_CTX_free(context); }

Result<TlsContext> TlsContext::client(TlsProfile profile, const Identity* identity) {
    SslCtxPtr context{SSL_CTX_new(TLS_client_method())};
    if (!context) return fail(Fault::INTERNAL, "TLS context: " + drain_errors());
    if (!apply(context.get(), row_of(profile))) {
        return fail(Fault::INTERNAL, fmt::format("TLS profile {}: {}", name(profile), drain_errors()));
    }
    if (identity != nullptr && (SSL_CTX_use_certificate(context.get(), identity->certificate.raw()) != 1 ||
                                SSL_CTX_use_PrivateKey(context.get(), identity->key.raw()) != 1)) {
        return fail(Fault::CTI_TLS_CIPHER,
                    fmt::format("profile {} does not take our certificate ({}, {}): {}", name(profile),
                                identity->key.public_half().text(),
                                identity->certificate.signature_algorithm(), drain_errors()));
    }
    return TlsContext{context.release(), profile};
}

Result<TlsContext> TlsContext::everything(std::string_view version, const std::vector<std::string>& without) {
    constexpr std::array numbers{TLS1_VERSION, TLS1_1_VERSION, TLS1_2_VERSION, TLS1_3_VERSION};
    const auto at = std::ranges::find(tls_versions, version);
    if (at == tls_versions.end()) return fail(Fault::INTERNAL, fmt::format("no TLS version {}", version));
    const int number = numbers[static_cast<std::size_t>(at - tls_versions.begin())];
    std::string old_suites = "ALL:!aNULL:!eNULL:!PSK:!SRP";
    std::string new_suites;
    for (const auto& suite : without) old_suites += ":!" + suite;
    for (const auto* suite :
         {"TLS_AES_256_GCM_SHA384", "TLS_AES_128_GCM_SHA256", "TLS_CHACHA20_POLY1305_SHA256"}) {
        if (std::ranges::find(without, suite) == without.end())
            new_suites += (new_suites.empty() ? "" : ":") + std::string{suite};
    }
    if (number == TLS1_3_VERSION && new_suites.empty())
        return fail(Fault::INTERNAL, "no suite of TLS 1.3 is left");
    SslCtxPtr context{SSL_CTX_new(TLS_client_method())};
    if (!context) return fail(Fault::INTERNAL, "TLS context: " + drain_errors());
    auto* raw = context.get();
    SSL_CTX_set_security_level(raw, 0);
    SSL_CTX_set_options(raw, SSL_OP_LEGACY_SERVER_CONNECT | SSL_OP_NO_TICKET);
    SSL_CTX_set_max_cert_list(raw, static_cast<long>(tls_chain_limit));
    const bool good = SSL_CTX_set_min_proto_version(raw, number) == 1 &&
                      SSL_CTX_set_max_proto_version(raw, number) == 1 &&
                      SSL_CTX_set_cipher_list(raw, (old_suites + ":@SECLEVEL=0").c_str()) == 1 &&
                      SSL_CTX_set_ciphersuites(raw, new_suites.c_str()) == 1;
    if (!good) return fail(Fault::INTERNAL, fmt::format("{}: {}", version, drain_errors()));
    return TlsContext{context.release(), TlsProfile::legacy};
}

}  // namespace tserver::crypto
