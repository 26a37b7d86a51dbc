#include "crypto/pkcs12.hpp"

#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/provider.h>
#include <openssl/x509v3.h>

#include <algorithm>

#include "base/text.hpp"
#include "crypto/openssl.hpp"
#include "crypto/shrouded_key.hpp"

// What a guess of the passphrase costs is the cheapest of the derivations in a file. One round of the MAC's
// derivation is one SHA-256 block, one round of PBKDF2 is two: with twice the rounds the MAC is no cheaper to
// guess at.
namespace tserver::crypto {
namespace {

constexpr long most_rounds =
    5'000'000;  ///< a file that asks for more is an attack on our time; Java's limit too

using BagPtr = std::unique_ptr<PKCS12_SAFEBAG, Freed<PKCS12_SAFEBAG_free>>;
using Pkcs7Ptr = std::unique_ptr<PKCS7, Freed<PKCS7_free>>;
using ObjectPtr = std::unique_ptr<ASN1_OBJECT, Freed<ASN1_OBJECT_free>>;
using PbePtr = std::unique_ptr<PBEPARAM, Freed<PBEPARAM_free>>;

struct FreeBags {
    void operator()(STACK_OF(PKCS12_SAFEBAG) * bags) const noexcept {
        sk_PKCS12_SAFEBAG_pop_free(bags, PKCS12_SAFEBAG_free);
    }
};
struct FreeSafes {
    void operator()(STACK_OF(PKCS7) * safes) const noexcept { sk_PKCS7_pop_free(safes, PKCS7_free); }
};
using BagsPtr = std::unique_ptr<STACK_OF(PKCS12_SAFEBAG), FreeBags>;
using SafesPtr = std::unique_ptr<STACK_OF(PKCS7), FreeSafes>;

/// As OpenSSL's functions take it.
const char* text_of(const Passphrase& passphrase) { return passphrase.octets().reveal().data(); }
int length_of(const Passphrase& passphrase) { return static_cast<int>(passphrase.octets().reveal().size()); }

tl::unexpected<Error> broken(std::string_view what) {
    return fail(Fault::STORE_DAMAGED, fmt::format("PKCS#12: {}: {}", what, drain_errors()));
}
tl::unexpected<Error> internal(std::string_view what) {
    return fail(Fault::INTERNAL, fmt::format("PKCS#12: {}: {}", what, drain_errors()));
}
Result<void> check_passphrase(const Passphrase& passphrase) {
    if (passphrase.octets().empty()) return fail(Fault::STORE_EMPTY_PASSPHRASE, "no passphrase given");
    return {};
}

// --- writing ------------------------------------------------------------------------------------------

Result<BagPtr> key_bag(const PrivateKey& key, const StretchedKeys& keys) {
    const Pkcs8Ptr plain{EVP_PKEY2PKCS8(key.raw())};
    if (!plain) return internal("key");
    TRY(shrouded, shroud(plain.get(), keys));
    BagPtr bag{PKCS12_SAFEBAG_create0_pkcs8(shrouded.get())};
    if (!bag) return internal("key");
    static_cast<void>(shrouded.release());  // the bag's now
    return bag;
}

/// Joins key and certificate in one file: the same octets on both. Any value does; readers only compare.
Result<void> mark(const BagPtr& bag, std::string_view name, const Certificate& certificate) {
    auto pair = digest_of(Digest::sha256, certificate.der());
    if (PKCS12_add_localkeyid(bag.get(), pair.data(), static_cast<int>(pair.size())) != 1 ||
        PKCS12_add_friendlyname_utf8(bag.get(), name.data(), static_cast<int>(name.size())) != 1)
        return internal("attributes");
    return {};
}

Result<Pkcs7Ptr> encrypted_safe(const BagsPtr& bags, const Passphrase& passphrase, unsigned rounds) {
    auto salt = random_octets(salt_octets);
    Pkcs7Ptr safe{PKCS12_pack_p7encdata(NID_aes_256_cbc, text_of(passphrase), length_of(passphrase),
                                        salt.data(), static_cast<int>(salt.size()), static_cast<int>(rounds),
                                        bags.get())};
    if (!safe) return internal("certificates");
    return safe;
}

void push(const BagsPtr& bags, BagPtr bag) { sk_PKCS12_SAFEBAG_push(bags.get(), bag.release()); }

/// The octets under the MAC.
std::optional<Bytes> content_of(const STACK_OF(PKCS7) * safes) {
    unsigned char* der = nullptr;
    const int length =
        ASN1_item_i2d(reinterpret_cast<const ASN1_VALUE*>(safes), &der, ASN1_ITEM_rptr(PKCS12_AUTHSAFES));
    if (length <= 0) return std::nullopt;
    Bytes out{der, der + length};
    OPENSSL_free(der);
    return out;
}

Result<void> set_mac(PKCS12* file, ByteView mac, const StretchedKeys& keys) {
    auto salt = keys.salt;
    const ASN1_OCTET_STRING* place = nullptr;
    if (PKCS12_setup_mac(file, static_cast<int>(2 * keys.rounds), salt.data(), static_cast<int>(salt.size()),
                         EVP_sha256()) != 1)
        return internal("MAC");
    PKCS12_get0_mac(&place, nullptr, nullptr, nullptr, file);
    // There is no other way to set it but PKCS12_set_mac(3), which derives the key again.
    if (ASN1_OCTET_STRING_set(const_cast<ASN1_OCTET_STRING*>(place), mac.data(),
                              static_cast<int>(mac.size())) != 1)
        return internal("MAC");
    return {};
}

Result<Bytes> finish(std::vector<Pkcs7Ptr> parts, const StretchedKeys& keys) {
    const SafesPtr safes{sk_PKCS7_new_null()};
    for (auto& part : parts) sk_PKCS7_push(safes.get(), part.release());
    const Pkcs12Ptr file{PKCS12_add_safes(safes.get(), 0)};
    const auto content = content_of(safes.get());
    if (!file || !content) return internal("content");
    CHECK(set_mac(file.get(), authenticate(keys.mac, *content), keys));
    unsigned char* der = nullptr;
    const int length = i2d_PKCS12(file.get(), &der);
    if (length <= 0) return internal("encoding");
    Bytes out{der, der + length};
    OPENSSL_free(der);
    return out;
}

/// Java takes a certificate without a key for a trusted one only with this attribute.
/// Source: JDK, sun.security.pkcs12.PKCS12KeyStore (documented in JEP 229's release notes).
Result<void> mark_trusted(const BagPtr& bag) {
    const ObjectPtr any{OBJ_txt2obj("2.5.29.37.0", 1)};  // anyExtendedKeyUsage
    // Length -1 says that the value is an object, not octets (X509_ATTRIBUTE_set1_data(3)).
    if (!any || PKCS12_add1_attr_by_txt(bag.get(), "2.16.840.1.113894.746875.1.1", V_ASN1_OBJECT,
                                        reinterpret_cast<const unsigned char*>(any.get()), -1) != 1)
        return internal("trusted key usage");
    return {};
}

// --- reading ------------------------------------------------------------------------------------------

std::string algorithm_name(const ASN1_OBJECT* object) {
    std::array<char, 80> text{};
    OBJ_obj2txt(text.data(), static_cast<int>(text.size()), object, 0);
    return escape(text.data(), 80);
}
std::string algorithm_name(const X509_ALGOR* algorithm) {
    const ASN1_OBJECT* object = nullptr;
    X509_ALGOR_get0(&object, nullptr, nullptr, algorithm);
    return algorithm_name(object);
}

tl::unexpected<Error> unsupported(std::string_view what) {
    drain_errors();
    return fail(Fault::STORE_ALGORITHM, std::string{what});
}

/// What is taken, and what was taken of it.
struct Policy {
    bool old_algorithms = false;
    Mac mac = Mac::required;
    std::vector<std::string> old;  ///< by name, each once

    Result<void> take_old(const std::string& name, std::string_view what) {
        if (!old_algorithms) return unsupported(std::string{what} + name);
        if (std::ranges::find(old, name) == old.end()) old.push_back(name);
        return {};
    }
};

/// A derivation from before PBES2 (RFC 7292, appendix C).
Result<void> check_old_encryption(const X509_ALGOR* algorithm, Policy& policy) {
    constexpr std::array known{NID_pbe_WithSHA1And40BitRC2_CBC,
                               NID_pbe_WithSHA1And128BitRC2_CBC,
                               NID_pbe_WithSHA1And40BitRC4,
                               NID_pbe_WithSHA1And128BitRC4,
                               NID_pbe_WithSHA1And3_Key_TripleDES_CBC,
                               NID_pbe_WithSHA1And2_Key_TripleDES_CBC};
    const auto name = algorithm_name(algorithm);
    if (std::ranges::find(known, nid_of(algorithm)) == known.end())
        return unsupported("encrypted with " + name);
    CHECK(policy.take_old(name, "encrypted with "));
    const PbePtr parameters{
        static_cast<PBEPARAM*>(ASN1_TYPE_unpack_sequence(ASN1_ITEM_rptr(PBEPARAM), algorithm->parameter))};
    if (!parameters) return broken("parameters of " + name);
    const long rounds = ASN1_INTEGER_get(parameters->iter);
    if (rounds < 1 || rounds > most_rounds)
        return unsupported(fmt::format("{} with {} rounds", name, rounds));
    return {};
}

/// PBES2 with PBKDF2 and AES-CBC, not too many rounds; everything else by its name. Looked at before the
/// passphrase is tried, so that an old file is never called a wrong passphrase.
Result<void> check_encryption(const X509_ALGOR* algorithm, Policy& policy) {
    if (nid_of(algorithm) != NID_pbes2) return check_old_encryption(algorithm, policy);
    const Pbe2Ptr scheme{
        static_cast<PBE2PARAM*>(ASN1_TYPE_unpack_sequence(ASN1_ITEM_rptr(PBE2PARAM), algorithm->parameter))};
    if (!scheme) return broken("PBES2 parameters");
    const auto cipher = nid_of(scheme->encryption);
    if (cipher != NID_aes_128_cbc && cipher != NID_aes_192_cbc && cipher != NID_aes_256_cbc)
        return unsupported("encrypted with PBES2 and " + algorithm_name(scheme->encryption));
    if (nid_of(scheme->keyfunc) != NID_id_pbkdf2)
        return unsupported("key derived with " + algorithm_name(scheme->keyfunc));
    const Pbkdf2Ptr derivation{static_cast<PBKDF2PARAM*>(
        ASN1_TYPE_unpack_sequence(ASN1_ITEM_rptr(PBKDF2PARAM), scheme->keyfunc->parameter))};
    if (!derivation) return broken("PBKDF2 parameters");
    const long rounds = ASN1_INTEGER_get(derivation->iter);
    if (rounds < 1 || rounds > most_rounds) return unsupported(fmt::format("PBKDF2 with {} rounds", rounds));
    return {};
}

Result<void> check_mac(const PKCS12* file, Policy& policy) {
    if (PKCS12_mac_present(file) != 1) {
        if (policy.mac == Mac::required) return fail(Fault::STORE_NO_MAC, "no MacData in the file");
        policy.old.emplace_back("no MAC");
        return {};
    }
    const ASN1_INTEGER* rounds = nullptr;
    const X509_ALGOR* digest = nullptr;
    PKCS12_get0_mac(nullptr, &digest, nullptr, &rounds, file);
    const auto nid = nid_of(digest);
    if (nid == NID_sha1 || nid == NID_md5) {
        CHECK(policy.take_old("MAC with " + algorithm_name(digest), ""));
    } else if (nid != NID_sha256 && nid != NID_sha384 && nid != NID_sha512) {
        return unsupported("MAC with " + algorithm_name(digest));
    }
    const long count = rounds != nullptr ? ASN1_INTEGER_get(rounds) : 1;
    if (count < 1 || count > most_rounds) return unsupported(fmt::format("MAC with {} rounds", count));
    return {};
}

Result<void> check_bags(const STACK_OF(PKCS12_SAFEBAG) * bags, Policy& policy) {
    for (int i = 0; i < sk_PKCS12_SAFEBAG_num(bags); ++i) {
        const auto* bag = sk_PKCS12_SAFEBAG_value(bags, i);
        if (PKCS12_SAFEBAG_get_nid(bag) != NID_pkcs8ShroudedKeyBag) continue;
        const X509_ALGOR* algorithm = nullptr;
        X509_SIG_get0(PKCS12_SAFEBAG_get0_pkcs8(bag), &algorithm, nullptr);
        CHECK(check_encryption(algorithm, policy));
    }
    return {};
}

/// What can be said of the file without a passphrase.
Result<void> check_algorithms(const STACK_OF(PKCS7) * safes, Policy& policy) {
    for (int i = 0; i < sk_PKCS7_num(safes); ++i) {
        auto* safe = sk_PKCS7_value(safes, i);
        if (PKCS7_type_is_encrypted(safe) && safe->d.encrypted != nullptr) {
            CHECK(check_encryption(safe->d.encrypted->enc_data->algorithm, policy));
        } else if (PKCS7_type_is_data(safe)) {
            const BagsPtr bags{PKCS12_unpack_p7data(safe)};
            if (!bags) return broken("bags");
            CHECK(check_bags(bags.get(), policy));
        } else {
            return unsupported("content of type " + algorithm_name(safe->type));
        }
    }
    return {};
}

/// What the MAC of a file says about how it was derived, if it is as one of ours.
std::optional<Salt> salt_of(const PKCS12* file) {
    if (PKCS12_mac_present(file) != 1) return std::nullopt;
    const ASN1_OCTET_STRING* salt = nullptr;
    const ASN1_INTEGER* rounds = nullptr;
    const X509_ALGOR* digest = nullptr;
    PKCS12_get0_mac(nullptr, &digest, &salt, &rounds, file);
    const auto octets = view(salt);
    const long count = rounds != nullptr ? ASN1_INTEGER_get(rounds) : 1;
    if (nid_of(digest) != NID_sha256 || octets.size() != salt_octets || count < 2 || count > most_rounds ||
        count % 2 != 0)
        return std::nullopt;
    return Salt{{octets.begin(), octets.end()}, static_cast<unsigned>(count / 2)};
}

bool mac_fits(const PKCS12* file, const STACK_OF(PKCS7) * safes, const StretchedKeys& keys) {
    const ASN1_OCTET_STRING* mac = nullptr;
    PKCS12_get0_mac(&mac, nullptr, nullptr, nullptr, file);
    const auto content = content_of(safes);
    if (!content) return false;
    return std::ranges::equal(authenticate(keys.mac, *content), view(mac));
}

Result<void> verify_mac(PKCS12* file, const Passphrase& passphrase) {
    ERR_clear_error();
    if (PKCS12_verify_mac(file, text_of(passphrase), length_of(passphrase)) == 1) return {};
    // A MAC that does not fit leaves no error behind; one that could not be computed does (a FIPS provider).
    if (ERR_peek_error() != 0) return unsupported("the MAC cannot be computed: " + drain_errors());
    return fail(Fault::STORE_PASSPHRASE, "the MAC of the file does not fit");
}

struct Contents {
    std::vector<PrivateKey> keys;
    std::vector<NamedCertificate> certificates;
};

/// A passphrase and, for a file of ours, the keys it gives there.
struct Opener {
    const Passphrase& passphrase;
    std::optional<StretchedKeys> keys;

    [[nodiscard]] Pkcs8Ptr open(const PKCS12_SAFEBAG* bag) const {
        auto plain = keys ? unshroud(PKCS12_SAFEBAG_get0_pkcs8(bag), *keys) : nullptr;
        if (!plain) plain.reset(PKCS12_decrypt_skey(bag, text_of(passphrase), length_of(passphrase)));
        return plain;
    }
};

Result<void> take_bag(const PKCS12_SAFEBAG* bag, const Opener& opener, Contents& out) {
    switch (PKCS12_SAFEBAG_get_nid(bag)) {
        case NID_pkcs8ShroudedKeyBag: {
            const auto plain = opener.open(bag);
            auto* key = plain ? EVP_PKCS82PKEY(plain.get()) : nullptr;
            if (key == nullptr) return broken("private key");
            out.keys.emplace_back(key);
            return {};
        }
        case NID_certBag: {
            auto* certificate = PKCS12_SAFEBAG_get1_cert(bag);
            if (certificate == nullptr) return broken("certificate");
            char* name = PKCS12_get_friendlyname(const_cast<PKCS12_SAFEBAG*>(bag));
            out.certificates.push_back({name != nullptr ? name : "", Certificate{certificate}});
            OPENSSL_free(name);
            return {};
        }
        default: return {};  // CRLs and the like are of no use here
    }
}

/// That nothing decrypts is all that a wrong passphrase shows where there is no MAC.
tl::unexpected<Error> unreadable(const PKCS12* file, Error error) {
    if (PKCS12_mac_present(file) != 1 && error.fault == Fault::STORE_DAMAGED) {
        error.fault = Fault::STORE_PASSPHRASE;
        error.detail += "; there is no MAC to tell a wrong passphrase from damage";
    }
    return tl::unexpected(std::move(error));
}

Result<Contents> read(ByteView der, const Passphrase& passphrase, Policy& policy) {
    CHECK(check_passphrase(passphrase));
    const unsigned char* at = der.data();
    const Pkcs12Ptr file{d2i_PKCS12(nullptr, &at, static_cast<long>(der.size()))};
    if (!file) return broken("not readable");
    if (at != der.data() + der.size())
        return fail(Fault::STORE_DAMAGED,
                    fmt::format("PKCS#12: {} octets behind its end", der.data() + der.size() - at));
    const SafesPtr safes{PKCS12_unpack_authsafes(file.get())};
    if (!safes) return broken("content");
    CHECK(check_algorithms(safes.get(), policy));
    CHECK(check_mac(file.get(), policy));
    Opener opener{passphrase, {}};
    if (const auto salt = salt_of(file.get())) {
        TRY(keys, passphrase.keys_of(salt->octets, salt->rounds));
        if (mac_fits(file.get(), safes.get(), keys)) opener.keys = std::move(keys);
    }
    if (PKCS12_mac_present(file.get()) == 1 && !opener.keys) CHECK(verify_mac(file.get(), passphrase));

    Contents out;
    for (int i = 0; i < sk_PKCS7_num(safes.get()); ++i) {
        auto* safe = sk_PKCS7_value(safes.get(), i);
        const BagsPtr bags{PKCS7_type_is_data(safe)
                               ? PKCS12_unpack_p7data(safe)
                               : PKCS12_unpack_p7encdata(safe, text_of(passphrase), length_of(passphrase))};
        if (!bags) return unreadable(file.get(), broken("bags").value());
        CHECK(check_bags(bags.get(), policy));
        for (int j = 0; j < sk_PKCS12_SAFEBAG_num(bags.get()); ++j)
            if (auto taken = take_bag(sk_PKCS12_SAFEBAG_value(bags.get(), j), opener, out); !taken)
                return unreadable(file.get(), std::move(taken).error());
    }
    return out;
}

}  // namespace

Result<Bytes> seal(const Identity& identity, const Passphrase& passphrase, std::string_view name) {
    CHECK(check_passphrase(passphrase));
    TRY(keys, passphrase.keys());
    const BagsPtr bags{sk_PKCS12_SAFEBAG_new_null()};
    TRY(key, key_bag(identity.key, *keys));
    CHECK(mark(key, name, identity.certificate));
    push(bags, std::move(key));

    const BagsPtr certificates{sk_PKCS12_SAFEBAG_new_null()};
    BagPtr certificate{PKCS12_SAFEBAG_create_cert(identity.certificate.raw())};
    if (!certificate) return internal("certificate");
    CHECK(mark(certificate, name, identity.certificate));
    push(certificates, std::move(certificate));

    // The certificate is no secret: in clear, under the MAC, it costs no derivation at each start.
    std::vector<Pkcs7Ptr> parts;
    for (const auto* each : {&certificates, &bags}) {
        parts.emplace_back(PKCS12_pack_p7data(each->get()));
        if (!parts.back()) return internal("content");
    }
    return finish(std::move(parts), *keys);
}

Result<Bytes> seal_key(const PrivateKey& key, const Passphrase& passphrase) {
    CHECK(check_passphrase(passphrase));
    TRY(keys, passphrase.keys());
    const BagsPtr bags{sk_PKCS12_SAFEBAG_new_null()};
    TRY(bag, key_bag(key, *keys));
    push(bags, std::move(bag));
    std::vector<Pkcs7Ptr> parts;
    parts.emplace_back(PKCS12_pack_p7data(bags.get()));
    if (!parts.back()) return internal("key");
    return finish(std::move(parts), *keys);
}

Result<Bytes> seal_certificates(const std::vector<NamedCertificate>& certificates,
                                const Passphrase& passphrase) {
    CHECK(check_passphrase(passphrase));
    const BagsPtr bags{sk_PKCS12_SAFEBAG_new_null()};
    for (const auto& each : certificates) {
        BagPtr bag{PKCS12_SAFEBAG_create_cert(each.certificate.raw())};
        if (!bag) return internal("certificate");
        CHECK(mark(bag, each.name, each.certificate));
        CHECK(mark_trusted(bag));
        push(bags, std::move(bag));
    }
    std::vector<Pkcs7Ptr> parts;
    TRY(keys, passphrase.keys());
    TRY(hidden, encrypted_safe(bags, passphrase, keys->rounds));
    parts.push_back(std::move(hidden));
    return finish(std::move(parts), *keys);
}

namespace {

/// The key and its certificate, wherever that stands: a pair that does not belong together is never given
/// out.
Result<Identity> pair_in(Contents contents) {
    if (contents.keys.empty()) return fail(Fault::STORE_MISSING, "the PKCS#12 file holds no private key");
    for (auto& each : contents.certificates) {
        const auto key = each.certificate.public_key();
        if (key && contents.keys.front().pairs_with(*key))
            return Identity{std::move(contents.keys.front()), std::move(each.certificate)};
    }
    return fail(Fault::STORE_MISSING, "the PKCS#12 file holds no certificate of its private key");
}

/// OpenSSL's module for old algorithms, loaded as long as this lives.
using Legacy = std::unique_ptr<OSSL_PROVIDER, Freed<OSSL_PROVIDER_unload>>;

}  // namespace

Result<Identity> open(ByteView der, const Passphrase& passphrase) {
    Policy policy;
    TRY(contents, read(der, passphrase, policy));
    return pair_in(std::move(contents));
}

Result<OldPair> open_old(ByteView der, const Passphrase& passphrase, Mac mac) {
    const Legacy legacy{OSSL_PROVIDER_try_load(nullptr, "legacy", 1)};
    drain_errors();
    Policy policy{.old_algorithms = true, .mac = mac, .old = {}};
    auto contents = read(der, passphrase, policy);
    if (!contents) {
        const bool undecided = contents.error().fault == Fault::STORE_DAMAGED ||
                               contents.error().fault == Fault::STORE_PASSPHRASE;
        if (legacy || policy.old.empty() || !undecided) return tl::unexpected(std::move(contents).error());
        return fail(Fault::STORE_ALGORITHM,
                    fmt::format("old algorithm {}, and OpenSSL's module \"legacy\" for it is not installed",
                                fmt::join(policy.old, ", ")));
    }
    TRY(pair, pair_in(*std::move(contents)));
    return OldPair{std::move(pair), std::move(policy.old)};
}

Result<PrivateKey> open_key(ByteView der, const Passphrase& passphrase) {
    Policy policy;
    TRY(contents, read(der, passphrase, policy));
    if (contents.keys.empty()) return fail(Fault::STORE_MISSING, "the PKCS#12 file holds no private key");
    return std::move(contents.keys.front());
}

Result<std::vector<NamedCertificate>> open_certificates(ByteView der, const Passphrase& passphrase) {
    Policy policy;
    TRY(contents, read(der, passphrase, policy));
    return std::move(contents.certificates);
}

std::optional<Salt> salt_of(ByteView der) {
    const unsigned char* at = der.data();
    const Pkcs12Ptr file{d2i_PKCS12(nullptr, &at, static_cast<long>(der.size()))};
    drain_errors();
    return file ? salt_of(file.get()) : std::nullopt;
}

}  // namespace tserver::crypto
