#include "config/link_config.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "config/options.hpp"

namespace tserver::config {
namespace {

bool is_set(const Option& option, const LinkConfig& link) {
    const auto* access = std::get_if<Access<LinkConfig>>(&option.access);
    if (access == nullptr) return false;
    auto text = access->get(link);
    if (!text) return option.name == "password" && !link.password_file.empty();
    wipe(*text);
    return true;
}

}  // namespace

bool tls_on(const LinkConfig& link) {
    return std::ranges::all_of(
        options(), [&](const Option& o) { return o.tls == ForTls::not_needed || is_set(o, link); });
}

Security security(const LinkConfig& link) {
    if (tls_on(link)) return Security::tls;
    return link.tls_required ? Security::down : Security::plain;
}

std::vector<std::string_view> missing_for_tls(const LinkConfig& link) {
    std::vector<std::string_view> missing;
    bool any = link.tls_required || link.auth_code.has_value();
    for (const auto& option : options()) {
        if (option.tls == ForTls::not_needed) continue;
        if (is_set(option, link)) {
            any = true;
        } else {
            missing.push_back(option.name);
        }
    }
    if (!any) missing.clear();
    return missing;
}

Port cti_port(const LinkConfig& link) { return link.port.value_or(tls_on(link) ? Port{2749} : Port{2748}); }

Endpoint listen_on(const LinkConfig& link) {
    if (link.listen) return *link.listen;
    // 127.0.1.0 + n; the table keeps n below 1000.
    auto host = Host::parse(fmt::format("127.0.{}.{}", 1 + link.number / 256, link.number % 256));
    return Endpoint{*std::move(host), 2748};
}

}  // namespace tserver::config
