// `tserverctl trust show|verify|diff`: what is in a trust list, whose signature it carries, what changed.
// They read the named files and nothing else, need no running tserver, and never write.
#pragma once

#include <optional>
#include <ostream>
#include <string>

#include "base/time.hpp"

namespace tserver::cli {

enum class TrustFormat { text, json };

struct TrustShow {
    std::string file;
    std::optional<std::string> held{};  ///< verify against this list; without it against itself
    TrustFormat format = TrustFormat::text;
    Instant now = wall_now();  ///< for days left
};

/// The list as a table. JSON on `out`:
/// {"file","format":"CTL|ITL","version","size","filename","sha256","sha1","md5",
///  "signer":{"name","issuer","serial","sha256":null|text},"digest","timestamp":null|time,"verified":bool,
///  "verified_by":"self|held"|null,"reason":null|{"fault","detail","action"},"warnings":[text],
///  "records":[{"index","offset","roles":[text],"subject","issuer","serial","sha256","sha1","key","dns","address",
///  "not_before","not_after","days_left","hash":null|{"digest","value"},"error"}]}; what a record lacks is
///  null.
/// A file that is no list: {"error":{"file","fault","detail","offset":null|n}} on `out`.
/// @return 0 verified, 3 readable but not verified, 4 unreadable
int trust_show(std::ostream& out, std::ostream& err, const TrustShow& request);

/// The same answer without the table; in JSON without "records".
int trust_verify(std::ostream& out, std::ostream& err, const TrustShow& request);

struct TrustDiff {
    std::string old_file;
    std::string new_file;
    TrustFormat format = TrustFormat::text;
};

/// One line per difference, then a summary, and whether a holder of the old list would take the new one.
/// JSON:
/// {"old":{"file","sha256","timestamp"},"new":{…},"changes":[{"kind":"added|removed|same_key","role","subject",
///  "old_serial","new_serial","old_sha256","new_sha256","not_after"}],"signer_changed":bool,"summary",
///  "verified":bool,"reason":null|{"fault","detail","action"}}
/// @return 0 no difference, 1 some, 4 one of the files is unreadable
int trust_diff(std::ostream& out, std::ostream& err, const TrustDiff& request);

}  // namespace tserver::cli
