#include "config/plan.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "config/clash.hpp"
#include "config/options.hpp"

namespace tserver::config {
namespace {

/// What a change of one option comes to, and why.
struct Verdict {
    Effect effect;
    std::string_view reason;
};

Verdict verdict_of(Takes takes) {
    switch (takes) {
        case Takes::at_once: return {Effect::at_once, "counts from its next use on; the session stays"};
        case Takes::link_reset: return {Effect::link_reset, "the session was made with the old value"};
        case Takes::restart: break;
    }
    return {Effect::restart, "is read at the start of tserver"};
}

/// Whether the running value stays until the restart.
template <class T>
bool waits(const Option& option, const T& /*running*/, const T& /*fresh*/) {
    return option.takes == Takes::restart;
}
template <>
bool waits(const Option& option, const LinkConfig& running, const LinkConfig& fresh) {
    const bool of_passphrase = option.name == "password" || option.name == "password-file";
    const bool same_passphrase = running.passphrase && running.passphrase == fresh.passphrase;
    return option.takes == Takes::restart && !(of_passphrase && same_passphrase);
}

/// Where the values decide, not the option alone.
/// @param b  what the link will have, pending options aside
std::optional<Verdict> verdict_by_value(std::string_view option, const LinkConfig& a, const LinkConfig& b) {
    const bool of_tls = option == "tls-instance-id" || option == "tls-auth-code" || option == "tls-profile";
    if (option == "password" || option == "password-file")
        return Verdict{Effect::nothing, "the passphrase is the same"};
    if (option == "tls-auth-code" && !b.auth_code)
        return Verdict{Effect::nothing,
                       "a used code is not needed any more: the certificate is in the store"};
    if (of_tls && security(a) != Security::tls && security(b) != Security::tls)
        return Verdict{Effect::at_once, "TLS is off for this link, nothing uses it now"};
    if (option == "port" && cti_port(a) == cti_port(b))
        return Verdict{Effect::nothing, "the port is the same"};
    if (option == "listen" && listen_on(a) == listen_on(b))
        return Verdict{Effect::nothing, "the address is the same"};
    if (option == "hostname" && std::ranges::all_of(a.hostname, [&](const Host& host) {
            return std::ranges::find(b.hostname, host) != b.hostname.end();
        }))
        return Verdict{Effect::at_once, "the list still holds every CTIManager it held; the session stays"};
    if (option == "tls-required" && security(a) != security(b)) {
        return Verdict{Effect::link_reset, b.tls_required ? "the link may not go in clear any more"
                                                          : "the link may go in clear now"};
    }
    return std::nullopt;
}
std::optional<Verdict> verdict_by_value(std::string_view, const DaemonConfig&, const DaemonConfig&) {
    return std::nullopt;
}

std::string shown(const Option& option, std::optional<std::string>& value) {
    if (!value) return {};
    if (option.shown == Shown::in_full) return *value;
    wipe(*value);
    return std::string{stars};
}

/// The running options that wait for the restart, and the fresh ones that do not.
template <class T>
T merged(T base, const T& running, const T& fresh) {
    for (const auto& option : options()) {
        const auto* access = std::get_if<Access<T>>(&option.access);
        if (access == nullptr) continue;
        auto text = access->get(waits(option, running, fresh) ? running : fresh);
        if (!text) continue;
        [[maybe_unused]] const auto accepted = access->set(base, *text);  // what get() gives, set() takes
        wipe(*text);
    }
    return base;
}

class Planner {
public:
    Planner(const Config& running, const Config& fresh) : running_{running}, fresh_{fresh} {}

    Plan make() {
        plan_.after = fresh_;
        plan_.after.daemon = merge({}, DaemonConfig{}, running_.daemon, fresh_.daemon);
        plan_.after.links.clear();
        for (const auto& old : running_.links) {
            const auto* now = fresh_.link(old.name);
            if (now == nullptr) {
                add(old.name, number_option(old.number), Effect::restart, old.name, {},
                    "the link was taken out; it runs until tserver is restarted");
                plan_.after.links.push_back(old);
            } else {
                plan_.after.links.push_back(link(old, *now));
            }
        }
        for (const auto& now : fresh_.links) {
            if (running_.link(now.name) == nullptr) {
                add(now.name, number_option(now.number), Effect::restart, {}, now.name,
                    "the link is new; it is started with tserver");
            }
        }
        refuse_clashes();
        return std::move(plan_);
    }

private:
    static std::string number_option(unsigned number) { return fmt::format("link-{}-name", number); }

    void add(std::string_view link, std::string_view option, Effect effect, std::string from, std::string to,
             std::string_view reason) {
        plan_.changes.push_back({std::string{link}, std::string{option}, effect, std::move(from),
                                 std::move(to), std::string{reason}});
    }

    template <class T>
    T merge(std::string_view link, T base, const T& running, const T& fresh) {
        auto after = merged(std::move(base), running, fresh);
        for (const auto& option : options()) {
            const auto* access = std::get_if<Access<T>>(&option.access);
            if (access == nullptr) continue;
            auto from = access->get(running);
            auto to = access->get(fresh);
            const bool same = from == to;
            auto from_shown = shown(option, from);
            auto to_shown = shown(option, to);
            if (same) continue;
            auto verdict = verdict_of(option.takes);
            if (!waits(option, running, fresh))
                verdict = verdict_by_value(option.name, running, after).value_or(verdict);
            add(link, option.name, verdict.effect, std::move(from_shown), std::move(to_shown),
                verdict.reason);
        }
        return after;
    }

    LinkConfig link(const LinkConfig& running, const LinkConfig& fresh) {
        if (running.number != fresh.number) {
            add(running.name, number_option(fresh.number), Effect::restart, number_option(running.number),
                number_option(fresh.number),
                "the link has another number; its default listen address follows with the restart");
        }
        LinkConfig base;
        base.number = running.number;
        base.name = running.name;
        return merge(running.name, std::move(base), running, fresh);
    }

    void refuse_clashes() {
        const auto found = clashes(plan_.after.links);
        for (const auto& c : found) {
            const auto& link = plan_.after.links[c.second];
            add(link.name, c.option, Effect::refused, {}, c.value,
                fmt::format("{} has it until tserver is restarted", plan_.after.links[c.first].name));
        }
        if (!found.empty()) plan_.after = running_;
    }

    const Config& running_;
    const Config& fresh_;
    Plan plan_;
};

}  // namespace

std::string_view text(Effect effect) {
    switch (effect) {
        case Effect::nothing: return "nothing";
        case Effect::at_once: return "at once";
        case Effect::link_reset: return "drops and reconnects";
        case Effect::restart: return "pending restart";
        case Effect::refused: return "refused";
    }
    return {};
}

bool Plan::refused() const {
    return std::ranges::any_of(changes, [](const Change& c) { return c.effect == Effect::refused; });
}

Effect Plan::on(std::string_view link) const {
    auto most = Effect::nothing;
    for (const auto& c : changes) {
        if (c.link == link && c.effect <= Effect::link_reset) most = std::max(most, c.effect);
    }
    return most;
}

std::vector<std::string> Plan::resets() const {
    std::vector<std::string> names;
    for (const auto& c : changes) {
        if (c.effect == Effect::link_reset && (names.empty() || names.back() != c.link))
            names.push_back(c.link);
    }
    return names;
}

std::vector<std::string> Plan::pending(std::string_view link) const {
    std::vector<std::string> names;
    for (const auto& c : changes) {
        if (c.link == link && c.effect == Effect::restart) names.push_back(c.option);
    }
    return names;
}

Plan plan(const Config& running, const Config& fresh) { return Planner{running, fresh}.make(); }

}  // namespace tserver::config
