// What OpenSSL does when there is no memory left.
#pragma once

namespace tserver::crypto {

/// From now on a failed allocation inside OpenSSL is one of operator new: the new-handler is called, and as
/// long as there is none the call fails. A library that goes on with a part of what it needs says of a good
/// certificate that it cannot be read, and leaves errors behind that a later call takes for its own.
/// To be called first in main(), before OpenSSL has allocated anything.  @return false when it was too late
bool fail_as_new_does() noexcept;

}  // namespace tserver::crypto
