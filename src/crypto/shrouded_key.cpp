#include "crypto/shrouded_key.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "crypto/digest.hpp"

namespace tserver::crypto {
namespace {

constexpr std::size_t block = 16;

using AlgorithmPtr = std::unique_ptr<X509_ALGOR, Freed<X509_ALGOR_free>>;
using CipherCtxPtr = std::unique_ptr<EVP_CIPHER_CTX, Freed<EVP_CIPHER_CTX_free>>;

enum class Way : std::uint8_t { decrypt, encrypt };

const unsigned char* octets_of(const Secret& secret) {
    return reinterpret_cast<const unsigned char*>(secret.reveal().data());
}

/// Nothing when the padding does not fit.
std::optional<Secret> run(Way way, const StretchedKeys& keys, ByteView iv, ByteView input) {
    const CipherCtxPtr context{EVP_CIPHER_CTX_new()};
    Bytes out(input.size() + block);
    int length = 0;
    int rest = 0;
    const bool done = context && iv.size() == block &&
                      EVP_CipherInit_ex(context.get(), EVP_aes_256_cbc(), nullptr, octets_of(keys.cipher),
                                        iv.data(), way == Way::encrypt ? 1 : 0) == 1 &&
                      EVP_CipherUpdate(context.get(), out.data(), &length, input.data(),
                                       static_cast<int>(input.size())) == 1 &&
                      EVP_CipherFinal_ex(context.get(), out.data() + length, &rest) == 1;
    std::optional<Secret> result;
    const auto written = static_cast<std::size_t>(length) + static_cast<std::size_t>(rest);
    if (done) result.emplace(as_text(ByteView{out}.first(written)));
    wipe(out);
    return result;
}

template <class Pointer>
Pointer parameters(const X509_ALGOR* algorithm, const ASN1_ITEM* item) {
    return Pointer{
        static_cast<typename Pointer::pointer>(ASN1_TYPE_unpack_sequence(item, algorithm->parameter))};
}

bool derived_like(const X509_ALGOR* derivation, const StretchedKeys& keys) {
    if (nid_of(derivation) != NID_id_pbkdf2) return false;
    const auto with = parameters<Pbkdf2Ptr>(derivation, ASN1_ITEM_rptr(PBKDF2PARAM));
    return with && with->prf != nullptr && nid_of(with->prf) == NID_hmacWithSHA256 &&
           with->salt->type == V_ASN1_OCTET_STRING &&
           std::ranges::equal(view(with->salt->value.octet_string), keys.salt) &&
           ASN1_INTEGER_get(with->iter) == static_cast<long>(keys.rounds) &&
           (with->keylength == nullptr || ASN1_INTEGER_get(with->keylength) == 32);
}

/// The initialization vector, when the algorithm is the one above under these keys.
std::optional<Bytes> vector_of(const X509_ALGOR* algorithm, const StretchedKeys& keys) {
    if (nid_of(algorithm) != NID_pbes2) return std::nullopt;
    const auto scheme = parameters<Pbe2Ptr>(algorithm, ASN1_ITEM_rptr(PBE2PARAM));
    if (!scheme || nid_of(scheme->encryption) != NID_aes_256_cbc || !derived_like(scheme->keyfunc, keys))
        return std::nullopt;
    const auto* parameter = scheme->encryption->parameter;
    if (parameter == nullptr || parameter->type != V_ASN1_OCTET_STRING) return std::nullopt;
    const auto iv = view(parameter->value.octet_string);
    return Bytes{iv.begin(), iv.end()};
}

tl::unexpected<Error> internal() { return fail(Fault::INTERNAL, "PKCS#12: key: " + drain_errors()); }

}  // namespace

int nid_of(const X509_ALGOR* algorithm) {
    const ASN1_OBJECT* object = nullptr;
    X509_ALGOR_get0(&object, nullptr, nullptr, algorithm);
    return OBJ_obj2nid(object);
}

ByteView view(const ASN1_STRING* string) {
    return {ASN1_STRING_get0_data(string), static_cast<std::size_t>(ASN1_STRING_length(string))};
}

Result<ShroudedPtr> shroud(const PKCS8_PRIV_KEY_INFO* plain, const StretchedKeys& keys) {
    unsigned char* der = nullptr;
    const int length = i2d_PKCS8_PRIV_KEY_INFO(plain, &der);
    if (length <= 0) return internal();
    auto iv = random_octets(block);
    const auto hidden = run(Way::encrypt, keys, iv, {der, static_cast<std::size_t>(length)});
    OPENSSL_clear_free(der, static_cast<std::size_t>(length));

    auto salt = keys.salt;
    const AlgorithmPtr algorithm{PKCS5_pbe2_set_iv(EVP_aes_256_cbc(), static_cast<int>(keys.rounds),
                                                   salt.data(), static_cast<int>(salt.size()), iv.data(),
                                                   NID_hmacWithSHA256)};
    ShroudedPtr out{X509_SIG_new()};
    if (!hidden || !algorithm || !out) return internal();
    X509_ALGOR* to = nullptr;
    ASN1_OCTET_STRING* content = nullptr;
    X509_SIG_getm(out.get(), &to, &content);
    if (X509_ALGOR_copy(to, algorithm.get()) != 1 ||
        ASN1_OCTET_STRING_set(content, octets_of(*hidden), static_cast<int>(hidden->reveal().size())) != 1)
        return internal();
    return out;
}

Pkcs8Ptr unshroud(const X509_SIG* shrouded, const StretchedKeys& keys) {
    const X509_ALGOR* algorithm = nullptr;
    const ASN1_OCTET_STRING* content = nullptr;
    X509_SIG_get0(shrouded, &algorithm, &content);
    const auto iv = vector_of(algorithm, keys);
    const auto plain = iv ? run(Way::decrypt, keys, *iv, view(content)) : std::nullopt;
    const unsigned char* at = plain ? octets_of(*plain) : nullptr;
    Pkcs8Ptr out{plain ? d2i_PKCS8_PRIV_KEY_INFO(nullptr, &at, static_cast<long>(plain->reveal().size()))
                       : nullptr};
    drain_errors();
    return out;
}

}  // namespace tserver::crypto
