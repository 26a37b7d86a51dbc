// Which key pair CAPF asks for, and which of them we take.
// Source: doc/protocols/capf.md, section 5.
#pragma once

#include <optional>
#include <string>
#include <variant>

#include "crypto/key.hpp"

namespace tserver::capf {

struct Rsa {
    unsigned bits;
    bool operator==(const Rsa&) const = default;
};

using KeySpec = std::variant<Rsa, crypto::Curve>;

/// "RSA-2048", "EC-384"
std::string text(const KeySpec& spec);

/// What a key is; nothing for a kind that CAPF never asks for.
std::optional<KeySpec> spec_of(const crypto::PublicKey& key);

/// What the operator allows.
struct KeyPolicy {
    unsigned minimum_bits = 2048;  ///< of RSA: 2048, or 1024 with the legacy profile
    bool elliptic = false;         ///< protocol version 3 was agreed
};

/// @return CAPF_KEY_SIZE (detail names what was asked and what is allowed), CAPF_EC_ONLY
Result<void> permit(const KeySpec& spec, const KeyPolicy& policy);

}  // namespace tserver::capf
