// A trust list (CTL or ITL) in memory: what the signed file says, decoded once at the edge.
// Layout: doc/protocols/ctl.md, sections 1 to 4. Every text in here came from a file and is already escaped.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/time.hpp"
#include "crypto/certificate.hpp"

namespace tserver::trust {

/// What a record's certificate may be used for (doc/protocols/ctl.md, section 3.1). Any other number is
/// kept as it came and gives no trust.
enum class Role : std::uint16_t {
    sast = 0,      ///< signs trust lists
    ccm = 1,       ///< TLS of the call manager and of CTIManager
    ccm_tftp = 2,  ///< the same, and signed configuration files
    tftp = 3,
    capf = 4,  ///< TLS of CAPF, and issuer of the certificates that CAPF makes
    srst = 5,
    app_server = 7,
    tvs = 21,
};

/// Cisco's name: "SAST", "CCM+TFTP", …; "ROLE-77" for a number without one.
std::string role_name(Role role);

/// Hash of a certificate in place of the certificate itself.
struct CertificateHash {
    crypto::Digest digest;
    Bytes value;
};

struct Record {
    std::size_t index;   ///< from 1, as `show ctl` counts
    std::size_t offset;  ///< of the record in the file
    std::size_t length;
    Role role;
    std::string dns;           ///< empty if the record has none
    std::string address;       ///< "192.0.2.11", "2001:db8::1", hex for any other length, empty for none
    std::string subject_text;  ///< as the writer of the list spelled it: never compare
    std::string issuer_text;
    Bytes serial;  ///< without leading zero octets
    std::optional<crypto::Certificate> certificate;
    std::optional<CertificateHash> hash;
    std::string error;  ///< why the certificate or hash cannot be used; empty if it can

    /// The certificate, if there is one and it can be used.
    [[nodiscard]] const crypto::Certificate* usable() const noexcept {
        return certificate && error.empty() ? &*certificate : nullptr;
    }
    [[nodiscard]] std::string subject() const;      ///< of the certificate; without one, the record's text
    [[nodiscard]] std::string issuer() const;       ///< likewise
    [[nodiscard]] std::string serial_text() const;  ///< lower-case hex, "-" before a negative one
};

struct Header {
    std::uint8_t major;
    std::uint8_t minor;
    std::size_t length;  ///< octets; the first record starts here
    std::string signer_name;
    std::string signer_issuer;
    Bytes signer_serial;  ///< without leading zero octets
    std::uint8_t digest_code;
    std::size_t signature_offset;  ///< of the signature TLV: its tag octet
    Bytes signature;
    std::string filename;              ///< empty if the header has none
    std::optional<Instant> timestamp;  ///< when it was signed, by the cluster's clock
    std::string signer_version;        ///< "1.1", empty if the header has none

    /// "signed 2026-05-03T10:00:00Z", or "of an unknown time"
    [[nodiscard]] std::string signed_text() const;
    [[nodiscard]] std::string version() const;      ///< "1.2"
    [[nodiscard]] std::string serial_text() const;  ///< lower-case hex
};

struct List {
    Bytes octets;  ///< the whole file
    Header header;
    std::vector<Record> records;
    std::vector<std::string> warnings;  ///< oddities that do not spoil the list, the first 32 of them

    /// "CTL" or "ITL": by the file name in the header, and without one by whether a TVS record is there.
    [[nodiscard]] std::string_view format() const noexcept;
    /// The octets that are signed are the file without the signature TLV: these two parts.
    [[nodiscard]] ByteView signed_before() const noexcept;
    [[nodiscard]] ByteView signed_behind() const noexcept;

    [[nodiscard]] std::string sha256() const;  ///< lower-case hex, of the file
    [[nodiscard]] std::string sha1() const;    ///< what `show ctl` prints
    [[nodiscard]] std::string md5() const;     ///< what `show ctl` prints

    friend bool operator==(const List& a, const List& b) { return a.octets == b.octets; }
};

/// Do these octets spell the serial number of the certificate? Leading zero octets do not count. A negative
/// serial is matched by its magnitude and by its two's complement: writers of lists use either.
bool spells_serial(ByteView octets, const crypto::Certificate& certificate);

}  // namespace tserver::trust
