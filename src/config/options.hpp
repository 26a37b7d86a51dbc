// THE table of options. Parsing, checks, `config show`, `config explain`, doc/options.md, the reload plan,
// shell completion and the hand-over to the link process walk it; nothing else knows an option by name.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>

#include "base/result.hpp"
#include "config/config.hpp"
#include "config/link_config.hpp"

namespace tserver::config {

/// When a change of the option counts.
enum class Takes : std::uint8_t {
    at_once,     ///< from its next use on; the running session stays
    link_reset,  ///< at once: the link drops its session and connects anew
    restart,     ///< after a restart of tserver; until then it is shown as pending
};
enum class Shown : std::uint8_t { in_full, as_stars };

/// The section an option stands in.
enum class Where : std::uint8_t {
    daemon,          ///< [TServer]
    shared,          ///< [link-tls]
    link,            ///< the section of a link
    shared_or_link,  ///< [link-tls] for every link, or the section of a link, which wins
};
std::string_view section_text(Where where);

enum class ForTls : std::uint8_t { not_needed, needed };

template <class T>
struct Access {
    Result<void> (*set)(T&, std::string_view text);  ///< parses and validates; the only place that does
    std::optional<std::string> (*get)(const T&);  ///< text that set() reads back; nothing = not set. A secret
                                                  ///< comes in clear: the caller wipes it.
};
/// link-<n>-name: it makes links and is no field of one.
struct Structure {};

struct Option {
    Where where;
    std::string_view name;
    std::string_view type;      ///< what is valid, as words: "port", "modern, cluster or legacy"
    std::string_view fallback;  ///< the default as text; empty = not set; in words where it depends on others
    Takes takes;
    Shown shown;
    ForTls tls;
    std::string_view example;  ///< a valid value (never a real secret)
    std::string_view help;
    std::variant<Structure, Access<DaemonConfig>, Access<LinkConfig>> access;
};

/// Every option, ordered by section and then as an operator meets them.
std::span<const Option> options() noexcept;

/// By its name; any `link-7-name` finds `link-<n>-name`.
const Option* option_named(std::string_view name) noexcept;
/// n of `link-<n>-name`, 1 to 999 without leading zeros.
std::optional<unsigned> link_number(std::string_view option_name) noexcept;

inline constexpr std::string_view daemon_section = "TServer";
inline constexpr std::string_view shared_section = "link-tls";
inline constexpr std::string_view stars = "********";  ///< one length for every secret

}  // namespace tserver::config
