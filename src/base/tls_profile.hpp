// The named TLS profiles an operator chooses from.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

namespace tserver {

/// modern: TLS 1.2 with ECDHE and AES-GCM, and TLS 1.3.
/// cluster: what CUCM 12.5 to 15 offers with ECDHE, TLS 1.2 and 1.3, RSA signatures first.
/// legacy: down to TLS 1.0, static RSA, SHA-1 and 1024-bit keys, for clusters that know no better.
enum class TlsProfile : std::uint8_t { modern, cluster, legacy };

constexpr std::array<std::string_view, 3> tls_profile_names{"modern", "cluster", "legacy"};

constexpr std::string_view name(TlsProfile profile) noexcept {
    return tls_profile_names[static_cast<std::size_t>(profile)];
}
constexpr std::optional<TlsProfile> tls_profile_named(std::string_view text) noexcept {
    for (std::size_t i = 0; i < tls_profile_names.size(); ++i) {
        if (tls_profile_names[i] == text) return static_cast<TlsProfile>(i);
    }
    return std::nullopt;
}

}  // namespace tserver
