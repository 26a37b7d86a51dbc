// What a configuration names on this host: the passphrase's file or credential, the directory of the store,
// and the file itself. Reads only.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "base/secret.hpp"

namespace tserver::config {

struct Passphrase {
    Secret octets;
    bool blanks_at_end = false;  ///< kept, and doubtful
};

/// Octets of the passphrase that stand in a file: one LF or CRLF at the end is not part of it (F12).
/// @return STORE_EMPTY_PASSPHRASE; CONFIG_VALUE for a NUL octet
Result<Passphrase> passphrase_in(std::string_view content);

/// @param source  value of password-file
/// @return UNREADABLE, STORE_MODE (others can read it; the detail has the chmod), and those of
/// passphrase_in()
Result<Passphrase> read_passphrase(std::string_view source);

/// A store that exists is a directory only its owner may write to; one that does not has an existing parent.
/// @return STORE_MODE, CONFIG_VALUE
Result<void> check_store_path(const std::filesystem::path& path);

/// The log file may be missing, its directory not.  @return CONFIG_VALUE
Result<void> check_log_path(const std::filesystem::path& path);

struct TextFile {
    std::string text;          ///< may hold secrets: wipe it
    bool others_read = false;  ///< anybody on this host can
};
/// @return CONFIG_UNREADABLE; CONFIG_SYNTAX for more than 4 MiB
Result<TextFile> read_config_file(const std::filesystem::path& path);

/// A path as one argument of a shell command.
std::string shell_quoted(std::string_view path);

}  // namespace tserver::config
