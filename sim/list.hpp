// Builder of trust lists in the shape that `show ctl` prints: header 3{4,5,6} 7{8,9{10,11}} 12 14 15 and
// padding; records 1 2 3 4 5 6 7 8 9 10, each ending with IPADDRESS. Source: doc/protocols/ucmsim.md,
// section 2.
#pragma once

#include "sim/pki.hpp"

namespace tserver::sim {

enum class Role : std::uint16_t { sast = 0, ccm = 1, ccm_tftp = 2, tftp = 3, capf = 4 };

struct ListEntry {
    Role role;
    std::string dns;  ///< host name, without the NUL
    Bytes address;    ///< 4 octets as a rule
    /// None: the empty record of a cluster that was put back to non-secure.
    std::optional<crypto::Certificate> certificate;
    bool garbled = false;  ///< the certificate field is no DER
};

struct ListPlan {
    std::vector<ListEntry> entries;
    Credential signer;  ///< an RSA key; its certificate is named in the header
    crypto::Digest digest = crypto::Digest::sha1;
    std::optional<std::uint8_t> digest_tag;  ///< header tag 8; the usual code of `digest` when none
    Instant timestamp;
    std::string file_name = "CTLFile.tlv";
    bool signer_version = false;  ///< header tag 28 = 1.1
    bool unknown_tags = false;    ///< header tag 64, record tag 99
};

/// @return INTERNAL if the key cannot sign
Result<Bytes> encode(const ListPlan& plan);

/// Offset and length of the signature value inside an encoded list.
struct SignaturePlace {
    std::size_t offset;
    std::size_t length;
};
SignaturePlace signature_in(ByteView list);

std::optional<crypto::Digest> digest_named(std::string_view name);  ///< "sha1"

}  // namespace tserver::sim
