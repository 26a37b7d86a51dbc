// CAPF profiles of the simulated cluster, the certificates issued for them, and CTIManager's memory of who
// misbehaved. Survives a restart in one JSON file.
#pragma once

#include <boost/json/fwd.hpp>
#include <filesystem>
#include <map>
#include <mutex>

#include "base/types.hpp"
#include "crypto/certificate.hpp"

namespace tserver::sim {

enum class Operation : std::uint8_t { none, install, remove, fetch };
enum class KeyKind : std::uint8_t { rsa, ec256, ec384, ec521 };

struct Profile {
    std::string user;
    std::string instance;
    std::string code;  ///< empty once used
    unsigned key_size = 2048;
    KeyKind key = KeyKind::rsa;
    std::optional<Instant> deadline;
    Operation operation = Operation::install;

    std::string
        given;  ///< the code as last set by the operator: setting the same again at a start changes nothing
    std::string status = "Operation Pending";
    unsigned wrong = 0;  ///< wrong strings in a row
    std::optional<Instant> locked_until;
    unsigned long arming = 0;  ///< counts how often the profile was set; ties an exchange to one setting
};

/// "user=U,instance=I,code=C[,key-size=2048][,deadline=T][,operation=install|none|delete|fetch][,key=rsa|ec256|ec384|
/// ec521]"; T is RFC 3339, or +SECONDS from now.  @return USAGE
Result<Profile> parse_profile(std::string_view text, Instant now);

struct Issued {
    std::string instance;
    std::string serial;  ///< lower-case hex
    std::string sha256;
    Instant when;
    Bytes der;
};

/// END_SESSION reasons that an exchange can end with before anything was issued.
enum class Reason : std::uint8_t { no_action = 0, done = 1, failure = 7, unknown_device = 9 };

/// What CAPF decides when it has read AUTH_RESPONSE.
struct Admission {
    std::optional<Reason> refused;
    Profile profile;  ///< as it was then; only when not refused
};

/// What CTIManager decides about a client certificate that chains to CAPF.
enum class ClientVerdict : std::uint8_t { good, unknown_instance, superseded, compromised };

class Profiles {
public:
    struct Rules {
        unsigned tries = 10;  ///< wrong strings in a row before the lock
        std::chrono::seconds lock{600};
        unsigned collisions = 5;  ///< of one certificate before it is compromised
    };
    /// @return STORE_IO, DECODE for a state file that cannot be read
    Result<void> open(const std::filesystem::path& file, const Rules& rules);

    /// Sets a profile as an operator does on the page of the cluster.
    void set(Profile profile);
    /// The same from a command line: nothing happens if this code was already given.
    void set_at_start(Profile profile);
    bool remove(std::string_view instance);

    /// @param device  DEVICE_NAME without a final NUL. @param password  the same; none if the element was
    /// missing.
    Admission admit(std::string_view device, std::optional<std::string_view> password, Instant now);
    /// Consumes the code and remembers the certificate; on disk when this returns.
    /// @return false if the profile has been used or set anew since `profile` was admitted
    bool issue(const Profile& profile, const crypto::Certificate& certificate, Instant now);
    /// The operation ended without a certificate (delete, fetch, or an error): sets the status only.
    void finish(const Profile& profile, Operation left, std::string_view status);

    std::optional<Issued> latest(std::string_view instance) const;
    ClientVerdict judge(const std::string& sha256, bool latest_only) const;
    std::string instance_of(const std::string& sha256) const;  ///< empty if not issued here
    /// The certificate was used twice at one time. @return true if it is compromised by now.
    bool collide(const std::string& sha256);

    [[nodiscard]] boost::json::array profiles_json() const;
    [[nodiscard]] boost::json::object issued_json() const;      ///< certificates per instance
    [[nodiscard]] boost::json::object collisions_json() const;  ///< per instance

private:
    void save() const;
    Profile* find(std::string_view instance);

    mutable std::mutex mutex_;
    std::filesystem::path file_;
    Rules rules_;
    std::vector<Profile> profiles_;
    std::vector<Issued> issued_;
    std::map<std::string, unsigned> collisions_;  ///< by certificate
};

}  // namespace tserver::sim
