#include "config/options.hpp"

#include <algorithm>
#include <array>

#include "base/text.hpp"
#include "config/values.hpp"

namespace tserver::config {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using Text = std::optional<std::string>;

constexpr Word<TlsProfile> profiles[]{
    {"modern", TlsProfile::modern}, {"cluster", TlsProfile::cluster}, {"legacy", TlsProfile::legacy}};
constexpr Word<ServerExpiry> expiries[]{{"accept", ServerExpiry::accept}, {"refuse", ServerExpiry::refuse}};
constexpr Word<MemoryLock> locks[]{{"try", MemoryLock::wanted}, {"require", MemoryLock::required}};
constexpr Word<CtlSource> sources[]{{"tftp", CtlSource::tftp}, {"http", CtlSource::http}};
constexpr Word<CapfVersion> versions[]{{"1", CapfVersion::v1}, {"3", CapfVersion::v3}};
constexpr Word<LogLevel> levels[]{{"alarm", LogLevel::alarm},
                                  {"standard", LogLevel::standard},
                                  {"interaction", LogLevel::interaction},
                                  {"trace", LogLevel::trace},
                                  {"debug", LogLevel::debug}};

/// Moves a checked value into a field.
template <class Field, class Value>
Result<void> store(Field& field, Result<Value> value) {
    if (!value) return tl::unexpected<Error>(std::move(value).error());
    field = *std::move(value);
    return {};
}

template <class Field>
Result<void> store_duration(Field& field, std::string_view text, milliseconds low, milliseconds high) {
    TRY(value, read_duration(text, low, high));
    field = std::chrono::duration_cast<Field>(value);
    if (field != value) return fail(Fault::CONFIG_VALUE, "the time must be in whole seconds");
    return {};
}

Text port_text(const std::optional<Port>& port) { return port ? Text{std::to_string(*port)} : std::nullopt; }
Text host_text(const std::optional<Host>& host) { return host ? Text{host->str()} : std::nullopt; }
Text some(std::string text) { return text.empty() ? std::nullopt : Text{std::move(text)}; }

using ToLink = Access<LinkConfig>;
using ToDaemon = Access<DaemonConfig>;
using L = LinkConfig;
using In = std::string_view;

constexpr std::array table{
    // clang-format off
    Option{Where::daemon, "link-<n>-name", "section name", "", Takes::restart, Shown::in_full, ForTls::not_needed, "link-tls-1",
           "Names the section of link n (n = 1, 2, …). That section's name is the link's name everywhere.",
           Structure{}},
    Option{Where::daemon, "log-level", "alarm, standard, interaction, trace or debug", "standard", Takes::at_once, Shown::in_full, ForTls::not_needed, "trace",
           "The least important level that is written. Secrets are written at no level.",
           ToDaemon{[](DaemonConfig& d, In t) { return store(d.log_level, read_word(t, levels)); },
                    [](const DaemonConfig& d) -> Text { return word_text(d.log_level, levels); }}},
    Option{Where::daemon, "control-socket", "absolute path, at most 107 octets", "/run/tserver/control", Takes::restart, Shown::in_full, ForTls::not_needed, "/run/tserver/control",
           "Socket that tserverctl and the console speak to. The --control switch of the programs wins.",
           ToDaemon{[](DaemonConfig& d, In t) -> Result<void> {
                        if (t.size() > 107) return fail(Fault::CONFIG_VALUE, "the path of a socket has at most 107 octets");
                        return store(d.control_socket, read_path(t)); },
                    [](const DaemonConfig& d) -> Text { return d.control_socket.string(); }}},
    Option{Where::daemon, "log-file", "absolute path", "", Takes::at_once, Shown::in_full, ForTls::not_needed, "/var/log/tserver/tserver.log",
           "File that the log is written to, instead of standard error (the journal). A file that was renamed or removed is made anew within a second, and at once with SIGUSR1: no line is lost to a rotation. While it cannot be opened the log stays where it was, and the status says so.",
           ToDaemon{[](DaemonConfig& d, In t) { return store(d.log_file, read_path(t)); },
                    [](const DaemonConfig& d) { return some(d.log_file.string()); }}},

    Option{Where::shared, "password", "passphrase", "", Takes::restart, Shown::as_stars, ForTls::needed, "correct horse battery staple",
           "Passphrase of the encrypted store, its octets used as given. Any character may be in it; put the whole value in double quotes to keep blanks at its ends, or if it begins and ends with a double quote.",
           ToLink{[](L& l, In t) -> Result<void> {
                      if (t.empty()) return fail(Fault::STORE_EMPTY_PASSPHRASE, "the passphrase is empty");
                      l.passphrase = Secret{t};
                      return {}; },
                  [](const L& l) { return l.passphrase ? Text{l.passphrase->reveal()} : std::nullopt; }}},
    Option{Where::shared, "password-file", "absolute path, or credential:NAME", "", Takes::restart, Shown::in_full, ForTls::not_needed, "credential:store-passphrase",
           "File that holds the passphrase, instead of password; or a systemd credential (LoadCredential=NAME:…). One line end at its end is not part of the passphrase, blanks are. The file must be readable for its owner only.",
           ToLink{[](L& l, In t) { return store(l.password_file, read_password_file(t)); },
                  [](const L& l) { return some(l.password_file); }}},
    Option{Where::shared, "tls-cert-path", "absolute path", "", Takes::restart, Shown::in_full, ForTls::needed, "/var/lib/tserver",
           "Directory of the store: trust list, private keys and certificates, encrypted. Made if only its last part is missing. Nobody but its owner may write to it.",
           ToLink{[](L& l, In t) { return store(l.store, read_path(t)); },
                  [](const L& l) { return some(l.store.string()); }}},
    Option{Where::shared, "tls-capf-host", "host", "", Takes::restart, Shown::in_full, ForTls::needed, "cucm-pub.example.com",
           "The CAPF service, which issues the client certificates: the publisher of the cluster.",
           ToLink{[](L& l, In t) { return store(l.capf_host, read_host(t)); },
                  [](const L& l) { return host_text(l.capf_host); }}},
    Option{Where::shared, "tls-capf-port", "port", "", Takes::restart, Shown::in_full, ForTls::needed, "3804",
           "TCP port of the CAPF service; 3804 unless it was changed on the cluster.",
           ToLink{[](L& l, In t) { return store(l.capf_port, parse_port(t)); },
                  [](const L& l) { return port_text(l.capf_port); }}},
    Option{Where::shared, "tls-tftp-host", "host", "", Takes::restart, Shown::in_full, ForTls::needed, "cucm-tftp.example.com",
           "The Cisco TFTP service that serves the trust list.",
           ToLink{[](L& l, In t) { return store(l.tftp_host, read_host(t)); },
                  [](const L& l) { return host_text(l.tftp_host); }}},
    Option{Where::shared, "tls-tftp-port", "port", "", Takes::restart, Shown::in_full, ForTls::needed, "69",
           "UDP port of the TFTP service; 69 unless something on the way changes it.",
           ToLink{[](L& l, In t) { return store(l.tftp_port, parse_port(t)); },
                  [](const L& l) { return port_text(l.tftp_port); }}},
    Option{Where::shared, "tls-ctl-fingerprint", "SHA-256 fingerprint, 64 hex digits", "", Takes::at_once, Shown::in_full, ForTls::not_needed,
           "3A:6E:0C:57:B1:92:4D:F8:20:7B:C5:1E:99:D4:63:AF:08:B2:71:5C:EE:46:1D:83:F0:2A:97:6B:34:C8:D5:1F",
           "Pins the certificate that signs the first trust list. Without it the first list is taken as it comes and shown as unverified until it is confirmed.",
           ToLink{[](L& l, In t) { return store(l.ctl_fingerprint, read_fingerprint(t)); },
                  [](const L& l) { return l.ctl_fingerprint ? Text{hex_pairs(*l.ctl_fingerprint)} : std::nullopt; }}},
    Option{Where::shared, "tls-ctl-source", "tftp or http", "tftp", Takes::at_once, Shown::in_full, ForTls::not_needed, "http",
           "How the trust list is fetched from tls-tftp-host. Both ways the list is checked alike.",
           ToLink{[](L& l, In t) { return store(l.ctl_source, read_word(t, sources)); },
                  [](const L& l) -> Text { return word_text(l.ctl_source, sources); }}},
    Option{Where::shared, "tls-ctl-http-port", "port", "6970", Takes::at_once, Shown::in_full, ForTls::not_needed, "6971",
           "TCP port of the Cisco TFTP service for HTTP, used with tls-ctl-source = http.",
           ToLink{[](L& l, In t) { return store(l.ctl_http_port, parse_port(t)); },
                  [](const L& l) -> Text { return std::to_string(l.ctl_http_port); }}},
    Option{Where::shared, "tls-tftp-timeout", "time, 1s to 10m", "30s", Takes::at_once, Shown::in_full, ForTls::not_needed, "1m",
           "How long one whole transfer of the trust list may take.",
           ToLink{[](L& l, In t) { return store_duration(l.tftp_timeout, t, seconds{1}, seconds{600}); },
                  [](const L& l) -> Text { return duration_text(l.tftp_timeout); }}},
    Option{Where::shared, "trust-refresh", "time, 1m to 30d, whole seconds", "12h", Takes::at_once, Shown::in_full, ForTls::not_needed, "1h",
           "How often a running tserver looks for a newer trust list.",
           ToLink{[](L& l, In t) { return store_duration(l.trust_refresh, t, seconds{60}, seconds{2'592'000}); },
                  [](const L& l) -> Text { return duration_text(l.trust_refresh); }}},

    Option{Where::link, "tls-instance-id", "1 to 128 letters and digits", "", Takes::link_reset, Shown::in_full, ForTls::needed, "cti01",
           "Instance ID of the link's CAPF profile. No two links may have the same.",
           ToLink{[](L& l, In t) { return store(l.instance_id, InstanceId::parse(t)); },
                  [](const L& l) { return l.instance_id ? Text{l.instance_id->str()} : std::nullopt; }}},
    Option{Where::link, "tls-auth-code", "4 to 10 digits", "", Takes::link_reset, Shown::as_stars, ForTls::not_needed, "0123456789",
           "One-time code of the CAPF profile (its authentication string). Used once to get a certificate, remembered as used, ignored from then on; it may stay or be removed. Another code means: enrol again.",
           ToLink{[](L& l, In t) { return store(l.auth_code, AuthCode::parse(t)); },
                  [](const L& l) { return l.auth_code ? Text{l.auth_code->reveal()} : std::nullopt; }}},
    Option{Where::link, "hostname", "host, or a comma list of hosts", "", Takes::link_reset, Shown::in_full, ForTls::not_needed, "cucm-sub1.example.com, cucm-sub2.example.com",
           "The CTIManagers of the link in the order they are tried. Every link needs it.",
           ToLink{[](L& l, In t) { return store(l.hostname, read_hosts(t)); },
                  [](const L& l) { return some(hosts_text(l.hostname)); }}},
    Option{Where::link, "port", "port", "2749 with TLS, 2748 in clear", Takes::link_reset, Shown::in_full, ForTls::not_needed, "2749",
           "TCP port of the CTIManagers.",
           ToLink{[](L& l, In t) { return store(l.port, parse_port(t)); },
                  [](const L& l) { return port_text(l.port); }}},
    Option{Where::link, "listen", "address, or address and port", "127.0.1.<n>:2748", Takes::link_reset, Shown::in_full, ForTls::not_needed, "127.0.1.1:2748",
           "Where the application connects to, in clear; the address its provider string names. No two links may have the same.",
           ToLink{[](L& l, In t) { return store(l.listen, read_listen(t)); },
                  [](const L& l) { return l.listen ? Text{l.listen->str()} : std::nullopt; }}},

    Option{Where::shared_or_link, "tls-required", "true or false", "false", Takes::at_once, Shown::in_full, ForTls::not_needed, "true",
           "With true, a link whose TLS options are incomplete stays down instead of going in clear.",
           ToLink{[](L& l, In t) { return store(l.tls_required, read_bool(t)); },
                  [](const L& l) -> Text { return bool_text(l.tls_required); }}},
    Option{Where::shared_or_link, "tls-profile", "modern, cluster or legacy", "cluster", Takes::link_reset, Shown::in_full, ForTls::not_needed, "modern",
           "TLS versions and suites: modern = newest only, cluster = what current CUCM releases speak, legacy = old clusters too (TLS 1.0 and keys below 2048 bits).",
           ToLink{[](L& l, In t) { return store(l.tls_profile, read_word(t, profiles)); },
                  [](const L& l) -> Text { return word_text(l.tls_profile, profiles); }}},
    Option{Where::shared_or_link, "tls-server-expiry", "accept or refuse", "accept", Takes::at_once, Shown::in_full, ForTls::not_needed, "refuse",
           "What to do with a server certificate that is in the trust list but has expired: accept with a warning, or refuse.",
           ToLink{[](L& l, In t) { return store(l.server_expiry, read_word(t, expiries)); },
                  [](const L& l) -> Text { return word_text(l.server_expiry, expiries); }}},
    Option{Where::shared_or_link, "memory-lock", "try or require", "try", Takes::at_once, Shown::in_full, ForTls::not_needed, "require",
           "Link processes keep their private keys in memory that is locked against swapping. Where the system refuses that (LimitMEMLOCK), try goes on and says so in the status; require keeps the link down.",
           ToLink{[](L& l, In t) { return store(l.memory_lock, read_word(t, locks)); },
                  [](const L& l) -> Text { return word_text(l.memory_lock, locks); }}},
    Option{Where::shared_or_link, "tls-capf-version", "1 or 3", "1", Takes::at_once, Shown::in_full, ForTls::not_needed, "3",
           "Version of the CAPF protocol: 1 for RSA keys on every release, 3 for EC keys on releases that have them.",
           ToLink{[](L& l, In t) { return store(l.capf_version, read_word(t, versions)); },
                  [](const L& l) -> Text { return word_text(l.capf_version, versions); }}},
    Option{Where::shared_or_link, "tls-enrol-timeout", "time, 10s to 1h", "2m", Takes::at_once, Shown::in_full, ForTls::not_needed, "5m",
           "How long one whole enrolment may take.",
           ToLink{[](L& l, In t) { return store_duration(l.enrol_timeout, t, seconds{10}, seconds{3600}); },
                  [](const L& l) -> Text { return duration_text(l.enrol_timeout); }}},
    Option{Where::shared_or_link, "connect-timeout", "time, 100ms to 5m", "10s", Takes::at_once, Shown::in_full, ForTls::not_needed, "5s",
           "How long connecting to one address may take.",
           ToLink{[](L& l, In t) { return store_duration(l.connect_timeout, t, milliseconds{100}, seconds{300}); },
                  [](const L& l) -> Text { return duration_text(l.connect_timeout); }}},
    Option{Where::shared_or_link, "handshake-timeout", "time, 100ms to 5m", "10s", Takes::at_once, Shown::in_full, ForTls::not_needed, "5s",
           "How long one TLS handshake may take.",
           ToLink{[](L& l, In t) { return store_duration(l.handshake_timeout, t, milliseconds{100}, seconds{300}); },
                  [](const L& l) -> Text { return duration_text(l.handshake_timeout); }}},
    Option{Where::shared_or_link, "keepalive-idle", "time, 1s to 2h, whole seconds", "15s", Takes::at_once, Shown::in_full, ForTls::not_needed, "10s",
           "Silence after which the first keep-alive probe goes out. An idle dead peer is found after keepalive-idle + keepalive-probes × keepalive-interval.",
           ToLink{[](L& l, In t) { return store_duration(l.keepalive_idle, t, seconds{1}, seconds{7200}); },
                  [](const L& l) -> Text { return duration_text(l.keepalive_idle); }}},
    Option{Where::shared_or_link, "keepalive-interval", "time, 1s to 10m, whole seconds", "5s", Takes::at_once, Shown::in_full, ForTls::not_needed, "3s",
           "Time between two keep-alive probes.",
           ToLink{[](L& l, In t) { return store_duration(l.keepalive_interval, t, seconds{1}, seconds{600}); },
                  [](const L& l) -> Text { return duration_text(l.keepalive_interval); }}},
    Option{Where::shared_or_link, "keepalive-probes", "number, 1 to 50", "5", Takes::at_once, Shown::in_full, ForTls::not_needed, "3",
           "Keep-alive probes without an answer after which the peer counts as dead.",
           ToLink{[](L& l, In t) -> Result<void> {
                      const auto number = decimal(t, 1, 50);
                      if (!number) return fail(Fault::CONFIG_VALUE, "\"" + escape(t, 60) + "\" is not a number from 1 to 50");
                      l.keepalive_probes = static_cast<unsigned>(*number);
                      return {}; },
                  [](const L& l) -> Text { return std::to_string(l.keepalive_probes); }}},
    Option{Where::shared_or_link, "user-timeout", "time, 1s to 1h", "40s", Takes::at_once, Shown::in_full, ForTls::not_needed, "20s",
           "How long sent data may stay without an acknowledgement before the peer counts as dead (TCP_USER_TIMEOUT).",
           ToLink{[](L& l, In t) { return store_duration(l.user_timeout, t, seconds{1}, seconds{3600}); },
                  [](const L& l) -> Text { return duration_text(l.user_timeout); }}},
    Option{Where::shared_or_link, "reconnect-min", "time, 100ms to 10m", "1s", Takes::at_once, Shown::in_full, ForTls::not_needed, "500ms",
           "Upper bound of the first wait before connecting again; it doubles with each failure. Every wait is drawn at random below its bound.",
           ToLink{[](L& l, In t) { return store_duration(l.reconnect_min, t, milliseconds{100}, seconds{600}); },
                  [](const L& l) -> Text { return duration_text(l.reconnect_min); }}},
    Option{Where::shared_or_link, "reconnect-max", "time, 100ms to 1h", "30s", Takes::at_once, Shown::in_full, ForTls::not_needed, "1m",
           "Upper bound of every wait before connecting again; at least reconnect-min.",
           ToLink{[](L& l, In t) { return store_duration(l.reconnect_max, t, milliseconds{100}, seconds{3600}); },
                  [](const L& l) -> Text { return duration_text(l.reconnect_max); }}},
    // clang-format on
};

static_assert(std::ranges::none_of(table,
                                   [](const Option& o) { return o.help.empty() || o.example.empty(); }));
static_assert(std::ranges::is_sorted(table, {}, &Option::where));

constexpr std::string_view link_prefix = "link-";
constexpr std::string_view link_suffix = "-name";

}  // namespace

std::string_view section_text(Where where) {
    switch (where) {
        case Where::daemon: return "[TServer]";
        case Where::shared: return "[link-tls]";
        case Where::link: return "the section of a link";
        case Where::shared_or_link: return "[link-tls] or the section of a link";
    }
    return {};
}

std::span<const Option> options() noexcept { return table; }

const Option* option_named(std::string_view name) noexcept {
    if (link_number(name)) name = "link-<n>-name";
    const auto* at = std::ranges::find(table, name, &Option::name);
    return at == table.end() ? nullptr : at;
}

std::optional<unsigned> link_number(std::string_view option_name) noexcept {
    if (!option_name.starts_with(link_prefix) || !option_name.ends_with(link_suffix) ||
        option_name.size() <= link_prefix.size() + link_suffix.size())
        return std::nullopt;
    const auto digits =
        option_name.substr(link_prefix.size(), option_name.size() - link_prefix.size() - link_suffix.size());
    if (digits.front() == '0') return std::nullopt;
    const auto number = decimal(digits, 1, 999);
    return number ? std::optional{static_cast<unsigned>(*number)} : std::nullopt;
}

}  // namespace tserver::config
