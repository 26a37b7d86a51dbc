// Reads a trust list. Structure first, in full, and only then anything that takes memory or time
// (doc/protocols/ctl.md, section 6). Nothing read here is trusted until trust::verify has accepted it.
#pragma once

#include "trust/list.hpp"

namespace tserver::trust {

/// A list is never larger. Memory for reading one is bounded by its size times a small constant.
inline constexpr std::size_t file_limit = std::size_t{1} << 20U;
inline constexpr std::size_t record_limit = 1024;

enum class Defect : std::uint8_t {
    empty,
    not_a_trust_list,
    unsupported_version,
    truncated,
    bad_header,
    no_signature,
    duplicate_tag,
    bad_record,
    trailing_octets,
    bad_certificate,
    inconsistent_record,
    too_large,
};

std::string_view name(Defect defect) noexcept;  ///< "truncated", "duplicate tag"

/// Why a file is not a list, and where in the file that shows.
struct Damage {
    Defect defect;
    std::size_t offset;
    std::string detail;

    [[nodiscard]] Error error()
        const;  ///< CTL_TOO_LARGE or CTL_FORMAT, with "<defect> at offset <n>: <detail>"
};

/// The same as parse, for who wants the offset as a number.
tl::expected<List, Damage> read(ByteView file);

/// @return CTL_FORMAT, CTL_TOO_LARGE. A record whose certificate is well framed but cannot be decoded is
/// kept,
///         with Record::error set; a certificate that is not one complete DER SEQUENCE, or whose serial is
///         not the record's, refuses the whole list.
Result<List> parse(ByteView file);

}  // namespace tserver::trust
