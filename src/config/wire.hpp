// A link's configuration as octets, for the inherited socket between tserver and tserver-link: the only way a
// secret takes from one to the other. Shape (big-endian): version u8 = 1, number u16, name u16+octets, then
// for each option that is set: name u16+octets, value u32+octets; and so for the keys made of the passphrase,
// under a name that no option has. Reading goes through the options table again.
#pragma once

#include "base/bytes.hpp"
#include "base/result.hpp"
#include "base/secret.hpp"
#include "config/link_config.hpp"

namespace tserver::config {

/// Octets in a Secret, since they hold the passphrase and the code: wiped when it goes.
Secret encode(const LinkConfig& link);

/// Copies what it needs; the caller wipes the buffer (wipe() in base/secret.hpp).
/// @return CONTROL_PROTOCOL for a shape that encode() does not make, CONFIG_VALUE for a value the table
/// refuses
Result<LinkConfig> decode(ByteView octets);

}  // namespace tserver::config
