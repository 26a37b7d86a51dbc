#include "trust/decide.hpp"

#include <fmt/format.h>

#include "trust/roles.hpp"

namespace tserver::trust {
namespace {

tl::unexpected<Error> pin_mismatch(const Pin& pin, const List& list, const Verified& by_itself) {
    return fail(Fault::CTL_PIN_MISMATCH,
                fmt::format("pinned {}; the list is signed by {} SHA-256 {}, the file has SHA-256 {}",
                            pin.str(), by_itself.signer, by_itself.signer_sha256, list.sha256()));
}

/// Section 8.1. The signature by a record of the list itself shows only that the file is whole.
Result<Decision> first_use(const List& fetched, const std::optional<Pin>& pin, Instant now) {
    TRY(verified, verify(fetched, fetched));
    if (pin && !pin->fits(fetched, verified)) return pin_mismatch(*pin, fetched, verified);
    if (auto none = no_servers(fetched)) return tl::unexpected<Error>(*std::move(none));
    auto warnings = remarks(fetched, verified, nullptr, now);
    return Decision{FirstUse{std::move(verified)}, pin.has_value(), std::move(warnings)};
}

/// Does the pin vouch for this list, which nobody has confirmed? Only for a whole one.
bool vouches(const Pin& pin, const List& list) {
    const auto by_itself = verify(list, list);
    return by_itself && pin.fits(list, *by_itself);
}

/// A refusal by the held list says less than it could: was the file changed, or is it another signer's?
Error explained(Error refusal, const List& fetched) {
    if (const auto by_itself = verify(fetched, fetched))
        refusal.detail +=
            fmt::format("; the file is whole: signed by its own record {}, SHA-256 of that signer {}",
                        by_itself->record, by_itself->signer_sha256);
    return refusal;
}

/// Section 8.2.
Result<Decision> renewal(const Held& held, const List& fetched, bool confirmed, Instant now) {
    auto verified = verify(fetched, *held.list);
    if (!verified) return tl::unexpected<Error>(explained(std::move(verified).error(), fetched));
    auto warnings = remarks(fetched, *verified, held.list, now);
    return Decision{Renewed{*std::move(verified), difference(*held.list, fetched)}, confirmed,
                    std::move(warnings)};
}

/// Section 8.3: the held list was taken on first use, nobody has confirmed it, and now there is a pin.
Result<Decision> settle_by_pin(const Held& held, const List& fetched, const Pin& pin, Instant now) {
    const bool same = *held.list == fetched;
    const bool new_fits = vouches(pin, fetched);
    if (same && new_fits) return Decision{Unchanged{}, true, {}};
    const bool held_fits = !same && vouches(pin, *held.list);
    if (new_fits || held_fits) {
        if (auto renewed = renewal(held, fetched, true, now); renewed || !new_fits) return renewed;
        // The pin speaks for the new list, and nothing speaks for the held one.
        TRY(decision, first_use(fetched, pin, now));
        decision.warnings.emplace_back(
            "replaces an unconfirmed list whose signers did not sign it: the pin vouches");
        return decision;
    }
    TRY(by_itself, verify(fetched, fetched));
    return pin_mismatch(pin, fetched, by_itself);
}

}  // namespace

Result<Pin> Pin::parse(std::string_view text) {
    const auto octets = from_hex(text);
    return of(octets ? ByteView{*octets} : ByteView{});
}

Result<Pin> Pin::of(ByteView sha256) {
    if (sha256.size() != 32)
        return fail(Fault::CONFIG_VALUE,
                    "a fingerprint is the SHA-256 of a certificate or file: 64 hex digits");
    return Pin{hex(sha256)};
}

bool Pin::fits(const List& list, const Verified& by_itself) const {
    return hex_ == by_itself.signer_sha256 || hex_ == list.sha256();
}

std::vector<std::string> remarks(const List& list, const Verified& verified, const List* held, Instant now) {
    std::vector<std::string> out;
    if (verified.digest == crypto::Digest::sha1) out.emplace_back("the list is signed with SHA-1");
    if (verified.key_bits < 2048)
        out.push_back(fmt::format("the signer's key is only RSA-{}", verified.key_bits));
    if (verified.signer_not_after < now)
        out.push_back(
            fmt::format("the signer's certificate expired at {}", rfc3339(verified.signer_not_after)));
    const auto before = held != nullptr ? held->header.timestamp : std::nullopt;
    const auto& signed_at = list.header.timestamp;
    if (before && signed_at && *signed_at < *before)
        out.push_back(fmt::format("the list was signed at {}, before the held one ({})", rfc3339(*signed_at),
                                  rfc3339(*before)));
    if (const auto none = no_servers(list))
        out.push_back(fmt::format("{}: {}", id(none->fault), none->detail));
    return out;
}

Result<Decision> decide(const std::optional<Held>& held, const List& fetched, const std::optional<Pin>& pin,
                        Instant now) {
    if (!held) return first_use(fetched, pin, now);
    if (pin && !held->confirmed) return settle_by_pin(*held, fetched, *pin, now);
    if (*held->list == fetched) return Decision{Unchanged{}, held->confirmed, {}};
    return renewal(*held, fetched, held->confirmed, now);
}

}  // namespace tserver::trust
