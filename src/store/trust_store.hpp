// The trust list that all links of one tls-cert-path hold.
//
//   <path>/trust/000003/ctl.tlv     the list as it came, to verify the next one against
//   <path>/trust/000003/ctl.p12     its certificates for other programs (only with a passphrase)
//   <path>/trust/000003/meta.json
//   <path>/trust/lock               held while one link downloads for all
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/secret.hpp"
#include "base/time.hpp"
#include "crypto/pkcs12.hpp"
#include "os/lock.hpp"
#include "os/tree.hpp"

namespace tserver::store {

/// Why the list is believed.
enum class Trusted {
    first_use,  ///< it was the first one and nobody confirmed it: shown as `unverified`
    confirmed,  ///< an operator compared it, or a confirmed list's signer signed it
    pinned      ///< signed by the certificate named in tls-ctl-fingerprint
};
std::string_view name(Trusted how) noexcept;  ///< "unverified", "confirmed", "pinned"

struct ListMeta {
    Instant fetched;     ///< when these octets came first
    std::string file;    ///< "CTLFile.tlv"
    std::string signer;  ///< for people
    Trusted trusted = Trusted::first_use;
};

struct HeldList {
    Bytes octets;
    ListMeta meta;
    std::string sha256;  ///< of the octets, lower-case hex
    unsigned long generation = 0;
    std::optional<Instant> checked;        ///< when a download last gave these octets, if that is known
    std::optional<std::string> fell_back;  ///< a newer generation is damaged: what is wrong
};

/// Exclusive: one link of all processes downloads, saves and confirms. Gone when it goes out of scope.
class TrustLock {
public:
    explicit TrustLock(os::Lock lock) : lock_{std::move(lock)} {}

    /// The download has just given the held list (again): others that take the lock soon after need none.
    /// Writes no file of a generation.
    void note_checked(Instant now) const;

private:
    os::Lock lock_;
};

class TrustStore {
public:
    /// @param passphrase  of ctl.p12; without it only the raw list is kept
    /// @return STORE_MODE (detail: the command that mends it), DISK_FULL, PERMISSION, STORE_IO
    static Result<TrustStore> open(const std::string& path, std::optional<crypto::Passphrase> passphrase);
    /// For commands: writes nothing, a read-only file system is enough.  @return STORE_MISSING too
    static Result<TrustStore> open_to_read(const std::string& path);
    static Result<TrustStore> open(std::unique_ptr<os::Tree> tree,
                                   std::optional<crypto::Passphrase> passphrase);

    /// The newest list that is whole, nothing when there is none. Needs no lock.
    /// @return STORE_DAMAGED when no generation is whole; STORE_IO
    Result<std::optional<HeldList>> load();

    /// Tries once, never waits; nothing = another process is downloading: wait a little and try again (a
    /// deadline is the caller's). Who has taken it calls load() again and, when `checked` is of the last
    /// seconds, needs no download.
    Result<std::optional<TrustLock>> try_lock();

    /// A new generation, durable when this returns. The same octets with the same `trusted` write nothing.
    /// @param certificates  for ctl.p12
    Result<void> save(const TrustLock&, ByteView octets, const ListMeta& meta,
                      const std::vector<crypto::NamedCertificate>& certificates);
    /// The held list is believed from now on.  @return STORE_MISSING when there is none
    Result<void> confirm(const TrustLock&);

    [[nodiscard]] std::string path() const;  ///< of the trust folder

private:
    TrustStore(std::unique_ptr<os::Tree> tree, std::optional<crypto::Passphrase> passphrase);
    std::unique_ptr<os::Tree> tree_;
    std::optional<crypto::Passphrase> passphrase_;
    bool certain_ = true;  ///< false after a save that failed: what is on the disk may not be durable
};

}  // namespace tserver::store
