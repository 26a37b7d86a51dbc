// An EC key and a self-signed certificate for it: enough of an identity for a store.
#pragma once

#include <string>

#include "crypto/certificate.hpp"
#include "crypto/openssl.hpp"

namespace tserver::testing_support {

inline crypto::Identity sample_identity(const std::string& common_name) {
    auto key = crypto::PrivateKey::make_ec(crypto::Curve::p256);
    crypto::CertPtr certificate{X509_new()};
    X509_set_version(certificate.get(), 2);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate.get()), 7);
    auto* name = X509_get_subject_name(certificate.get());
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8,
                               reinterpret_cast<const unsigned char*>(common_name.c_str()), -1, -1, 0);
    X509_set_issuer_name(certificate.get(), name);
    X509_gmtime_adj(X509_getm_notBefore(certificate.get()), 0);
    X509_gmtime_adj(X509_getm_notAfter(certificate.get()), 86'400);
    X509_set_pubkey(certificate.get(), key->raw());
    X509_sign(certificate.get(), key->raw(), EVP_sha256());
    return {*std::move(key), crypto::Certificate{certificate.release()}};
}

}  // namespace tserver::testing_support
