#include "config/config.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "base/text.hpp"
#include "config/clash.hpp"
#include "config/file.hpp"
#include "config/host_files.hpp"
#include "config/options.hpp"
#include "config/values.hpp"

namespace tserver::config {
namespace {

const Entry* entry(const Section* section, std::string_view option) {
    if (section == nullptr) return nullptr;
    const auto at = std::ranges::find(section->entries, option, &Entry::name);
    return at == section->entries.end() ? nullptr : &*at;
}

bool stands_in(Where where, Where section) {
    return where == section ||
           (where == Where::shared_or_link && (section == Where::shared || section == Where::link));
}

/// A name that is safe in a command line, a log field, a metric label and a table.
bool is_link_name(std::string_view name) {
    return !name.empty() && name.size() <= 64 && std::ranges::all_of(name, [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
               c == '_' || c == '.';
    });
}

std::string guess(std::string_view word, const std::vector<std::string_view>& known) {
    const auto near = nearest(word, known);
    return near ? fmt::format("; did you mean {}?", *near) : std::string{};
}

/// "a, b, c and 4 more"
std::string listed(const std::vector<std::string_view>& names) {
    constexpr std::size_t most = 8;
    std::string out;
    for (std::size_t i = 0; i < std::min(names.size(), most); ++i) {
        out += i == 0 ? "" : ", ";
        out += names[i];
    }
    if (names.size() > most) out += fmt::format(" and {} more", names.size() - most);
    return out;
}

class Builder {
public:
    Builder(std::string_view text, std::string_view path)
        : path_{path}, sections_{read_file(text, path, problems_)}, shared_{section(shared_section)} {
        config_.source = path_;
    }

    void build() {
        if (sections_.empty() && !problems_.empty()) return;
        if (section(daemon_section) == nullptr) {
            problems_.add({Fault::CONFIG_MISSING,
                           {path_},
                           "there is no section [TServer]",
                           "add [TServer] with link-1-name = NAME, and a section [NAME] for the link",
                           {}});
        } else {
            read_daemon();
        }
        if (shared_ != nullptr) {
            for (const auto& e : shared_->entries) set(e, *shared_, Where::shared, common_);
        }
        for (const auto& [number, at] : names_) read_link(number, *at);
        check_unnamed();
        check_alone();
        check_together();
        warn_of_tls();
    }

    /// After build(): what the options name on this host.
    void look_at_host(Purpose purpose) {
        if (const auto* e = entry(shared_, "tls-cert-path"); e != nullptr && !common_.store.empty()) {
            if (auto good = check_store_path(common_.store); !good) host_problem(*e, good.error());
        }
        const auto& log_file = config_.daemon.log_file;
        if (const auto* e = entry(section(daemon_section), "log-file"); e != nullptr && !log_file.empty()) {
            if (auto good = check_log_path(log_file); !good) host_problem(*e, good.error());
        }
        const auto* e = entry(shared_, "password-file");
        if (e == nullptr || common_.password_file.empty() || common_.passphrase) return;
        if (purpose == Purpose::checking && e->value.starts_with(credential_prefix) &&
            std::getenv("CREDENTIALS_DIRECTORY") == nullptr) {
            warn({Fault::UNREADABLE,
                  e->value_at,
                  "password-file: a credential can be seen by the service only; not checked",
                  "`systemctl status tserver` shows whether the service has it",
                  {}});
            return;
        }
        auto passphrase = read_passphrase(e->value);
        if (!passphrase) return host_problem(*e, passphrase.error());
        if (passphrase->blanks_at_end) {
            warn({Fault::CONFIG_VALUE,
                  e->value_at,
                  "password-file: the passphrase begins or ends with blanks or line ends; they count as part "
                  "of it",
                  "remove them from the file if they are not meant",
                  {}});
        }
        for (auto& link : config_.links) link.passphrase = passphrase->octets;
    }

    void warn_of_readers() {
        const bool secrets = common_.passphrase.has_value() && common_.password_file.empty();
        const bool codes =
            std::ranges::any_of(config_.links, [](const auto& l) { return l.auth_code.has_value(); });
        if (!secrets && !codes) return;
        warn({Fault::PERMISSION,
              {path_},
              "the file holds secrets and every user of this host can read it",
              fmt::format("run: chmod o= {}", shell_quoted(path_)),
              {}});
    }

    Checked<Config> result() {
        if (!problems_.empty()) return tl::unexpected<Problems>(problems_.take());
        if (!warnings_.empty()) config_.warnings = warnings_.take();
        return std::move(config_);
    }

private:
    [[nodiscard]] const Section* section(std::string_view name) const {
        const auto at = std::ranges::find(sections_, name, &Section::name);
        return at == sections_.end() ? nullptr : &*at;
    }
    void warn(Warning warning) { warnings_.add(std::move(warning)); }
    void host_problem(const Entry& e, const Error& error) {
        problems_.add({error.fault,
                       e.value_at,
                       fmt::format("{}: {}", e.name, error.detail),
                       std::string{row(error.fault).action},
                       {}});
    }

    void read_daemon() {
        const auto& daemon = *section(daemon_section);
        for (const auto& e : daemon.entries) {
            if (const auto number = link_number(e.name)) {
                name_link(*number, e);
            } else {
                set(e, daemon, Where::daemon, config_.daemon);
            }
        }
        const bool tried =
            std::ranges::any_of(daemon.entries, [](const auto& e) { return e.name.starts_with("link-"); });
        if (!tried) {
            problems_.add({Fault::CONFIG_MISSING,
                           daemon.at,
                           "[TServer] names no link",
                           "add link-1-name = NAME, and a section [NAME] for the link",
                           {}});
        }
    }

    [[nodiscard]] bool is_named(std::string_view name) const {
        const auto& entries = section(daemon_section)->entries;
        return std::ranges::any_of(entries,
                                   [&](const Entry& e) { return link_number(e.name) && e.value == name; });
    }

    void name_link(unsigned number, const Entry& e) {
        const auto refuse = [&](Fault fault, std::string text, std::string remedy,
                                std::optional<Place> other = {}) {
            problems_.add({fault, e.value_at, fmt::format("{}: {}", e.name, text), std::move(remedy),
                           std::move(other)});
        };
        if (!is_link_name(e.value)) {
            return refuse(Fault::CONFIG_VALUE, "the name of a link is 1 to 64 letters, digits, dots, - or _",
                          fmt::format("for example {} = link-tls-{}", e.name, number));
        }
        if (e.value == daemon_section || e.value == shared_section) {
            return refuse(Fault::CONFIG_CONFLICT,
                          fmt::format("[{}] cannot be the section of a link", e.value),
                          "give the link's section another name");
        }
        for (const auto& [other, at] : names_) {
            if (at->value == e.value) {
                return refuse(Fault::CONFIG_CONFLICT, fmt::format("{} names the same section", at->name),
                              "give each link a section of its own", at->value_at);
            }
        }
        if (section(e.value) == nullptr) {
            std::vector<std::string_view> known;
            for (const auto& s : sections_) {
                if (s.name != daemon_section && s.name != shared_section && !is_named(s.name))
                    known.push_back(s.name);
            }
            return refuse(Fault::CONFIG_MISSING,
                          fmt::format("there is no section [{}]{}", e.value, guess(e.value, known)),
                          "add the section, or correct the name");
        }
        names_.emplace(number, &e);
    }

    void read_link(unsigned number, const Entry& name) {
        const auto& own = *section(name.value);
        auto link = common_;
        link.number = number;
        link.name = name.value;
        for (const auto& e : own.entries) set(e, own, Where::link, link);
        if (entry(&own, "hostname") == nullptr) {
            problems_.add({Fault::CONFIG_MISSING,
                           own.at,
                           fmt::format("[{}] has no hostname", own.name),
                           "add hostname = the CTIManager of the link, or several with commas between",
                           {}});
        }
        config_.links.push_back(std::move(link));
        link_sections_.push_back(&own);
    }

    template <class T>
    void set(const Entry& e, const Section& in, Where where, T& target) {
        const auto* option = option_named(e.name);
        if (option == nullptr || !stands_in(option->where, where)) return unknown(e, in, where, option);
        if (e.value.empty() && option->name != "password") {
            problems_.add({Fault::CONFIG_VALUE,
                           e.value_at,
                           fmt::format("{}: there is no value", e.name),
                           "remove the line to leave the option unset",
                           {}});
            return;
        }
        const auto* access = std::get_if<Access<T>>(&option->access);
        if (access == nullptr) return;
        if (auto good = access->set(target, e.value); !good)
            problems_.add(value_problem(option->name, good.error(), e.value_at));
    }

    void unknown(const Entry& e, const Section& in, Where where, const Option* option) {
        const auto name = escape(e.name, 60);
        if (option != nullptr) {
            problems_.add({Fault::CONFIG_UNKNOWN,
                           e.name_at,
                           fmt::format("{} does not belong in [{}]", name, escape(in.name, 60)),
                           fmt::format("move it to {}", section_text(option->where)),
                           {}});
            return;
        }
        if (where == Where::daemon && e.name.starts_with("link-") && e.name.ends_with("-name")) {
            problems_.add(
                {Fault::CONFIG_UNKNOWN,
                 e.name_at,
                 fmt::format("{}: n of link-<n>-name is a number from 1 to 999, without leading zeros", name),
                 "correct the number",
                 {}});
            return;
        }
        std::vector<std::string_view> known;
        for (const auto& o : options()) {
            if (stands_in(o.where, where)) known.push_back(o.name);
        }
        problems_.add({Fault::CONFIG_UNKNOWN,
                       e.name_at,
                       fmt::format("{} is not an option of [{}]{}", name, escape(in.name, 60),
                                   guess(lower_case(e.name), known)),
                       "correct the name; `tserverctl config explain` lists every option",
                       {}});
    }

    /// A link that was taken out of [TServer] for a while is a warning; a section that is none is refused.
    void check_unnamed() {
        for (const auto& s : sections_) {
            const bool named = std::ranges::find(link_sections_, &s) != link_sections_.end();
            if (named || s.name == daemon_section || s.name == shared_section) continue;
            const bool is_link =
                entry(&s, "hostname") != nullptr && std::ranges::all_of(s.entries, [](const Entry& e) {
                    const auto* option = option_named(e.name);
                    return option != nullptr && stands_in(option->where, Where::link);
                });
            if (is_link) {
                LinkConfig unused;
                for (const auto& e : s.entries) set(e, s, Where::link, unused);
                warn({Fault::CONFIG_UNKNOWN,
                      s.at,
                      fmt::format("section [{}] is not used: no link-<n>-name names it", escape(s.name, 60)),
                      "add link-<n>-name to [TServer], or remove the section",
                      {}});
                continue;
            }
            std::vector<std::string_view> known{daemon_section, shared_section};
            for (const auto& [number, e] : names_) known.push_back(e->value);
            problems_.add(
                {Fault::CONFIG_UNKNOWN,
                 s.at,
                 fmt::format("section [{}] is not known{}", escape(s.name, 60), guess(s.name, known)),
                 "correct the name, or name the section in [TServer] with link-<n>-name",
                 {}});
        }
    }

    /// What one link's options, or the shared ones, say against each other.
    void check_alone() {
        const auto* password = entry(shared_, "password");
        if (const auto* file = entry(shared_, "password-file"); password != nullptr && file != nullptr) {
            problems_.add({Fault::CONFIG_DUPLICATE, file->name_at, "password and password-file are both set",
                           "remove one of the two lines", password->name_at});
        }
        for (std::size_t i = 0; i < config_.links.size(); ++i) {
            const auto& link = config_.links[i];
            if (link.reconnect_min > link.reconnect_max) {
                const auto low = set_at(i, "reconnect-min");
                const auto high = set_at(i, "reconnect-max");
                problems_.add(
                    {Fault::CONFIG_VALUE, high ? *high : *low,
                     fmt::format("reconnect-max ({}) is less than reconnect-min ({})",
                                 duration_text(link.reconnect_max), duration_text(link.reconnect_min)),
                     "raise the one or lower the other", high ? low : std::nullopt});
            }
            if (link.listen && !is_loopback(link.listen->host)) {
                warn({Fault::CONFIG_VALUE,
                      place(i, "listen"),
                      fmt::format("listen: {} is not a loopback address; what comes there is not encrypted",
                                  link.listen->str()),
                      "listen on 127.x.x.x if the application runs on this host",
                      {}});
            }
            const bool tls = tls_on(link);
            if (link.port && *link.port == (tls ? 2748 : 2749)) {
                warn({Fault::CONFIG_VALUE,
                      place(i, "port"),
                      fmt::format("port: {} is the {} port of CTIManager, and TLS is {} for this link",
                                  *link.port, tls ? "plain" : "TLS", tls ? "on" : "off"),
                      fmt::format("remove the line: the default is {}", tls ? 2749 : 2748),
                      {}});
            }
        }
    }

    void check_together() {
        for (const auto& c : clashes(config_.links)) {
            const auto& other = config_.links[c.first].name;
            problems_.add({Fault::CONFIG_CONFLICT, place(c.second, c.option),
                           fmt::format("{}: {} of [{}] is taken by [{}]", c.option, c.value,
                                       config_.links[c.second].name, other),
                           std::string{row(Fault::CONFIG_CONFLICT).action}, place(c.first, c.option)});
        }
    }

    /// One warning for all links that lack the same options.
    void warn_of_tls() {
        std::map<std::pair<Security, std::vector<std::string_view>>, std::vector<std::size_t>> groups;
        for (std::size_t i = 0; i < config_.links.size(); ++i) {
            auto missing = missing_for_tls(config_.links[i]);
            if (!missing.empty()) groups[{security(config_.links[i]), std::move(missing)}].push_back(i);
        }
        for (const auto& [what, links] : groups) {
            const auto& [mode, missing] = what;
            std::vector<std::string_view> names;
            for (const auto i : links) names.push_back(config_.links[i].name);
            const bool one = names.size() == 1;
            warn({Fault::CONFIG_INCOMPLETE,
                  link_sections_[links.front()]->at,
                  fmt::format("TLS is off for {}, which {}: not set: {}", listed(names),
                              mode == Security::down
                                  ? one ? "stays down (tls-required)" : "stay down (tls-required)"
                              : one ? "goes in clear"
                                    : "go in clear",
                              listed(missing)),
                  std::string{row(Fault::CONFIG_INCOMPLETE).action},
                  {}});
        }
    }

    /// Where an option of link i was set.
    [[nodiscard]] std::optional<Place> set_at(std::size_t i, std::string_view option) const {
        const auto* own = entry(link_sections_[i], option);
        const auto* e = own != nullptr ? own : entry(shared_, option);
        return e == nullptr ? std::nullopt : std::optional{e->value_at};
    }
    [[nodiscard]] Place place(std::size_t i, std::string_view option) const {
        return set_at(i, option).value_or(link_sections_[i]->at);
    }

    std::string path_;
    ProblemList problems_, warnings_;
    std::vector<Section> sections_;
    const Section* shared_;
    LinkConfig common_;
    std::map<unsigned, const Entry*> names_;
    Config config_;
    std::vector<const Section*> link_sections_;  ///< beside config_.links
};

}  // namespace

const LinkConfig* Config::link(std::string_view name) const {
    const auto at = std::ranges::find(links, name, &LinkConfig::name);
    return at == links.end() ? nullptr : &*at;
}

Checked<Config> parse(std::string_view text, std::string_view path) {
    Builder builder{text, path};
    builder.build();
    return builder.result();
}

Checked<Config> load(const std::filesystem::path& path, Purpose purpose) {
    auto file = read_config_file(path);
    if (!file) {
        const auto fault = file.error().fault;
        return tl::unexpected<Problems>(
            Problems{{fault, {path.string()}, file.error().detail, std::string{row(fault).action}, {}}});
    }
    Builder builder{file->text, path.string()};
    builder.build();
    builder.look_at_host(purpose);
    if (file->others_read) builder.warn_of_readers();
    auto result = builder.result();
    wipe(file->text);
    return result;
}

Error as_error(const Problems& problems) {
    const auto& first = problems.front();
    auto detail = fmt::format("{}: {}", first.at.str(), first.text);
    if (first.other) detail += fmt::format(" (see also {})", first.other->str());
    if (problems.size() > 1) detail += fmt::format(" (and {} more)", problems.size() - 1);
    return {first.fault, std::move(detail), {}};
}

}  // namespace tserver::config
