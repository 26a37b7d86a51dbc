#include "trust/list.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "base/text.hpp"

namespace tserver::trust {
namespace {

ByteView without_zeros(ByteView octets) {
    while (!octets.empty() && octets.front() == 0) octets = octets.subspan(1);
    return octets;
}

/// Shortest two's complement of a negative number, given its magnitude (not zero).
Bytes negated(Bytes magnitude) {
    unsigned carry = 1;
    for (auto octet = magnitude.rbegin(); octet != magnitude.rend(); ++octet) {
        const unsigned sum = (~*octet & 0xFFU) + carry;
        *octet = static_cast<std::uint8_t>(sum & 0xFFU);
        carry = sum >> 8U;
    }
    if ((magnitude.front() & 0x80U) == 0) magnitude.insert(magnitude.begin(), 0xFF);
    return magnitude;
}

std::string hex_of(crypto::Digest digest, const Bytes& octets) {
    return hex(crypto::digest_of(digest, octets));
}

}  // namespace

std::string role_name(Role role) {
    switch (role) {
        case Role::sast: return "SAST";
        case Role::ccm: return "CCM";
        case Role::ccm_tftp: return "CCM+TFTP";
        case Role::tftp: return "TFTP";
        case Role::capf: return "CAPF";
        case Role::srst: return "SRST";
        case Role::app_server: return "APP-SERVER";
        case Role::tvs: return "TVS";
    }
    return fmt::format("ROLE-{}", static_cast<unsigned>(role));
}

std::string Record::subject() const { return certificate ? certificate->subject() : subject_text; }
std::string Record::issuer() const { return certificate ? certificate->issuer() : issuer_text; }
std::string Record::serial_text() const { return certificate ? certificate->serial() : hex(serial); }

std::string Header::version() const { return fmt::format("{}.{}", major, minor); }
std::string Header::serial_text() const { return hex(signer_serial); }

std::string_view List::format() const noexcept {
    if (header.filename.starts_with("ITL")) return "ITL";
    if (header.filename.starts_with("CTL")) return "CTL";
    const bool has_tvs =
        std::ranges::any_of(records, [](const Record& record) { return record.role == Role::tvs; });
    return has_tvs ? "ITL" : "CTL";
}

ByteView List::signed_before() const noexcept { return ByteView{octets}.first(header.signature_offset); }
ByteView List::signed_behind() const noexcept {
    return ByteView{octets}.subspan(header.signature_offset + 3 + header.signature.size());
}

std::string Header::signed_text() const {
    return timestamp ? "signed " + rfc3339(*timestamp) : "of an unknown time";
}

std::string List::sha256() const { return hex_of(crypto::Digest::sha256, octets); }
std::string List::sha1() const { return hex_of(crypto::Digest::sha1, octets); }
std::string List::md5() const { return hex_of(crypto::Digest::md5, octets); }

bool spells_serial(ByteView octets, const crypto::Certificate& certificate) {
    const auto magnitude = certificate.serial_octets();
    if (std::ranges::equal(without_zeros(octets), magnitude)) return true;
    const bool negative = certificate.serial().starts_with('-');
    return negative && !magnitude.empty() && std::ranges::equal(octets, negated(magnitude));
}

}  // namespace tserver::trust
