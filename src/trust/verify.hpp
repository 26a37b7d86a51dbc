// The signature of a trust list (doc/protocols/ctl.md, section 7).
#pragma once

#include "trust/list.hpp"

namespace tserver::trust {

/// Which SAST record of the trusted list opened the signature, and how it was made.
struct Verified {
    std::size_t record;  ///< Record::index in the trusted list
    std::string signer;  ///< subject of its certificate
    std::string signer_sha256;
    crypto::Digest digest;
    unsigned key_bits;
    Instant signer_not_after;
};

/// @param trusted  the held list; or the list itself, which shows that it is whole and proves nothing more.
/// @return CTL_SIG_UNTRUSTED: no SAST record of `trusted` has the signer's serial. CTL_SIG_INVALID: there is
///         one, and the signature is not of this file by its key. CTL_SIG_ALGO: a digest, a digest code or
///         a key that we do not take. The trust is in the key: names are never compared.
Result<Verified> verify(const List& list, const List& trusted);

}  // namespace tserver::trust
