// TLS contexts by named profile. What each profile allows stands here and nowhere else.
#pragma once

#include <array>
#include <memory>
#include <string>
#include <vector>

#include "base/tls_profile.hpp"
#include "crypto/certificate.hpp"

struct ssl_ctx_st;

namespace tserver::crypto {

struct TlsContextFree {
    void operator()(ssl_ctx_st* context) const noexcept;
};

/// Lives as long as the process needs one profile with one identity; a changed identity or trust list makes a
/// new one, so no session or ticket outlives either (resumption is off).
class TlsContext {
public:
    /// @param identity  offered whenever the server asks, whatever authorities it names; nullptr offers none.
    /// @return INTERNAL, or CERTIFICATE_WEAK when the profile forbids the identity's own key or signature
    static Result<TlsContext> client(TlsProfile profile, const Identity* identity);

    /// For a handshake with ourselves.
    /// @return as client()
    static Result<TlsContext> both_sides(TlsProfile profile, const Identity& identity);

    /// For looking at a server: one version, and every suite the library has but these, however weak.
    /// @param version  "TLSv1", "TLSv1.1", "TLSv1.2" or "TLSv1.3"
    /// @param without  names as TlsStream::suite() tells them
    /// @return INTERNAL: the library has nothing (left) to offer with this version
    static Result<TlsContext> everything(std::string_view version, const std::vector<std::string>& without);

    [[nodiscard]] ssl_ctx_st* raw() const noexcept { return context_.get(); }
    [[nodiscard]] TlsProfile profile() const noexcept { return profile_; }

private:
    TlsContext(ssl_ctx_st* context, TlsProfile profile) : context_{context}, profile_{profile} {}
    std::unique_ptr<ssl_ctx_st, TlsContextFree> context_;
    TlsProfile profile_;
};

/// What is left of a profile with the OpenSSL of this host and its settings.
struct TlsOffer {
    std::vector<std::string> versions;  ///< lowest first
    std::vector<std::string> suites;
    std::vector<std::string> lacking;  ///< versions and suites of the profile that this OpenSSL does not have
    int level;                         ///< OpenSSL's security level
};
/// @return INTERNAL: nothing is left
Result<TlsOffer> tls_offer(TlsProfile profile);

/// Whether the profile takes what a server shows. Only the key counts: the certificate is matched octet for
/// octet, so its signature decides nothing.
/// @return CERTIFICATE_WEAK; the detail names certificate, key and option
Result<void> check_strength(TlsProfile profile, const Certificate& shown);

constexpr std::array<std::string_view, 4> tls_versions{"TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3"};

/// Peer chains up to this size are read (F4).
constexpr std::size_t tls_chain_limit = 128 * 1024;

}  // namespace tserver::crypto
