// links: crypto
// Property: what is read as a certificate is the same certificate when its octets or its PEM text are read
// again, says the same of itself every time, in words that can be printed, and leaves no error behind. An
// input that begins with a dash is PEM, any other DER.
#include <openssl/err.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>

#include "base/text.hpp"
#include "crypto/certificate.hpp"
#include "crypto/digest.hpp"

using namespace tserver;

namespace {

void require(bool held) {
    if (!held) std::abort();
}

bool printable(std::string_view text) {
    return !invalid_utf8_at(text) && std::ranges::none_of(text, [](char c) {
        return static_cast<unsigned char>(c) < 0x20 || c == 0x7F;
    });
}

/// All that trust, peer check and status pages ask of a certificate.
void check_words(const crypto::Certificate& certificate) {
    require(printable(certificate.subject()) && printable(certificate.issuer()));
    require(printable(certificate.signature_algorithm()));
    require(certificate.sha256() == hex(crypto::digest_of(crypto::Digest::sha256, certificate.der())));
    require(certificate.sha1().size() == 40);
    const auto magnitude = certificate.serial_octets();
    require(magnitude.empty() || magnitude.front() != 0);
    const auto serial = certificate.serial();
    const auto digits = std::string_view{serial}.substr(serial.starts_with('-') ? 1 : 0);
    require(digits == (magnitude.empty() ? std::string{"00"} : hex(magnitude)));
}

void check_key(const crypto::Certificate& certificate, const crypto::Certificate& again) {
    const auto key = certificate.public_key();
    const auto key_again = again.public_key();
    require(key.has_value() == key_again.has_value());
    if (!key) {
        require(key.error().fault == Fault::DECODE && !key.error().detail.empty());
        return;
    }
    require(key->spki() == key_again->spki() && key->bits() == key_again->bits());
    require(!(key->is_rsa() && key->is_ec()));
}

void check(const crypto::Certificate& certificate) {
    const auto again = crypto::Certificate::from_der(certificate.der());
    require(again && *again == certificate);
    require(again->subject() == certificate.subject() && again->serial() == certificate.serial());
    require(again->not_before() == certificate.not_before() && again->not_after() == certificate.not_after());
    require(again->issuer_der() == certificate.issuer_der());
    check_words(certificate);
    check_key(certificate, *again);
    require(again->allows_client_auth() == certificate.allows_client_auth());
    require(again->issued_by(certificate) == certificate.issued_by(*again));
    const auto from_text = crypto::Certificate::from_pem(certificate.pem());
    require(from_text && *from_text == certificate);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const ByteView input{data, size};
    const bool pem = size > 0 && data[0] == '-';
    const auto certificate =
        pem ? crypto::Certificate::from_pem(as_text(input)) : crypto::Certificate::from_der(input);
    if (certificate) {
        check(*certificate);
    } else {
        require(certificate.error().fault == Fault::DECODE && !certificate.error().detail.empty());
    }
    require(ERR_peek_error() == 0);
    return 0;
}
