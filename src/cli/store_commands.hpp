// `tserverctl store list|check|export|import|confirm`: what is in a store, whether it is whole, and taking
// things out and in. They need no running tserver. All but import and confirm only read: a read-only file
// system is enough (F86).
#pragma once

#include <optional>
#include <string>

#include "cli/daemon_commands.hpp"

namespace tserver::cli {

/// Which store, and what opens it.
struct StoreSource {
    std::string config;  ///< configuration file: names the store, its passphrase, and which link has which
                         ///< instance ID
    std::string path;    ///< tls-cert-path itself; not empty: the configuration is not read
    /// File with the passphrase, or "-"; nothing: that of the configuration, or else asked for.
    std::optional<std::string> passphrase_file{};
};

/// JSON:
/// {"path","identities":[{"instance_id","link":null|text,"generation":null|n,"created":null|time,"counter":null|n,
///   "lineage":null|text,"subject":null|text,"sha256":null|text,"not_after":null|time,"days_left":null|n,"foreign_host":bool,
///   "problem":null|{"fault","detail","action"}}],
///  "trust":null|{"generation","file","signer","sha256","fetched","trusted":"unverified|confirmed|pinned",
///   "problem":null|…}}. Asks for no passphrase.
/// @return 0; 31, 32, 34 … the code of the first problem; 37 there is no store
int store_list(const Terms& terms, const StoreSource& source, Instant now = wall_now());

/// Opens every identity, or one, and the trust list.
/// @param name  a link's name or an instance ID
/// JSON:
/// {"path","checks":[{"what","generation":null|n,"key":null|text,"subject":null|text,"problem":null|{…}}]}
/// @return 0 all whole; otherwise the exit code of the first problem
int store_check(const Terms& terms, const StoreSource& source, const std::optional<std::string>& name);

struct StoreExport {
    std::string name;                   ///< a link's name or an instance ID
    std::optional<std::string> file{};  ///< must not exist; nothing: standard output (a certificate only)
    bool with_key = false;              ///< PKCS#12 under a new passphrase, instead of the certificate as PEM
    /// File with the new passphrase, or "-"; nothing: asked for, twice.
    std::optional<std::string> new_passphrase_file{};
};
/// JSON: {"instance_id","format":"pem|pkcs12","file":null|text,"sha256","pem":null|text}
/// @return 0; 2 usage; 4 the file exists; 30 … 37 the store's problem
int store_export(const Terms& terms, const StoreSource& source, const StoreExport& what);

struct StoreImport {
    std::string name;  ///< a link's name or an instance ID
    std::string file;  ///< PKCS#12 of another program
    /// File with the passphrase of that file, or "-"; nothing: asked for.
    std::optional<std::string> file_passphrase{};
    bool without_mac = false;  ///< take a file that has no integrity check
};
/// Puts key and certificate of a PKCS#12 file into the store, encrypted anew; old algorithms are taken, and
/// named. JSON: {"instance_id","subject","sha256","not_after","old":[algorithms]}
/// @return 0; 2 usage; 4 the file cannot be read; 30 … 37 the problem of the file or the store, 33 while the
/// link runs
int store_import(const Terms& terms, const StoreSource& source, const StoreImport& what);

/// Says that this host is the only one with this identity from now on (after a machine was copied or
/// restored). JSON: {"instance_id","confirmed":true}.  A link that waits for it is started with `link start`.
/// @return 0; 37 there is none
int store_confirm(const Terms& terms, const StoreSource& source, const std::string& name);

}  // namespace tserver::cli
