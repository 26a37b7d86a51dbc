#include "crypto/rehearsal.hpp"

#include "crypto/openssl.hpp"

namespace tserver::crypto {
namespace {

using ExchangePtr = std::unique_ptr<EVP_KEYEXCH, Freed<EVP_KEYEXCH_free>>;

tl::unexpected<Error> failed(std::string_view step) {
    return fail(Fault::INTERNAL, fmt::format("{}: {}", step, drain_errors()));
}

/// Signed by its own key; nobody checks it.
CertPtr certificate_of(const PrivateKey& key) {
    CertPtr made{X509_new()};
    const bool good = made && X509_set_version(made.get(), X509_VERSION_3) == 1 &&
                      ASN1_INTEGER_set(X509_get_serialNumber(made.get()), 1) == 1 &&
                      X509_gmtime_adj(X509_getm_notBefore(made.get()), 0) != nullptr &&
                      X509_gmtime_adj(X509_getm_notAfter(made.get()), 3600) != nullptr &&
                      X509_set_pubkey(made.get(), key.raw()) == 1 &&
                      X509_sign(made.get(), key.raw(), EVP_sha256()) > 0;
    return good ? std::move(made) : nullptr;
}

/// What a handshake takes beyond what a certificate of our own has shown.
bool has_the_rest() {
    const KdfPtr kdf{EVP_KDF_fetch(nullptr, "TLS13-KDF", nullptr)};
    const CipherPtr cipher{EVP_CIPHER_fetch(nullptr, "AES-256-GCM", nullptr)};
    const ExchangePtr exchange{EVP_KEYEXCH_fetch(nullptr, "ECDH", nullptr)};
    return kdf && cipher && exchange;
}

}  // namespace

Result<Rehearsal> Rehearsal::prepare(TlsProfile profile) {
    TRY(key, PrivateKey::make_ec(Curve::p256));
    auto certificate = certificate_of(key);
    if (!certificate || !has_the_rest()) return failed("parts of a handshake");
    const Identity identity{std::move(key), Certificate{certificate.release()}};
    TRY(ends, TlsContext::both_sides(profile, identity));
    return Rehearsal{std::move(ends)};
}

Result<void> Rehearsal::play() const {
    const SslPtr client{SSL_new(ends_.raw())};
    const SslPtr server{SSL_new(ends_.raw())};
    BIO* near = nullptr;
    BIO* far = nullptr;
    if (!client || !server || BIO_new_bio_pair(&near, 0, &far, 0) != 1) return failed("two ends");
    SSL_set_bio(client.get(), near, near);
    SSL_set_bio(server.get(), far, far);
    SSL_set_connect_state(client.get());
    SSL_set_accept_state(server.get());
    constexpr int flights = 8;  // more than any version has
    for (int flight = 0; flight < flights; ++flight) {
        for (auto* end : {client.get(), server.get()}) {
            const int done = SSL_do_handshake(end);
            if (done != 1 && SSL_get_error(end, done) != SSL_ERROR_WANT_READ) return failed("TLS handshake");
        }
        if (SSL_is_init_finished(client.get()) == 1 && SSL_is_init_finished(server.get()) == 1) return {};
    }
    return fail(Fault::INTERNAL, "the TLS handshake does not end");
}

}  // namespace tserver::crypto
