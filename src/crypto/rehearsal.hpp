// A TLS handshake with ourselves, in memory: whatever OpenSSL does for one it has done then (F81).
#pragma once

#include "crypto/tls_context.hpp"

namespace tserver::crypto {

/// Milliseconds. @return INTERNAL, with what OpenSSL has to say
Result<void> rehearse_handshake(TlsProfile profile);

}  // namespace tserver::crypto
