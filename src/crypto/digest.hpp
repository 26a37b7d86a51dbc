// Digests, by the names a trust list and an operator use.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/bytes.hpp"

namespace tserver::crypto {

enum class Digest : std::uint8_t { md5, sha1, sha256, sha384, sha512 };

std::string_view name(Digest digest) noexcept;  ///< "SHA-256"
Bytes digest_of(Digest digest, ByteView bytes);
/// The digest of the two parts, one behind the other, without joining them.
Bytes digest_of(Digest digest, ByteView first, ByteView second);

/// PBKDF2 with HMAC-SHA-256 (RFC 8018), 32 octets.
Bytes stretch(ByteView secret, ByteView salt, unsigned rounds);
Bytes random_octets(std::size_t count);

}  // namespace tserver::crypto
