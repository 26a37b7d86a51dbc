// links: capf
// What is read can be written again octet for octet, however it comes in pieces; what single messages say
// is either understood or refused by name. Octet 0 chooses the size of the pieces.
#include <algorithm>
#include <cstdlib>

#include "capf/codec.hpp"

namespace {

using namespace tserver;

void require(bool condition) {
    if (!condition) std::abort();
}

/// Only what the operator allows, and only kinds that can be made.
void check_permitted(const capf::KeySpec& spec) {
    require(!capf::text(spec).empty());
    for (const unsigned minimum : {1024U, 2048U}) {
        for (const bool elliptic : {false, true}) {
            const auto permitted = capf::permit(spec, {minimum, elliptic});
            const auto* rsa = std::get_if<capf::Rsa>(&spec);
            if (rsa == nullptr) {
                require(permitted.has_value() == elliptic);
            } else if (permitted) {
                require(rsa->bits >= minimum && rsa->bits <= 4096 && rsa->bits % 1024 == 0);
            } else {
                require(permitted.error().fault == Fault::CAPF_KEY_SIZE);
            }
        }
    }
}

void check_key(const crypto::Certificate& certificate) {
    const auto key = certificate.public_key();
    if (!key) return;
    const auto spec = capf::spec_of(*key);
    require(spec || !key->is_rsa());
    if (spec) require(capf::text(*spec) == key->text());
}

void look_at(const capf::Message& message) {
    if (const auto spec = capf::key_spec_of(message)) check_permitted(*spec);
    const auto issued = capf::certificate_of(message);
    // Not the octets that came: OpenSSL also reads forms of a certificate that DER does not allow.
    if (issued) {
        const auto again = crypto::Certificate::from_der(issued->der());
        require(again.has_value() && *again == *issued);
        check_key(*issued);
    } else {
        require(issued.error().fault == Fault::ISSUED_CERT_WRONG);
    }
    require(!capf::reason_text(message).empty());
    static_cast<void>(capf::version_of(message));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) return 0;
    const std::size_t piece = data[0] == 0 ? size : data[0];
    const ByteView all{data + 1, size - 1};
    if (const auto one = capf::decode(all)) {
        require(capf::encode(*one) == to_bytes(all));
    } else {
        require(one.error().fault == Fault::CAPF_PROTOCOL && !one.error().detail.empty());
    }

    capf::Assembler assembler;
    std::size_t read = 0;
    for (std::size_t at = 0; at < all.size(); at += piece) {
        assembler.add(all.subspan(at, std::min(piece, all.size() - at)));
        for (;;) {
            const auto next = assembler.next();
            if (!next) {
                require(next.error().fault == Fault::CAPF_PROTOCOL && !next.error().detail.empty());
                return 0;
            }
            if (!*next) break;
            const auto again = capf::encode(**next);
            require(all.size() - read >= again.size());
            require(to_bytes(all.subspan(read, again.size())) == again);
            require(capf::decode(again) == **next);
            read += again.size();
            look_at(**next);
        }
    }
    require(assembler.remainder().empty() == (read == all.size()));
    return 0;
}
