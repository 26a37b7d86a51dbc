// What this installation of OpenSSL has to offer.
#pragma once

#include <string>

#include "base/result.hpp"

namespace tserver::crypto {

/// Whether OpenSSL gives us what store, trust list and keys are made with: a provider or a policy (FIPS mode)
/// may have taken it away, and nothing that is read then means what it says.
/// @return STORE_ALGORITHM (detail: all that is missing)
Result<void> check_provided();

/// Makes OpenSSL read its settings now: providers and policy. Later a sandbox may keep it from the file, and
/// it would go on without a word.
void load_settings();

/// Where these settings come from, and what is wrong with that: "/etc/ssl/openssl.cnf",
/// "/x/openssl.cnf, which is ignored from line 3 on".
std::string settings_text();

}  // namespace tserver::crypto
