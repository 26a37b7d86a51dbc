// links: config
// The input is two configurations with a NUL octet between them: the running one and a fresh one. Properties
// of the plan from one to the other:
//   every option that differs is in it once, and nothing else is;
//   from a configuration to itself there is nothing to do;
//   what waits for the restart is exactly what a plan from `after` to the fresh one still finds;
//   a refused plan changes nothing, and what is in force never has a clash;
//   no secret is shown.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string_view>
#include <tuple>

#include "config/clash.hpp"
#include "config/options.hpp"
#include "config/plan.hpp"

using namespace tserver;
using namespace tserver::config;

namespace {

void require(bool held) {
    if (!held) std::abort();
}

/// A change by its link and option.
using Names = std::vector<std::pair<std::string, std::string>>;

Names sorted(Names names) {
    std::ranges::sort(names);
    return names;
}

template <class T>
void differences(const std::string& link, const T& running, const T& fresh, Names& out) {
    for (const auto& option : options()) {
        const auto* access = std::get_if<Access<T>>(&option.access);
        if (access != nullptr && access->get(running) != access->get(fresh))
            out.emplace_back(link, option.name);
    }
}

std::string number_option(unsigned number) { return "link-" + std::to_string(number) + "-name"; }

/// Found without the planner: what has to be in its plan.
Names expected(const Config& running, const Config& fresh) {
    Names out;
    differences({}, running.daemon, fresh.daemon, out);
    for (const auto& link : running.links) {
        const auto* now = fresh.link(link.name);
        if (now == nullptr || now->number != link.number)
            out.emplace_back(link.name, number_option(now == nullptr ? link.number : now->number));
        if (now != nullptr) differences(link.name, link, *now, out);
    }
    for (const auto& link : fresh.links) {
        if (running.link(link.name) == nullptr) out.emplace_back(link.name, number_option(link.number));
    }
    return sorted(std::move(out));
}

Names changes_of(const Plan& plan, auto wanted) {
    Names out;
    for (const auto& change : plan.changes) {
        if (wanted(change.effect)) out.emplace_back(change.link, change.option);
    }
    return sorted(std::move(out));
}

void check_shown(const Change& change) {
    require(!change.reason.empty() && !text(change.effect).empty());
    if (change.effect != Effect::refused) require(change.from != change.to || change.from == stars);
    const auto* option = option_named(change.option);
    require(option != nullptr);
    if (option->shown == Shown::in_full) return;
    for (const auto* text : {&change.from, &change.to}) require(text->empty() || *text == stars);
}

void check(const Config& running, const Config& fresh) {
    const auto made = plan(running, fresh);
    const auto is_refusal = [](Effect effect) { return effect == Effect::refused; };
    const auto is_pending = [](Effect effect) { return effect == Effect::restart; };
    require(changes_of(made, std::not_fn(is_refusal)) == expected(running, fresh));
    for (const auto& change : made.changes) check_shown(change);
    require(clashes(made.after.links).empty());
    if (made.refused()) {
        require(made.after == running);
        return;
    }
    const auto rest = plan(made.after, fresh);
    require(changes_of(rest, [](Effect) { return true; }) == changes_of(made, is_pending));
    for (const auto& name : made.resets()) require(made.on(name) == Effect::link_reset);
    std::size_t pending = made.pending({}).size();
    for (const auto& link : running.links) pending += made.pending(link.name).size();
    for (const auto& link : fresh.links) {
        if (running.link(link.name) == nullptr) pending += made.pending(link.name).size();
    }
    require(pending == changes_of(made, is_pending).size());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view both{reinterpret_cast<const char*>(data), size};
    const auto middle = both.find('\0');
    if (middle == std::string_view::npos) return 0;
    const auto running = parse(both.substr(0, middle), "running");
    const auto fresh = parse(both.substr(middle + 1), "fresh");
    for (const auto* one : {&running, &fresh}) {
        if (!*one) continue;
        const auto nothing = plan(**one, **one);
        require(nothing.changes.empty() && nothing.after == **one);
    }
    if (!running || !fresh) return 0;
    check(*running, *fresh);
    check(*fresh, *running);
    return 0;
}
