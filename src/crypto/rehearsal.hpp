// A TLS handshake with ourselves, in memory: whatever OpenSSL does for one it has done then (F81).
#pragma once

#include "crypto/tls_context.hpp"

namespace tserver::crypto {

/// Prepared where nothing is forbidden yet, played where it is: what fails then is not for want of OpenSSL.
class Rehearsal {
public:
    /// @return INTERNAL: this OpenSSL has not what the handshake is made of
    static Result<Rehearsal> prepare(TlsProfile profile);

    /// A millisecond. @return INTERNAL, with what OpenSSL has to say
    [[nodiscard]] Result<void> play() const;

private:
    explicit Rehearsal(TlsContext ends) : ends_{std::move(ends)} {}
    TlsContext ends_;
};

}  // namespace tserver::crypto
