// What speaks at a port, by the first octets that come from it, when TLS was expected.
#pragma once

#include <optional>
#include <string>

#include "base/bytes.hpp"

namespace tserver::net {

/// "an HTTP server answers: HTTP/1.1 400 Bad Request"; nothing when the octets may begin a TLS answer.
/// @param first  what came first, at least one octet; 64 are enough
std::optional<std::string> other_protocol(ByteView first);

/// Whether the octets begin a TLS record (RFC 8446, section 5.1).
bool begins_tls(ByteView first) noexcept;

/// Whether the octets begin with the record of one alert, as a TLS server answers to what is no TLS.
bool is_tls_alert(ByteView first) noexcept;

}  // namespace tserver::net
