// OpenSSL objects: owned the moment they exist, freed by type. The error queue is emptied where the call
// failed.
#pragma once

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/pkcs12.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <memory>
#include <string>

namespace tserver::crypto {

template <auto release>
struct Freed {
    template <class T>
    void operator()(T* p) const noexcept {
        release(p);
    }
};
using PkeyPtr = std::unique_ptr<EVP_PKEY, Freed<EVP_PKEY_free>>;
using PkeyCtxPtr = std::unique_ptr<EVP_PKEY_CTX, Freed<EVP_PKEY_CTX_free>>;
using CertPtr = std::unique_ptr<X509, Freed<X509_free>>;
using Pkcs12Ptr = std::unique_ptr<PKCS12, Freed<PKCS12_free>>;
using BioPtr = std::unique_ptr<BIO, Freed<BIO_free_all>>;
using BnPtr = std::unique_ptr<BIGNUM, Freed<BN_free>>;
using MdCtxPtr = std::unique_ptr<EVP_MD_CTX, Freed<EVP_MD_CTX_free>>;
using CipherPtr = std::unique_ptr<EVP_CIPHER, Freed<EVP_CIPHER_free>>;
using KdfPtr = std::unique_ptr<EVP_KDF, Freed<EVP_KDF_free>>;
using SslCtxPtr = std::unique_ptr<SSL_CTX, Freed<SSL_CTX_free>>;
using SslPtr = std::unique_ptr<SSL, Freed<SSL_free>>;

enum class KeyMemory : std::uint8_t {
    locked,    ///< private numbers are never written to swap, and left out of dumps
    unlocked,  ///< the same memory, but the limit for locked memory (RLIMIT_MEMLOCK) is too small
    ordinary,
};
/// Gives OpenSSL 64 KiB of guarded memory for private numbers. Once, before the first key, and before there
/// are threads.
KeyMemory lock_key_memory();

/// What OpenSSL has to say about the call that just failed; the queue is empty afterwards.
std::string drain_errors();

}  // namespace tserver::crypto
