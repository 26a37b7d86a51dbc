#include "sim/pki.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <unistd.h>

#include <fstream>
#include <sstream>

#include "crypto/openssl.hpp"

namespace tserver::sim {
namespace {

using crypto::BnPtr;
using crypto::CertPtr;
using crypto::drain_errors;
using crypto::Freed;
using NamePtr = std::unique_ptr<X509_NAME, Freed<X509_NAME_free>>;
using ExtensionPtr = std::unique_ptr<X509_EXTENSION, Freed<X509_EXTENSION_free>>;

constexpr std::chrono::days five_years{5 * 365};
constexpr std::chrono::days twenty_years{20 * 365};

struct NamePart {
    int nid;
    const char* text;
};
// Least specific first, as CUCM's certificates have it.
constexpr std::array cluster_name{NamePart{NID_countryName, "US"}, NamePart{NID_stateOrProvinceName, "TS"},
                                  NamePart{NID_localityName, "Testville"},
                                  NamePart{NID_organizationName, "Example"},
                                  NamePart{NID_organizationalUnitName, "Lab"}};

// A fixed string type instead of MBSTRING_*: an instance ID may be longer than the 64 characters of X.520.
void add_part(X509_NAME* name, int nid, std::string_view text) {
    const int type = nid == NID_countryName ? V_ASN1_PRINTABLESTRING : V_ASN1_UTF8STRING;
    X509_NAME_add_entry_by_NID(name, nid, type, reinterpret_cast<const unsigned char*>(text.data()),
                               static_cast<int>(text.size()), -1, 0);
}

NamePtr subject_of(const CertificatePlan& plan, const crypto::Certificate* issuer) {
    NamePtr name{X509_NAME_new()};
    if (issuer == nullptr) {
        for (const auto& part : cluster_name) add_part(name.get(), part.nid, part.text);
    } else {
        const auto* from = X509_get_subject_name(issuer->raw());
        for (int i = 0; i < X509_NAME_entry_count(from); ++i) {
            const auto* entry = X509_NAME_get_entry(from, i);
            if (OBJ_obj2nid(X509_NAME_ENTRY_get_object(entry)) == NID_commonName) continue;
            X509_NAME_add_entry(name.get(), entry, -1, 0);
        }
    }
    add_part(name.get(), NID_commonName, plan.common_name);
    return name;
}

bool add_extension(X509* certificate, X509* issuer, int nid, const std::string& value) {
    if (value.empty()) return true;
    X509V3_CTX context;
    X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
    const ExtensionPtr extension{X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str())};
    return extension && X509_add_ext(certificate, extension.get(), -1) == 1;
}

void set_time(ASN1_TIME* at, Instant when) {
    ASN1_TIME_set(at, static_cast<time_t>(when.time_since_epoch().count()));
}

Result<Credential> self_signed(const CertificatePlan& plan, crypto::PrivateKey key) {
    TRY(certificate, make_certificate(plan, key.public_half(), key, nullptr));
    return std::make_shared<const crypto::Identity>(crypto::Identity{std::move(key), std::move(certificate)});
}

CertificatePlan server_plan(std::string_view name, Instant now) {
    CertificatePlan plan;
    plan.common_name = name;
    plan.not_before = now - std::chrono::hours{1};
    plan.not_after = now + five_years;
    plan.key_usage = "digitalSignature,keyEncipherment,dataEncipherment,keyAgreement";
    plan.extended_key_usage = "serverAuth,clientAuth";
    return plan;
}

}  // namespace

const EVP_MD* digest_method(crypto::Digest digest) {
    switch (digest) {
        case crypto::Digest::sha1: return EVP_sha1();
        case crypto::Digest::sha384: return EVP_sha384();
        case crypto::Digest::sha512: return EVP_sha512();
        default: return EVP_sha256();
    }
}

Result<crypto::Certificate> make_certificate(const CertificatePlan& plan,
                                             const crypto::PublicKey& subject_key,
                                             const crypto::PrivateKey& signing_key,
                                             const crypto::Certificate* issuer) {
    CertPtr certificate{X509_new()};
    auto* raw = certificate.get();
    const auto subject = subject_of(plan, issuer);
    const auto serial = plan.serial.empty() ? crypto::random_octets(16) : plan.serial;
    const BnPtr number{BN_bin2bn(serial.data(), static_cast<int>(serial.size()), nullptr)};
    X509_set_version(raw, X509_VERSION_3);
    BN_to_ASN1_INTEGER(number.get(), X509_get_serialNumber(raw));
    set_time(X509_getm_notBefore(raw), plan.not_before);
    set_time(X509_getm_notAfter(raw), plan.not_after);
    X509_set_subject_name(raw, subject.get());
    X509_set_issuer_name(raw, issuer == nullptr ? subject.get() : X509_get_subject_name(issuer->raw()));
    auto* signer = issuer == nullptr ? raw : issuer->raw();
    const bool good =
        X509_set_pubkey(raw, subject_key.raw()) == 1 &&
        add_extension(raw, signer, NID_basic_constraints, plan.basic_constraints) &&
        add_extension(raw, signer, NID_key_usage, plan.key_usage) &&
        add_extension(raw, signer, NID_ext_key_usage, plan.extended_key_usage) &&
        add_extension(raw, signer, NID_subject_alt_name, plan.uri.empty() ? "" : "URI:" + plan.uri) &&
        add_extension(raw, signer, NID_subject_key_identifier, "hash") &&
        X509_sign(raw, signing_key.raw(), digest_method(plan.digest)) > 0;
    if (!good) return fail(Fault::INTERNAL, "certificate of " + plan.common_name + ": " + drain_errors());
    return crypto::Certificate{certificate.release()};
}

Result<Credential> make_capf(Instant now, unsigned bits) {
    CertificatePlan plan;
    plan.common_name = "CAPF-" + hex(crypto::random_octets(4));
    plan.not_before = now - std::chrono::hours{1};
    plan.not_after = now + five_years;
    plan.basic_constraints = "critical,CA:TRUE,pathlen:0";
    plan.key_usage = "critical,digitalSignature,keyEncipherment,keyCertSign";
    TRY(key, crypto::PrivateKey::make_rsa(bits));
    return self_signed(plan, std::move(key));
}

Result<Credential> make_itl_recovery(std::string_view publisher, Instant now) {
    CertificatePlan plan;
    plan.common_name = "ITLRECOVERY_" + std::string{publisher};
    plan.not_before = now - std::chrono::hours{1};
    plan.not_after = now + twenty_years;
    plan.key_usage = "digitalSignature,keyEncipherment,keyCertSign";
    TRY(key, crypto::PrivateKey::make_rsa(2048));
    return self_signed(plan, std::move(key));
}

Result<Credential> make_call_manager(std::string_view node, Instant now, ServerKind kind,
                                     const Credential& same_key) {
    auto plan = server_plan(node, now);
    if (kind == ServerKind::expired) {
        plan.not_before = now - five_years;
        plan.not_after = now - std::chrono::days{1};
    }
    if (kind == ServerKind::weak) plan.digest = crypto::Digest::sha1;
    if (!same_key) {
        TRY(key, crypto::PrivateKey::make_rsa(kind == ServerKind::weak ? 1024 : 2048));
        return self_signed(plan, std::move(key));
    }
    EVP_PKEY_up_ref(same_key->key.raw());
    return self_signed(plan, crypto::PrivateKey{same_key->key.raw()});
}

Result<Credential> make_ec_call_manager(std::string_view node, Instant now) {
    auto plan = server_plan(std::string{node} + "-EC", now);
    plan.key_usage = "digitalSignature,keyAgreement";
    TRY(key, crypto::PrivateKey::make_ec(crypto::Curve::p384));
    return self_signed(plan, std::move(key));
}

Result<Credential> make_twin(const crypto::Certificate& of, Instant now) {
    TRY(key, crypto::PrivateKey::make_rsa(2048));
    CertPtr certificate{X509_new()};
    auto* raw = certificate.get();
    X509_set_version(raw, X509_VERSION_3);
    X509_set_serialNumber(raw, X509_get_serialNumber(of.raw()));
    set_time(X509_getm_notBefore(raw), now - std::chrono::hours{1});
    set_time(X509_getm_notAfter(raw), now + five_years);
    X509_set_subject_name(raw, X509_get_subject_name(of.raw()));
    X509_set_issuer_name(raw, X509_get_issuer_name(of.raw()));
    // The extensions that let it stand in the other's place as an issuer.
    for (int i = 0; i < X509_get_ext_count(of.raw()); ++i) {
        auto* extension = X509_get_ext(of.raw(), i);
        const int nid = OBJ_obj2nid(X509_EXTENSION_get_object(extension));
        if (nid == NID_basic_constraints || nid == NID_key_usage) X509_add_ext(raw, extension, -1);
    }
    if (X509_set_pubkey(raw, key.raw()) != 1 || X509_sign(raw, key.raw(), EVP_sha256()) <= 0)
        return fail(Fault::INTERNAL, "twin: " + drain_errors());
    return std::make_shared<const crypto::Identity>(
        crypto::Identity{std::move(key), crypto::Certificate{certificate.release()}});
}

Result<void> replace_file(const std::filesystem::path& file, std::string_view content) {
    const auto fresh = file.string() + ".new";
    const int fd = ::open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0) return fail(Fault::STORE_IO, fresh + ": " + std::generic_category().message(errno));
    std::string_view rest = content;
    while (!rest.empty()) {
        const auto put = ::write(fd, rest.data(), rest.size());
        if (put <= 0) break;
        rest.remove_prefix(static_cast<std::size_t>(put));
    }
    const bool closed = ::close(fd) == 0;
    if (!rest.empty() || !closed || ::rename(fresh.c_str(), file.c_str()) != 0)
        return fail(Fault::STORE_IO, file.string() + ": " + std::generic_category().message(errno));
    return {};
}

Result<std::string> read_file(const std::filesystem::path& file) {
    std::ifstream in{file, std::ios::binary};
    if (!in) return fail(Fault::STORE_MISSING, file.string());
    std::ostringstream text;
    text << in.rdbuf();
    return std::move(text).str();
}

Result<void> save(const crypto::Identity& identity, const std::filesystem::path& file) {
    const crypto::BioPtr bio{BIO_new(BIO_s_mem())};
    PEM_write_bio_PrivateKey(bio.get(), identity.key.raw(), nullptr, nullptr, 0, nullptr, nullptr);
    char* data = nullptr;
    const long length = BIO_get_mem_data(bio.get(), &data);
    return replace_file(file,
                        identity.certificate.pem() + std::string(data, static_cast<std::size_t>(length)));
}

Result<Credential> load(const std::filesystem::path& file) {
    TRY(text, read_file(file));
    TRY(certificate, crypto::Certificate::from_pem(text));
    TRY(key, crypto::PrivateKey::from_pem(text));
    return std::make_shared<const crypto::Identity>(crypto::Identity{std::move(key), std::move(certificate)});
}

}  // namespace tserver::sim
