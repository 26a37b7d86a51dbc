// Which key pair CAPF asks for, and which of them we make.
// Source: doc/protocols/capf.md, section 5.
#pragma once

#include <optional>
#include <string>
#include <variant>

#include "crypto/key.hpp"
#include "net/task.hpp"

namespace tserver::net {
class Loop;
}

namespace tserver::capf {

using net::Task;

struct Rsa {
    unsigned bits;
    bool operator==(const Rsa&) const = default;
};

using KeySpec = std::variant<Rsa, crypto::Curve>;

/// "RSA-2048", "EC-384"
std::string text(const KeySpec& spec);

/// What a key is; nothing for a kind that CAPF never asks for.
std::optional<KeySpec> spec_of(const crypto::PublicKey& key);

/// Makes the pair on a thread of its own: seconds for a large RSA key.  @return INTERNAL
Task<Result<crypto::PrivateKey>> make_key(net::Loop& loop, KeySpec spec);

/// What the operator allows.
struct KeyPolicy {
    unsigned minimum_bits = 2048;  ///< of RSA: 2048, or 1024 with the legacy profile
    bool elliptic = false;         ///< protocol version 3 was agreed
};

/// @return CAPF_KEY_SIZE (detail names what was asked and what is allowed), CAPF_EC_ONLY
Result<void> permit(const KeySpec& spec, const KeyPolicy& policy);

}  // namespace tserver::capf
