#include "config/report.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.hpp"

namespace tserver::config {
namespace {

namespace json = boost::json;

json::string text_of(std::string_view text) { return json::string{text}; }
json::value text_or_null(std::string_view text) {
    return text.empty() ? json::value(nullptr) : json::value(text_of(text));
}

json::object place(const Place& at) { return {{"file", at.file}, {"line", at.line}, {"column", at.column}}; }

std::string_view effect_word(Effect effect) {
    switch (effect) {
        case Effect::nothing: return "nothing";
        case Effect::at_once: return "at_once";
        case Effect::link_reset: return "link_reset";
        case Effect::restart: return "restart";
        case Effect::refused: return "refused";
    }
    return {};
}

bool has_pending(const Plan& plan) {
    return std::ranges::any_of(plan.changes, [](const auto& c) { return c.effect == Effect::restart; });
}

std::string joined(const std::vector<std::string>& names) {
    std::string out;
    for (const auto& name : names) out += (out.empty() ? "" : ", ") + name;
    return out;
}

/// One change that several links share.
struct Group {
    const Change* change;
    std::vector<std::string> links;
};

std::vector<Group> grouped(const Plan& plan) {
    std::vector<Group> groups;
    for (const auto& c : plan.changes) {
        const auto same = std::ranges::find_if(groups, [&](const Group& g) {
            const auto& o = *g.change;
            return o.option == c.option && o.effect == c.effect && o.from == c.from && o.to == c.to &&
                   o.reason == c.reason;
        });
        auto& group = same == groups.end() ? groups.emplace_back(Group{&c, {}}) : *same;
        group.links.push_back(c.link.empty() ? "tserver" : c.link);
    }
    return groups;
}

std::string value_text(const std::string& value) { return value.empty() ? "(not set)" : escape(value, 60); }

}  // namespace

json::array problems_json(const Problems& problems) {
    json::array out;
    for (const auto& p : problems) {
        auto one = place(p.at);
        one["fault"] = text_of(id(p.fault));
        one["text"] = p.text;
        one["remedy"] = p.remedy;
        one["other"] = p.other ? json::value(place(*p.other)) : json::value(nullptr);
        out.push_back(std::move(one));
    }
    return out;
}

json::object plan_json(const Plan& plan) {
    json::array changes, drops;
    for (const auto& c : plan.changes) {
        changes.push_back(json::object{{"link", text_or_null(c.link)},
                                       {"option", c.option},
                                       {"effect", text_of(effect_word(c.effect))},
                                       {"from", text_or_null(c.from)},
                                       {"to", text_or_null(c.to)},
                                       {"reason", c.reason}});
    }
    if (!plan.refused()) {
        for (const auto& name : plan.resets()) drops.push_back(json::string{name});
    }
    return {{"accepted", !plan.refused()},
            {"changes", std::move(changes)},
            {"drops", std::move(drops)},
            {"pending_restart", has_pending(plan)}};
}

std::string plan_text(const Plan& plan) {
    std::string out;
    for (const auto& group : grouped(plan)) {
        const auto& c = *group.change;
        out += fmt::format("{:<22} {:<20} {}\n", text(c.effect), c.option, joined(group.links));
        out += fmt::format("{:<22} {} -> {}\n{:<22} {}\n", "", value_text(c.from), value_text(c.to), "",
                           c.reason);
    }
    if (plan.changes.empty()) {
        out += "no change\n";
    } else if (plan.refused()) {
        out += "the reload would be refused as a whole; running links are not touched\n";
    } else {
        const auto drops = plan.resets();
        out += drops.empty() ? "no link drops" : fmt::format("drops and reconnects: {}", joined(drops));
        out += has_pending(plan) ? "; restart tserver for what is pending\n" : "\n";
    }
    return out;
}

}  // namespace tserver::config
