// Everything one link needs to run, as values that are already checked. The options behind the fields, their
// ranges and their words are declared in options.cpp; design section 3.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.hpp"
#include "base/stretched_keys.hpp"
#include "base/tls_profile.hpp"
#include "base/types.hpp"

namespace tserver::config {

using tserver::TlsProfile;
/// What to do with a server certificate that is in the trust list but has expired.
enum class ServerExpiry : std::uint8_t { accept, refuse };
/// Where the trust list comes from. Both are checked alike.
/// What follows when memory cannot be kept out of swap (F84).
enum class MemoryLock : std::uint8_t { wanted, required };
enum class CtlSource : std::uint8_t { tftp, http };
enum class CapfVersion : std::uint8_t { v1 = 1, v3 = 3 };

struct LinkConfig {
    unsigned number = 0;  ///< n of link-<n>-name, from 1
    std::string name;     ///< its section, which is the link's name everywhere: "link-tls-1"

    // [link-tls], the same for every link
    std::optional<Secret>
        passphrase;               ///< of the store; from `password`, or read from `password-file` by load()
    std::string password_file;    ///< a path, or "credential:NAME"; empty = not set
    std::filesystem::path store;  ///< tls-cert-path; empty = not set
    std::optional<Host> capf_host;
    std::optional<Port> capf_port;
    std::optional<Host> tftp_host;
    std::optional<Port> tftp_port;
    std::optional<Bytes>
        ctl_fingerprint;  ///< SHA-256 of the certificate that signs the first list, 32 octets
    CtlSource ctl_source = CtlSource::tftp;
    Port ctl_http_port = 6970;
    std::chrono::seconds trust_refresh{std::chrono::hours{12}};
    std::chrono::milliseconds tftp_timeout{30'000};  ///< one whole transfer

    // the link's own section
    std::optional<InstanceId> instance_id;
    std::optional<AuthCode> auth_code;
    std::vector<Host> hostname;      ///< CTIManagers in the order they are tried; never empty after parse()
    std::optional<Port> port;        ///< use cti_port()
    std::optional<Endpoint> listen;  ///< use listen_on()

    // [link-tls] for all links, or the link's own section, which wins
    bool tls_required = false;
    TlsProfile tls_profile = TlsProfile::cluster;
    ServerExpiry server_expiry = ServerExpiry::accept;
    MemoryLock memory_lock = MemoryLock::wanted;
    CapfVersion capf_version = CapfVersion::v1;
    std::chrono::milliseconds connect_timeout{10'000};    ///< one address
    std::chrono::milliseconds handshake_timeout{10'000};  ///< one TLS handshake
    std::chrono::milliseconds enrol_timeout{120'000};     ///< one whole enrolment
    std::chrono::seconds keepalive_idle{15};  ///< with the two below: an idle dead peer is found after 40 s
    std::chrono::seconds keepalive_interval{5};
    unsigned keepalive_probes = 5;
    std::chrono::milliseconds user_timeout{40'000};   ///< TCP_USER_TIMEOUT: a dead peer while sending
    std::chrono::milliseconds reconnect_min{1'000};   ///< upper bound of the first wait
    std::chrono::milliseconds reconnect_max{30'000};  ///< upper bound of every later one

    /// No option: what tserver has made of the passphrase, once for all links.
    std::optional<StretchedKeys> keys;

    bool operator==(const LinkConfig&) const = default;
};

/// TLS is on when every option the table marks as needed for it is set: password (or password-file),
/// tls-cert-path, tls-capf-host, tls-capf-port, tls-tftp-host, tls-tftp-port, tls-instance-id.
bool tls_on(const LinkConfig& link);

/// What the options mean for the link's connection to CTIManager.
enum class Security : std::uint8_t {
    tls,
    plain,  ///< in clear to 2748, by design of the vendor as soon as one option is missing
    down,   ///< tls-required is set and the options are incomplete: connects nowhere
};
Security security(const LinkConfig& link);

/// Names of the options that TLS still needs. Empty when TLS is on, and when no TLS option is set at all (in
/// clear on purpose) unless tls-required is set. Where password is named, password-file would do.
std::vector<std::string_view> missing_for_tls(const LinkConfig& link);

/// Port of CTIManager: the option, else 2749 with TLS and 2748 in clear.
Port cti_port(const LinkConfig& link);

/// Where the application connects to: the option, else 127.0.1.<n>:2748 (counted on from there beyond 255).
Endpoint listen_on(const LinkConfig& link);

}  // namespace tserver::config
