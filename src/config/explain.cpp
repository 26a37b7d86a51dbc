#include "config/explain.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/text.hpp"

namespace tserver::config {
namespace {

std::string_view takes_text(Takes takes) {
    switch (takes) {
        case Takes::at_once: return "at once";
        case Takes::link_reset: return "at once: the link drops and reconnects";
        case Takes::restart: return "after a restart of tserver";
    }
    return {};
}

std::string fallback_text(const Option& option) {
    return option.fallback.empty() ? std::string{"not set"} : std::string{option.fallback};
}

/// Blanks at the ends, and quotes that would be taken off, need quotes around them.
std::string written(std::string_view value) {
    const bool quoted = value.size() >= 2 && value.front() == '"' && value.back() == '"';
    return quoted || trim(value).size() != value.size() ? fmt::format("\"{}\"", value) : std::string{value};
}

template <class T>
void write_options(std::string& out, const T& from, const T& defaults, Secrets secrets,
                   std::initializer_list<Where> sections, const LinkConfig* link = nullptr) {
    for (const auto& option : options()) {
        const auto* access = std::get_if<Access<T>>(&option.access);
        if (access == nullptr || std::ranges::find(sections, option.where) == sections.end()) continue;
        auto value = access->get(from);
        const bool from_file = option.name == "password" && link != nullptr && !link->password_file.empty();
        if (from_file || !value || value == access->get(defaults)) {
            out += fmt::format("# {}: {}\n", option.name,
                               from_file ? "from password-file" : fallback_text(option));
        } else if (option.shown == Shown::as_stars && secrets == Secrets::as_stars) {
            out += fmt::format("{} = {}\n", option.name, stars);
        } else {
            out += fmt::format("{} = {}\n", option.name, written(*value));
        }
        if (value && option.shown == Shown::as_stars) wipe(*value);
    }
}

/// "tls-capf-port = 3804", "link-1-name = link-tls-1"
std::string example_line(const Option& option) {
    std::string name{option.name};
    if (const auto at = name.find("<n>"); at != std::string::npos) name.replace(at, 3, "1");
    return fmt::format("{} = {}", name, option.example);
}

std::string option_paragraph(const Option& option) {
    return fmt::format(
        "{}\n\n  {}\n\n"
        "  section        {}\n  valid          {}\n  default        {}\n  takes effect   {}\n"
        "  needed for TLS {}\n  example        {}\n",
        option.name, option.help, section_text(option.where), option.type, fallback_text(option),
        takes_text(option.takes), option.tls == ForTls::needed ? "yes" : "no", example_line(option));
}

/// A cell of a Markdown table.
std::string cell(std::string_view text) {
    std::string out;
    for (const char c : text) {
        if (c == '|' || c == '<') out += '\\';
        out += c;
    }
    return out;
}

std::string document_table(Where where) {
    std::string out = "| Option | Valid | Default | Takes effect | Needed for TLS |\n|---|---|---|---|---|\n";
    for (const auto& option : options()) {
        if (option.where != where) continue;
        out += fmt::format("| `{}` | {} | {} | {} | {} |\n", option.name, cell(option.type),
                           cell(fallback_text(option)), takes_text(option.takes),
                           option.tls == ForTls::needed ? "yes" : "");
    }
    out += "\n";
    for (const auto& option : options()) {
        if (option.where == where)
            out += fmt::format("- **`{}`** {} Example: `{}`\n", option.name, cell(option.help),
                               example_line(option));
    }
    return out + "\n";
}

constexpr std::string_view document_head =
    R"(# Options

<!-- Generated from the options table (src/config/options.cpp); `tserverctl config explain --markdown` prints it. -->

The configuration is one INI file: sections `[name]`, lines `name = value`, comments on lines of their own that begin
with `#` or `;`. A value is everything behind the `=` without the blanks around it; `#`, `;`, `=` and quotes in it are
ordinary characters. One pair of double quotes around a whole value is taken off, so that blanks at its ends can be
kept; nothing inside them is interpreted. The file is UTF-8; a byte order mark and CRLF line ends are accepted.

A file with a mistake is refused as a whole, every mistake named with its line: running links are not touched.
`tserverctl config check FILE` reads a file as tserver does and changes nothing.

TLS is on for a link when every option marked as needed for TLS is set (`password-file` counts as `password`). With one
of them missing the link goes in clear to port 2748, and log, status and `config check` name what is missing; with
`tls-required = true` it stays down instead.

What a change does, when the file changes, on SIGHUP and with `tserverctl reload` (`tserverctl config plan FILE` shows
it beforehand):

- **at once**: the value counts from its next use on; sessions stay.
- **at once: the link drops and reconnects**: that link only.
- **after a restart of tserver**: until then it is shown as pending.

Values can make a change cheaper: a used `tls-auth-code` that is taken out, a default that is written out and a
passphrase that moves into a file change nothing; a `hostname` list that only grows keeps the session; TLS options of a
link that runs in clear wait for the day TLS is on. A link that is added, taken out or renumbered waits for the restart.
A reload is refused as a whole if a link would take an instance ID or a listen address that another one holds until the
restart.

)";

constexpr std::array<std::pair<Where, std::string_view>, 4> chapters{
    {{Where::daemon, "## Section [TServer]\n\n"},
     {Where::shared, "## Section [link-tls]: the cluster and the store, for every link\n\n"},
     {Where::link, "## The section of a link\n\n"},
     {Where::shared_or_link,
      "## In [link-tls] for every link, or in the section of a link\n\nWhat stands in the link's own section "
      "wins.\n\n"}}};

}  // namespace

std::string explain_all() {
    std::string out;
    for (const auto& [where, title] : chapters) {
        out += fmt::format("{}{}\n", out.empty() ? "" : "\n", section_text(where));
        for (const auto& option : options()) {
            if (option.where == where)
                out += fmt::format("  {:<20} {:<30} {}\n", option.name, fallback_text(option),
                                   takes_text(option.takes));
        }
    }
    return out + "\n`tserverctl config explain OPTION` says what an option does and what is valid.\n";
}

std::optional<std::string> explain(std::string_view option) {
    const auto* found = option_named(option);
    return found == nullptr ? std::nullopt : std::optional{option_paragraph(*found)};
}

std::string show(const Config& config, Secrets secrets) {
    const LinkConfig defaults;
    std::string out = fmt::format("[{}]\n", daemon_section);
    for (const auto& link : config.links) out += fmt::format("link-{}-name = {}\n", link.number, link.name);
    write_options(out, config.daemon, DaemonConfig{}, secrets, {Where::daemon});
    if (!config.links.empty()) {
        const auto& first = config.links.front();  // what is shared is equal in all
        out += fmt::format("\n[{}]\n", shared_section);
        write_options(out, first, defaults, secrets, {Where::shared}, &first);
    }
    for (const auto& link : config.links) {
        out += fmt::format("\n[{}]\n", link.name);
        write_options(out, link, defaults, secrets, {Where::link, Where::shared_or_link});
    }
    return out;
}

std::string options_document() {
    std::string out{document_head};
    for (const auto& [where, title] : chapters) out += std::string{title} + document_table(where);
    while (out.ends_with("\n\n")) out.pop_back();
    return out;
}

}  // namespace tserver::config
