#include "sim/server_tls.hpp"

#include <openssl/x509v3.h>

#include "crypto/openssl.hpp"

namespace tserver::sim {
namespace {

constexpr const char* modern_suites =
    "ECDHE-RSA-AES256-GCM-SHA384:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-ECDSA-"
    "AES128-GCM-SHA256";
constexpr const char* cluster_suites =
    "ECDHE-RSA-AES256-GCM-SHA384:ECDHE-RSA-AES128-GCM-SHA256:AES256-GCM-SHA384:AES128-GCM-SHA256:"
    "ECDHE-RSA-AES256-SHA384:ECDHE-RSA-AES128-SHA256:AES256-SHA256:AES128-SHA256:"
    "ECDHE-RSA-AES256-SHA:ECDHE-RSA-AES128-SHA:AES256-SHA:AES128-SHA";
constexpr const char* legacy_suites =
    "ECDHE-RSA-AES256-GCM-SHA384:ECDHE-RSA-AES128-GCM-SHA256:AES128-SHA:DHE-RSA-AES128-SHA:AES256-SHA:DES-"
    "CBC3-SHA:"
    "@SECLEVEL=0";
constexpr const char* static_rsa_suites = "AES256-GCM-SHA384:AES128-GCM-SHA256:AES256-SHA:AES128-SHA";

bool set_mode(SSL_CTX* context, TlsMode mode) {
    const bool legacy = mode == TlsMode::legacy;
    const auto* suites = legacy ? legacy_suites : mode == TlsMode::modern ? modern_suites : cluster_suites;
    SSL_CTX_set_dh_auto(context, 1);
    return SSL_CTX_set_min_proto_version(context, legacy ? TLS1_VERSION : TLS1_2_VERSION) == 1 &&
           SSL_CTX_set_max_proto_version(context, legacy ? TLS1_2_VERSION : TLS1_3_VERSION) == 1 &&
           SSL_CTX_set_cipher_list(context, suites) == 1;
}

int version_named(std::string_view text) {
    if (text == "1.0") return TLS1_VERSION;
    if (text == "1.1") return TLS1_1_VERSION;
    return text == "1.2" ? TLS1_2_VERSION : TLS1_3_VERSION;
}

void only_version(SSL_CTX* context, std::string_view version) {
    SSL_CTX_set_min_proto_version(context, version_named(version));
    SSL_CTX_set_max_proto_version(context, version_named(version));
    if (version < "1.2") SSL_CTX_set_cipher_list(context, legacy_suites);
}

/// The verification result that OpenSSL turns into the alert of this name.
int code_for_alert(std::string_view alert) {
    constexpr std::array<std::pair<std::string_view, int>, 8> codes{
        {{"unknown-ca", X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY},
         {"certificate-expired", X509_V_ERR_CERT_HAS_EXPIRED},
         {"bad-certificate", X509_V_ERR_CERT_REJECTED},
         {"certificate-unknown", X509_V_ERR_SUBTREE_MINMAX},
         {"certificate-revoked", X509_V_ERR_CERT_REVOKED},
         {"unsupported-certificate", X509_V_ERR_INVALID_PURPOSE},
         {"handshake-failure", X509_V_ERR_APPLICATION_VERIFICATION},
         {"decrypt-error", X509_V_ERR_CERT_SIGNATURE_FAILURE}}};
    return std::ranges::find(codes, alert, &std::pair<std::string_view, int>::first)->second;
}

/// What CTIManager thinks of a certificate whose chain, dates and purpose are right.
int judge(Cluster& cluster, X509* raw) {
    X509_up_ref(raw);
    const crypto::Certificate certificate{raw};
    switch (cluster.profiles.judge(certificate.sha256(), cluster.faults.on("cti-latest-only"))) {
        case ClientVerdict::good: return X509_V_OK;
        case ClientVerdict::unknown_instance: return code_for_alert("bad-certificate");
        case ClientVerdict::superseded: return code_for_alert("certificate-unknown");
        case ClientVerdict::compromised: return code_for_alert("certificate-revoked");
    }
    return X509_V_ERR_UNSPECIFIED;
}

int verify_client(X509_STORE_CTX* check, void* of) {
    auto& cluster = *static_cast<Cluster*>(of);
    if (const auto delay = cluster.faults.use_number("cti-reject-delay"))
        std::this_thread::sleep_for(std::chrono::milliseconds{*delay});
    if (const auto alert = cluster.faults.use("cti-reject")) {
        X509_STORE_CTX_set_error(check, code_for_alert(*alert));
        return 0;
    }
    if (X509_verify_cert(check) != 1) return 0;
    const int code = judge(cluster, X509_STORE_CTX_get0_cert(check));
    X509_STORE_CTX_set_error(check, code);
    return code == X509_V_OK ? 1 : 0;
}

void name_authorities(Cluster& cluster, SSL_CTX* context, const std::vector<crypto::Certificate>& trusted) {
    const auto fault = cluster.faults.use("cti-ca-list");
    if (fault == "empty") return;
    if (fault == "foreign") {
        SSL_CTX_add_client_CA(context, cluster.authority.stranger()->certificate.raw());
        return;
    }
    for (const auto& certificate : trusted) SSL_CTX_add_client_CA(context, certificate.raw());
    if (!fault) return;
    // Names of about 90 octets; the message can hold 64 KiB.
    const int count = fault == "long" ? 640 : 1000;
    auto* names = SSL_CTX_get_client_CA_list(context);
    auto* all = SSL_dup_CA_list(names);
    for (int i = 0; i < count; ++i) {
        auto* name = X509_NAME_new();
        const auto text =
            fmt::format("{:06} an authority of CallManager-trust that nobody needs any more {:06}", i, i);
        X509_NAME_add_entry_by_txt(name, "CN", V_ASN1_UTF8STRING,
                                   reinterpret_cast<const unsigned char*>(text.data()),
                                   static_cast<int>(text.size()), -1, 0);
        sk_X509_NAME_push(all, name);
    }
    SSL_CTX_set_client_CA_list(context, all);
}

/// Further certificates behind the server's own, up to this size.
Result<void> lengthen_chain(SSL_CTX* context, long kib) {
    TRY(key, crypto::PrivateKey::make_ec(crypto::Curve::p256));
    CertificatePlan plan;
    plan.not_before = wall_now() - std::chrono::days{20};
    plan.not_after = wall_now() - std::chrono::days{10};
    plan.uri = "urn:" + std::string(8000, 'x');
    std::size_t octets = 0;
    for (int i = 0; octets < static_cast<std::size_t>(kib) * 1024; ++i) {
        plan.common_name = fmt::format("behind-{}", i);
        TRY(certificate, make_certificate(plan, key.public_half(), key, nullptr));
        octets += certificate.der().size();
        X509_up_ref(certificate.raw());
        SSL_CTX_add_extra_chain_cert(context, certificate.raw());
    }
    return {};
}

}  // namespace

Result<crypto::SslCtxPtr> server_context(TlsMode mode, const crypto::Identity& shown) {
    crypto::SslCtxPtr context{SSL_CTX_new(TLS_server_method())};
    auto* raw = context.get();
    const bool good = raw != nullptr && set_mode(raw, mode);
    // A weak server certificate (RSA-1024, SHA-1) is a case to be played; the level of the suites stays.
    if (good && mode != TlsMode::legacy) SSL_CTX_set_security_level(raw, 0);
    if (!good || SSL_CTX_use_certificate(raw, shown.certificate.raw()) != 1 ||
        SSL_CTX_use_PrivateKey(raw, shown.key.raw()) != 1)
        return fail(Fault::INTERNAL, "TLS context: " + crypto::drain_errors());
    SSL_CTX_set_session_cache_mode(raw, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_session_id_context(raw, reinterpret_cast<const unsigned char*>("ucmsim"), 6);
    return context;
}

Result<crypto::SslCtxPtr> capf_context(Cluster& cluster) {
    auto& faults = cluster.faults;
    const auto shown = faults.use("capf-untrusted") ? cluster.authority.stranger() : cluster.authority.capf();
    TRY(context, server_context(cluster.settings.tls, *shown));
    if (faults.use("capf-ask-certificate")) SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER, nullptr);
    if (const auto version = faults.use("capf-tls")) only_version(context.get(), *version);
    return context;
}

Result<crypto::SslCtxPtr> cti_context(Cluster& cluster, std::size_t node) {
    const auto shown = cluster.authority.presented(node);
    TRY(context, server_context(cluster.settings.tls, *shown));
    auto* raw = context.get();
    const auto trusted = cluster.authority.client_authorities();
    auto* store = SSL_CTX_get_cert_store(raw);
    for (const auto& certificate : trusted) X509_STORE_add_cert(store, certificate.raw());
    SSL_CTX_set_verify(raw, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
    SSL_CTX_set_cert_verify_callback(raw, verify_client, &cluster);
    name_authorities(cluster, raw, trusted);
    if (const auto version = cluster.faults.value("cti-tls")) only_version(raw, *version);
    if (cluster.faults.on("cti-static-rsa")) {
        SSL_CTX_set_max_proto_version(raw, TLS1_2_VERSION);
        SSL_CTX_set_cipher_list(raw, static_rsa_suites);
    }
    if (const auto kib = cluster.faults.value("cti-chain"))
        CHECK(lengthen_chain(raw, std::strtol(kib->c_str(), nullptr, 10)));
    return context;
}

}  // namespace tserver::sim
