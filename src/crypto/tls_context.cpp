#include "crypto/tls_context.hpp"

#include <openssl/err.h>

#include "base/text.hpp"
#include "crypto/openssl.hpp"
#include "crypto/provided.hpp"

namespace tserver::crypto {
namespace {

struct ProfileRow {
    int lowest;          ///< TLS version
    const char* suites;  ///< TLS 1.2 and below
    const char* signatures;
    std::uint64_t options;
    int key_strength;  ///< in bits, of either side's certificate; 112 is RSA-2048
};

constexpr auto new_suites = "TLS_AES_256_GCM_SHA384:TLS_AES_128_GCM_SHA256";
constexpr std::array version_numbers{TLS1_VERSION, TLS1_1_VERSION, TLS1_2_VERSION, TLS1_3_VERSION};

/// Source: doc/protocols/session.md, section 2 (what CUCM's CTIManager and CAPF offer).
const ProfileRow& row_of(TlsProfile profile) {
    constexpr auto rsa_first =
        "RSA-PSS+SHA256:RSA-PSS+SHA384:RSA-PSS+SHA512:RSA+SHA256:RSA+SHA384:RSA+SHA512:"
        "ECDSA+SHA256:ECDSA+SHA384:ECDSA+SHA512";
    static const std::array rows{
        ProfileRow{TLS1_2_VERSION,
                   "ECDHE-RSA-AES256-GCM-SHA384:ECDHE-RSA-AES128-GCM-SHA256:"
                   "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-ECDSA-AES128-GCM-SHA256:@SECLEVEL=2",
                   rsa_first, 0, 112},
        // Level 1: a cluster's own certificates are matched octet for octet, their SHA-1 signatures decide
        // nothing.
        ProfileRow{TLS1_2_VERSION,
                   "ECDHE-RSA-AES256-GCM-SHA384:ECDHE-RSA-AES128-GCM-SHA256:"
                   "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-ECDSA-AES128-GCM-SHA256:"
                   "ECDHE-RSA-AES256-SHA384:ECDHE-RSA-AES128-SHA256:ECDHE-RSA-AES256-SHA:ECDHE-RSA-AES128-"
                   "SHA:@SECLEVEL=1",
                   rsa_first, 0, 112},
        ProfileRow{TLS1_VERSION, "ALL:!aNULL:!eNULL:!RC4:!EXPORT:@SECLEVEL=0",
                   "RSA-PSS+SHA256:RSA-PSS+SHA384:RSA-PSS+SHA512:RSA+SHA256:RSA+SHA384:RSA+SHA512:RSA+SHA1:"
                   "ECDSA+SHA256:ECDSA+SHA384:ECDSA+SHA512:ECDSA+SHA1",
                   SSL_OP_LEGACY_SERVER_CONNECT, 0},
    };
    return rows[static_cast<std::size_t>(profile)];
}

/// OpenSSL's own groups, said here because its settings file can name others.
bool set_groups(SSL_CTX* context) {
    std::array groups{NID_X25519,    NID_X9_62_prime256v1, NID_X448,      NID_secp521r1, NID_secp384r1,
                      NID_ffdhe2048, NID_ffdhe3072,        NID_ffdhe4096, NID_ffdhe6144, NID_ffdhe8192};
    return SSL_CTX_set1_groups(context, groups.data(), static_cast<int>(groups.size())) == 1;
}

/// Everything that the settings file of the host (openssl.cnf, system_default) may have set is set again
/// here: the profile of the link wins (F56).
bool apply(SSL_CTX* context, const ProfileRow& row) {
    SSL_CTX_clear_options(context, ~std::uint64_t{0});
    SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_TICKET | SSL_OP_NO_COMPRESSION |
                                     SSL_OP_ENABLE_MIDDLEBOX_COMPAT | row.options);
    // A ticket is no reason to come back empty-handed while a record of the application waits behind it.
    SSL_CTX_set_mode(
        context, SSL_MODE_AUTO_RETRY | SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_max_cert_list(context, static_cast<long>(tls_chain_limit));
    return SSL_CTX_set_min_proto_version(context, row.lowest) == 1 &&
           SSL_CTX_set_max_proto_version(context, TLS1_3_VERSION) == 1 &&
           SSL_CTX_set_cipher_list(context, row.suites) == 1 &&
           SSL_CTX_set_ciphersuites(context, new_suites) == 1 && set_groups(context) &&
           SSL_CTX_set1_sigalgs_list(context, row.signatures) == 1 &&
           SSL_CTX_set1_client_sigalgs_list(context, row.signatures) == 1;
}

/// OpenSSL makes no context in the call that reads settings it has to refuse; in the next one it does.
SslCtxPtr new_context(const SSL_METHOD* side = TLS_client_method()) {
    load_settings();
    return SslCtxPtr{SSL_CTX_new(side)};
}

Result<SslCtxPtr> context_of(TlsProfile profile, const SSL_METHOD* side = TLS_client_method()) {
    auto context = new_context(side);
    if (!context) return fail(Fault::INTERNAL, "TLS context: " + drain_errors());
    if (!apply(context.get(), row_of(profile))) {
        return fail(Fault::INTERNAL, fmt::format("TLS profile {}: {}", name(profile), drain_errors()));
    }
    ERR_clear_error();  // settings that OpenSSL did not understand leave theirs
    return context;
}

bool strong_enough(const ProfileRow& row, EVP_PKEY* key) {
    return EVP_PKEY_get_security_bits(key) >= row.key_strength;
}

/// @return what is wrong; nothing when the context takes the identity
std::optional<std::string> give(SSL_CTX* context, const ProfileRow& row, const Identity& identity) {
    if (!strong_enough(row, identity.key.raw())) return "the key is too small";
    if (SSL_CTX_use_certificate(context, identity.certificate.raw()) == 1 &&
        SSL_CTX_use_PrivateKey(context, identity.key.raw()) == 1)
        return std::nullopt;
    return drain_errors();
}

/// "; tls-profile = legacy takes it", by the first that does.
template <class Takes>
std::string who_takes(Takes takes) {
    for (const auto profile : {TlsProfile::modern, TlsProfile::cluster, TlsProfile::legacy})
        if (takes(profile)) return fmt::format("; tls-profile = {} takes it", name(profile));
    return "; no profile takes it";
}

tl::unexpected<Error> too_weak(TlsProfile profile, const Identity& ours, const std::string& why) {
    const auto takes = [&ours](TlsProfile other) {
        const auto context = context_of(other);
        return context && !give(context->get(), row_of(other), ours);
    };
    return fail(Fault::CERTIFICATE_WEAK,
                fmt::format("tls-profile = {} does not take our certificate {} ({}, {}): {}{}", name(profile),
                            ours.certificate.subject(), ours.key.public_half().text(),
                            ours.certificate.signature_algorithm(), why, who_takes(takes)));
}

Result<SslCtxPtr> context_with(const Identity& identity, TlsProfile profile, const SSL_METHOD* side) {
    TRY(context, context_of(profile, side));
    if (const auto why = give(context.get(), row_of(profile), identity))
        return too_weak(profile, identity, *why);
    return context;
}

/// The suites that a client with this context offers for one version.
std::vector<std::string> suites_for(SSL_CTX* context, int version) {
    const SslPtr ssl{SSL_new(context)};
    std::vector<std::string> out;
    if (ssl && SSL_set_min_proto_version(ssl.get(), version) == 1 &&
        SSL_set_max_proto_version(ssl.get(), version) == 1) {
        auto* all = SSL_get1_supported_ciphers(ssl.get());
        for (int i = 0; i < sk_SSL_CIPHER_num(all); ++i)
            out.emplace_back(SSL_CIPHER_get_name(sk_SSL_CIPHER_value(all, i)));
        sk_SSL_CIPHER_free(all);
    }
    drain_errors();
    return out;
}

/// The suites that a profile names one by one: neither commands nor groups of suites.
std::vector<std::string_view> named_suites(const ProfileRow& row) {
    auto out = split(new_suites, ':');
    for (const auto word : split(row.suites, ':'))
        if (word.find('-') != std::string_view::npos && word.front() != '!') out.push_back(word);
    return out;
}

}  // namespace

void TlsContextFree::operator()(ssl_ctx_st* context) const noexcept { SSL_CTX_free(context); }

Result<TlsContext> TlsContext::client(TlsProfile profile, const Identity* identity) {
    TRY(context,
        identity != nullptr ? context_with(*identity, profile, TLS_client_method()) : context_of(profile));
    return TlsContext{context.release(), profile};
}

Result<TlsContext> TlsContext::both_sides(TlsProfile profile, const Identity& identity) {
    TRY(context, context_with(identity, profile, TLS_method()));
    return TlsContext{context.release(), profile};
}

Result<TlsOffer> tls_offer(TlsProfile profile) {
    TRY(context, context_of(profile));
    TlsOffer out{{}, {}, {}, SSL_CTX_get_security_level(context.get())};
    for (std::size_t i = 0; i < version_numbers.size(); ++i) {
        if (version_numbers[i] < row_of(profile).lowest) continue;
        const auto suites = suites_for(context.get(), version_numbers[i]);
        auto& where = suites.empty() ? out.lacking : out.versions;
        where.emplace_back(tls_versions[i]);
        for (const auto& suite : suites)
            if (std::ranges::find(out.suites, suite) == out.suites.end()) out.suites.push_back(suite);
    }
    for (const auto suite : named_suites(row_of(profile)))
        if (std::ranges::find(out.suites, suite) == out.suites.end()) out.lacking.emplace_back(suite);
    if (out.versions.empty()) return fail(Fault::INTERNAL, "OpenSSL has nothing of this profile");
    return out;
}

Result<void> check_strength(TlsProfile profile, const Certificate& shown) {
    TRY(key, shown.public_key());
    const auto takes = [&key](TlsProfile other) { return strong_enough(row_of(other), key.raw()); };
    if (takes(profile)) return {};
    return fail(
        Fault::CERTIFICATE_WEAK,
        fmt::format("tls-profile = {} does not take the certificate {} ({}, {}): the key is too small{}",
                    name(profile), shown.subject(), key.text(), shown.signature_algorithm(),
                    who_takes(takes)));
}

Result<TlsContext> TlsContext::everything(std::string_view version, const std::vector<std::string>& without) {
    const auto at = std::ranges::find(tls_versions, version);
    if (at == tls_versions.end()) return fail(Fault::INTERNAL, fmt::format("no TLS version {}", version));
    const int number = version_numbers[static_cast<std::size_t>(at - tls_versions.begin())];
    std::string old_suites = "ALL:!aNULL:!eNULL:!PSK:!SRP";
    std::string left;
    for (const auto& suite : without) old_suites += ":!" + suite;
    for (const auto* suite :
         {"TLS_AES_256_GCM_SHA384", "TLS_AES_128_GCM_SHA256", "TLS_CHACHA20_POLY1305_SHA256"}) {
        if (std::ranges::find(without, suite) == without.end())
            left += (left.empty() ? "" : ":") + std::string{suite};
    }
    if (number == TLS1_3_VERSION && left.empty()) return fail(Fault::INTERNAL, "no suite of TLS 1.3 is left");
    auto context = new_context();
    if (!context) return fail(Fault::INTERNAL, "TLS context: " + drain_errors());
    auto* raw = context.get();
    SSL_CTX_set_security_level(raw, 0);
    SSL_CTX_clear_options(raw, ~std::uint64_t{0});
    SSL_CTX_set_options(raw, SSL_OP_LEGACY_SERVER_CONNECT | SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION);
    SSL_CTX_set_max_cert_list(raw, static_cast<long>(tls_chain_limit));
    const bool good = SSL_CTX_set_min_proto_version(raw, number) == 1 &&
                      SSL_CTX_set_max_proto_version(raw, number) == 1 &&
                      SSL_CTX_set_cipher_list(raw, (old_suites + ":@SECLEVEL=0").c_str()) == 1 &&
                      SSL_CTX_set_ciphersuites(raw, left.c_str()) == 1 && set_groups(raw);
    if (!good) return fail(Fault::INTERNAL, fmt::format("{}: {}", version, drain_errors()));
    ERR_clear_error();
    return TlsContext{context.release(), TlsProfile::legacy};
}

}  // namespace tserver::crypto
