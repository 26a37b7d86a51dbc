#include "cli/config_commands.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <string>
#include <vector>

#include "base/text.hpp"
#include "config/explain.hpp"
#include "config/options.hpp"
#include "config/plan.hpp"
#include "config/report.hpp"
#include "crypto/provided.hpp"
#include "crypto/tls_context.hpp"

namespace tserver::cli {
namespace {

namespace json = boost::json;
using config::problems_json;

json::string text_of(std::string_view text) { return json::string{text}; }
json::value text_or_null(std::string_view text) {
    return text.empty() ? json::value(nullptr) : json::value(text_of(text));
}

void print(std::ostream& out, const json::value& value) { out << json::serialize(value) << '\n'; }

std::string counted(std::size_t count, std::string_view one) {
    return fmt::format("{} {}{}", count, one, count == 1 ? "" : "s");
}

/// Shows why a file is refused; every command that reads one ends alike.
int refuse(std::ostream& out, std::ostream& err, const std::filesystem::path& file,
           const config::Problems& problems, ConfigFormat format) {
    if (format == ConfigFormat::json) {
        print(out, json::object{{"file", file.string()},
                                {"accepted", false},
                                {"links", 0},
                                {"problems", problems_json(problems)},
                                {"warnings", json::array{}}});
        return 2;
    }
    for (const auto& p : problems) err << p.str() << '\n';
    err << fmt::format("{}: refused, {}\n", file.string(), counted(problems.size(), "problem"));
    return 2;
}

/// Values by option as they are shown; options that are not set are null.
template <class T>
json::object values_of(const T& from) {
    json::object out;
    for (const auto& option : config::options()) {
        const auto* access = std::get_if<config::Access<T>>(&option.access);
        if (access == nullptr) continue;
        auto value = access->get(from);
        const bool secret = option.shown == config::Shown::as_stars;
        out[option.name] =
            !value ? json::value(nullptr) : json::value(text_of(secret ? config::stars : *value));
        if (value && secret) wipe(*value);
    }
    return out;
}

std::string_view security_text(config::Security security) {
    switch (security) {
        case config::Security::tls: return "tls";
        case config::Security::plain: return "plain";
        case config::Security::down: return "down";
    }
    return {};
}

json::object show_json(const config::Config& config) {
    json::array links;
    for (const auto& link : config.links) {
        links.push_back(json::object{{"name", link.name},
                                     {"number", link.number},
                                     {"security", text_of(security_text(security(link)))},
                                     {"listen", listen_on(link).str()},
                                     {"port", cti_port(link)},
                                     {"options", values_of(link)}});
    }
    return {{"file", config.source}, {"daemon", values_of(config.daemon)}, {"links", std::move(links)}};
}

/// What OpenSSL, or its settings on this host, take away from the profiles that the links use.
void warn_of_library(config::Config& config) {
    std::map<TlsProfile, std::vector<std::string_view>> users;
    for (const auto& link : config.links)
        if (security(link) == config::Security::tls) users[link.tls_profile].emplace_back(link.name);
    for (const auto& [profile, links] : users) {
        const auto offer = crypto::tls_offer(profile);
        if (offer && offer->lacking.empty()) continue;
        config.warnings.push_back(
            {Fault::CTI_TLS_CIPHER,
             {config.source},
             fmt::format("tls-profile = {} of {}: {}", name(profile), fmt::join(links, ", "),
                         offer ? fmt::format("OpenSSL does not have {}", fmt::join(offer->lacking, ", "))
                               : "it cannot work here: " + offer.error().detail),
             fmt::format("look at the settings of OpenSSL ({}), or choose another tls-profile",
                         crypto::settings_text()),
             {}});
    }
}

std::string_view takes_word(config::Takes takes) {
    switch (takes) {
        case config::Takes::at_once: return "at_once";
        case config::Takes::link_reset: return "link_reset";
        case config::Takes::restart: return "restart";
    }
    return {};
}

json::object option_json(const config::Option& option) {
    return {{"name", text_of(option.name)},
            {"section", text_of(section_text(option.where))},
            {"type", text_of(option.type)},
            {"default", text_or_null(option.fallback)},
            {"takes_effect", text_of(takes_word(option.takes))},
            {"secret", option.shown == config::Shown::as_stars},
            {"needed_for_tls", option.tls == config::ForTls::needed},
            {"example", text_of(option.example)},
            {"help", text_of(option.help)}};
}

}  // namespace

int config_check(std::ostream& out, std::ostream& err, const std::filesystem::path& file,
                 ConfigFormat format) {
    auto config = config::load(file, config::Purpose::checking);
    if (!config) return refuse(out, err, file, config.error(), format);
    warn_of_library(*config);
    if (format == ConfigFormat::json) {
        print(out, json::object{{"file", file.string()},
                                {"accepted", true},
                                {"links", config->links.size()},
                                {"problems", json::array{}},
                                {"warnings", problems_json(config->warnings)}});
    } else {
        for (const auto& w : config->warnings) out << "warning: " << w.str() << '\n';
        out << fmt::format("{}: accepted, {}, {}\n", file.string(), counted(config->links.size(), "link"),
                           counted(config->warnings.size(), "warning"));
    }
    return config->warnings.empty() ? 0 : 1;
}

int config_show(std::ostream& out, std::ostream& err, const std::filesystem::path& file,
                ConfigFormat format) {
    const auto config = config::load(file, config::Purpose::checking);
    if (!config) return refuse(out, err, file, config.error(), format);
    if (format == ConfigFormat::json) {
        print(out, show_json(*config));
    } else {
        out << config::show(*config);
    }
    return 0;
}

int config_plan(std::ostream& out, std::ostream& err, const config::Config& running,
                const std::filesystem::path& file, ConfigFormat format) {
    const auto fresh = config::load(file);
    if (!fresh) return refuse(out, err, file, fresh.error(), format);
    const auto plan = config::plan(running, *fresh);
    if (format == ConfigFormat::json) {
        auto answer = plan_json(plan);
        answer["file"] = file.string();
        print(out, answer);
    } else {
        out << plan_text(plan);
    }
    return plan.refused() ? 2 : 0;
}

int config_explain(std::ostream& out, std::ostream& err, std::optional<std::string_view> option,
                   ConfigFormat format) {
    if (!option) {
        if (format == ConfigFormat::text) {
            out << config::explain_all();
        } else {
            json::array all;
            for (const auto& o : config::options()) all.push_back(option_json(o));
            print(out, json::object{{"options", std::move(all)}});
        }
        return 0;
    }
    const auto* found = config::option_named(*option);
    if (found == nullptr) {
        std::vector<std::string_view> known;
        for (const auto& o : config::options()) known.push_back(o.name);
        const auto near = nearest(lower_case(*option), known);
        err << fmt::format("{} is not an option{}\n", escape(*option, 60),
                           near ? fmt::format("; did you mean {}?", *near) : std::string{});
        return row(Fault::CONFIG_UNKNOWN).exit_code;
    }
    if (format == ConfigFormat::json) {
        print(out, option_json(*found));
    } else {
        out << *config::explain(found->name);
    }
    return 0;
}

int config_explain_markdown(std::ostream& out) {
    out << config::options_document();
    return 0;
}

}  // namespace tserver::cli
