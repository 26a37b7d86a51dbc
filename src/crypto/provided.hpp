// What this installation of OpenSSL has to offer.
#pragma once

#include "base/result.hpp"

namespace tserver::crypto {

/// Whether OpenSSL gives us what store, trust list and keys are made with: a provider or a policy (FIPS mode)
/// may have taken it away, and nothing that is read then means what it says.
/// @return STORE_ALGORITHM (detail: all that is missing)
Result<void> check_provided();

}  // namespace tserver::crypto
