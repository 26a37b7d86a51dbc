// The identities of one tls-cert-path: private key and client certificate of each instance ID, encrypted.
//
//   <path>/identities/<instance ID>/000007/identity.p12, meta.json    generation 7, complete by construction
//   <path>/identities/<instance ID>/pending.p12                       a key whose certificate has not come
//   yet <path>/identities/<instance ID>/codes.json, attempts.json         what was tried; lock: held by the
//   owner
//
// Format and rules: doc/protocols/store.md.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/time.hpp"
#include "base/types.hpp"
#include "crypto/pkcs12.hpp"
#include "os/lock.hpp"
#include "os/tree.hpp"
#include "store/code_memory.hpp"

namespace tserver::store {

/// What is written beside an identity (meta.json).
struct IdentityMeta {
    std::string host;  ///< hash of the machine's id; empty = made where there was none
    std::string
        lineage;  ///< 16 hex digits made with the first generation and kept: names this line of certificates
    unsigned long counter = 0;  ///< generations saved in this lineage, the first is 1
    Instant created;
};

struct StoredIdentity {
    crypto::Identity identity;
    unsigned long generation = 0;
    IdentityMeta meta;
    /// Set when a newer generation was there and is damaged: what is wrong with it. Worth a warning.
    std::optional<std::string> fell_back;
};

/// The hash of this machine's id that the stores keep: 32 hex digits, empty where the machine has no id.
std::string this_host();

/// One identity, owned: while this object lives nobody else can open the same one for writing.
class IdentityStore {
public:
    /// Makes the directories that are missing (0700) and takes the kernel lock of the instance ID.
    /// @param path  tls-cert-path
    /// @return STORE_EMPTY_PASSPHRASE; STORE_MODE (detail: the command that mends it); STORE_IN_USE (detail:
    /// pid);
    ///         DISK_FULL, PERMISSION, STORE_IO
    static Result<IdentityStore> open(const std::string& path, const InstanceId& id,
                                      crypto::Passphrase passphrase);
    /// The same on a tree and a host that the caller gives: tests.
    static Result<IdentityStore> open(std::unique_ptr<os::Tree> tree, const InstanceId& id,
                                      crypto::Passphrase passphrase, std::string host);

    /// The newest identity that is whole; nothing when there is none yet. About 80 ms of CPU
    /// unless the passphrase comes with the keys of its salt.
    /// @return STORE_PASSPHRASE; STORE_DAMAGED; STORE_FOREIGN_HOST (until confirm_host()); STORE_ALGORITHM;
    /// STORE_NO_MAC;
    ///         STORE_IO
    Result<std::optional<StoredIdentity>> load();

    /// A new generation, durable when this returns; the same identity again writes nothing. The code that
    /// bought the certificate is remembered in the same step. After an error the old generation is whole and
    /// current: keep the identity in memory and call again.
    /// @return DISK_FULL (detail: path and free space), PERMISSION, STORE_IO
    Result<void> save(const crypto::Identity& identity, const std::optional<AuthCode>& used);

    /// Whether this code brought a certificate, or was refused, before: then it is never sent again.
    /// An unreadable memory is STORE_DAMAGED.
    Result<bool> was_used(const AuthCode& code);
    Result<bool> was_refused(const AuthCode& code);
    Result<void> remember_used(const AuthCode& code);
    Result<void> remember_refused(const AuthCode& code);

    /// The key of an enrolment that is under way, so that a restart does not make another.
    Result<void> keep_pending_key(const crypto::PrivateKey& key);
    Result<std::optional<crypto::PrivateKey>> pending_key();  ///< @return as load()
    Result<void> forget_pending_key();

    /// A mark that outlives the process: set durably before the public key of an enrolment goes out, taken
    /// away when its outcome is remembered. Where it is found at the start, a code that CAPF refuses was
    /// probably used (F21).
    Result<void> mark_key_out();
    Result<bool> key_is_out();
    Result<void> unmark_key_out();

    /// Enrolments are limited to one in 30 s and 20 in 24 h, across restarts (F26).
    /// Zero when one may be made at `now`. Attempts dated after `now` (the clock was set back) do not count.
    Result<std::chrono::seconds> wait_before_attempt(Instant now);
    Result<void> note_attempt(Instant now);

    /// Writes, syncs and removes a file as large as a generation: call before CAPF is asked, and once a day
    /// (F19).
    Result<void> test_writable();

    /// The operator says that this host is the identity's only one from now on.
    Result<void> confirm_host();

    [[nodiscard]] const InstanceId& id() const noexcept { return id_; }
    [[nodiscard]] std::string path() const;  ///< of this identity's folder

private:
    IdentityStore(std::unique_ptr<os::Tree> tree, InstanceId id, crypto::Passphrase passphrase,
                  std::string host, os::Lock lock);
    Result<std::vector<RememberedCode>> saved_codes();
    Result<std::vector<RememberedCode>> codes_to_keep();
    Result<std::vector<RememberedCode>> codes();
    Result<bool> remembers(const AuthCode& code, CodeFate fate);
    Result<void> remember(const AuthCode& code, CodeFate fate);
    Result<std::vector<Instant>> attempts(Instant now);

    std::unique_ptr<os::Tree> tree_;
    InstanceId id_;
    std::string folder_;  ///< relative to the tree
    crypto::Passphrase passphrase_;
    std::string host_;
    os::Lock lock_;
    std::string current_;  ///< SHA-256 of the certificate in the newest generation, as last loaded or saved
    /// A save failed: the newest generation may be seen and yet not be durable, so the next save writes
    /// another.
    bool unsure_ = false;
};

/// What can be said of an identity without its passphrase.
struct IdentitySummary {
    InstanceId id;
    std::optional<unsigned long> generation;  ///< nothing: no identity yet
    std::optional<IdentityMeta> meta;
    std::string certificate_sha256;  ///< lower-case hex, from the meta
    std::string subject;
    std::optional<Instant> not_after;
    bool foreign_host = false;
    std::optional<Error> problem;  ///< damaged, wrong mode, …
};

/// For commands: no lock, nothing is written, a read-only file system is enough (F86).
/// @return STORE_MISSING, STORE_MODE, STORE_IO
Result<std::vector<IdentitySummary>> list_identities(const std::string& path);
/// @return as IdentityStore::load(), and STORE_MISSING; a foreign host is no error here.
Result<StoredIdentity> read_identity(const std::string& path, const InstanceId& id,
                                     const crypto::Passphrase& passphrase);
/// The keys of a passphrase with the salt that the identities of this path have, or with a new one: made once
/// for all links. Nothing is written.  @return STORE_ALGORITHM
Result<StretchedKeys> keys_for(const std::string& path, const Secret& passphrase);
/// The kernel lock of an identity and nothing else: while it is held no link opens a session with it.
/// @return STORE_IN_USE (detail: pid), STORE_MISSING, STORE_MODE, PERMISSION, STORE_IO
Result<os::Lock> hold_identity(const std::string& path, const InstanceId& id);
/// confirm_host() without the passphrase, also while a link waits for it.  @return STORE_MISSING, STORE_MODE,
/// STORE_IO
Result<void> confirm_identity_host(const std::string& path, const InstanceId& id);

}  // namespace tserver::store
