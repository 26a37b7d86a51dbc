// The rule of first use and of later lists, without any I/O (doc/protocols/ctl.md, section 8).
#pragma once

#include <array>
#include <variant>

#include "trust/diff.hpp"
#include "trust/verify.hpp"

namespace tserver::trust {

/// Fingerprint of the first list (option tls-ctl-fingerprint): the SHA-256 of the signer's certificate, or
/// the SHA-256 of the whole file. Either is taken: a wrong kind cannot match by accident.
class Pin {
public:
    /// @param text  64 hex digits, upper or lower case, pairs apart by ':' or blank if at all.
    /// @return CONFIG_VALUE
    static Result<Pin> parse(std::string_view text);
    /// @param sha256  32 octets.  @return CONFIG_VALUE
    static Result<Pin> of(ByteView sha256);

    [[nodiscard]] bool fits(const List& list, const Verified& by_itself) const;
    [[nodiscard]] const std::string& str() const noexcept { return hex_; }  ///< lower-case hex

private:
    explicit Pin(std::string hex) : hex_{std::move(hex)} {}
    std::string hex_;
};

/// The list in the store, and whether an operator or a pin has vouched for it (or for one that led to it).
struct Held {
    const List* list;
    bool confirmed;
};

struct Unchanged {};  ///< byte for byte the held one
struct FirstUse {
    Verified verified;  ///< by a SAST record of its own
};
struct Renewed {
    Verified verified;  ///< by a SAST record of the held list
    Diff diff;
};

struct Decision {
    std::variant<Unchanged, FirstUse, Renewed> what;
    bool confirmed;                     ///< false: show it as `first use, unverified`
    std::vector<std::string> warnings;  ///< of this list in this place, ready for the log
};

/// What an operator should know about an accepted list, and what does not refuse it: a weak signature, an
/// expired signer, no server certificate, and, if there is a held list, a time of signing before its own.
std::vector<std::string> remarks(const List& list, const Verified& verified, const List* held, Instant now);

/// The held list, if there is one, stays on any error.
/// @param held     nothing: first use.
/// @param fetched  taken up (or unchanged) if a value comes back.
/// @param pin      looked at until the held list is confirmed, not afterwards: signers change lawfully.
/// @return CTL_SIG_UNTRUSTED, CTL_SIG_INVALID, CTL_SIG_ALGO, CTL_PIN_MISMATCH; CTL_NO_SERVER_CERTS for a
///         first list that names no server (a later one is taken up with a warning: see trust::no_servers).
Result<Decision> decide(const std::optional<Held>& held, const List& fetched, const std::optional<Pin>& pin,
                        Instant now);

}  // namespace tserver::trust
