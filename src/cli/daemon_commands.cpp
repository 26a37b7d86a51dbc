#include "cli/daemon_commands.hpp"

#include <fmt/format.h>

#include "base/text.hpp"
#include "base/types.hpp"
#include "cli/daemon.hpp"
#include "cli/secret_input.hpp"

namespace tserver::cli {

namespace json = boost::json;
using namespace std::chrono_literals;

namespace {

constexpr auto trust = 60s;        ///< what asks the cluster for its trust list
constexpr auto enrolment = 15min;  ///< longer than the longest enrol-timeout: tserver ends it first
constexpr auto redraw = 1s;

std::string text_in(const json::object& answer, std::string_view field) {
    const auto* value = answer.if_contains(json::string_view{field.data(), field.size()});
    const auto* string = value != nullptr ? value->if_string() : nullptr;
    return string != nullptr ? std::string{string->begin(), string->end()} : std::string{};
}

int say_done(const Terms& terms, const json::object& answer, std::string_view link) {
    if (terms.json) {
        print(terms, answer);
    } else {
        terms.out << fmt::format("{}: {}\n", escape(link, 40), escape(text_in(answer, "text"), 600));
    }
    return 0;
}

/// Shows where a file is wrong; tserver has looked at it with its own eyes.
void say_problems(const Terms& terms, const json::value& problems) {
    for (const auto& problem : problems.as_array()) {
        const auto& p = problem.as_object();
        const auto line = p.at("line").to_number<std::uint64_t>();
        auto where = text_in(p, "file");
        if (line > 0) where += fmt::format(":{}", line);
        terms.err << fmt::format("{}: {}\n  {}\n", escape(where, 300), escape(text_in(p, "text"), 600),
                                 escape(text_in(p, "remedy"), 300));
    }
}

/// The answer to reload and plan.
int say_plan(const Terms& terms, const Result<json::object>& answer) {
    if (!answer) return say_error(terms, answer.error());
    const auto* error = answer->if_contains("error");
    if (error != nullptr) {
        const auto told = control::error_from_json(*error);
        if (!told) return say_error(terms, told.error());
        const auto* problems = answer->if_contains("problems");
        if (terms.json) {
            print(terms, *answer);
        } else if (problems != nullptr && problems->is_array()) {
            say_problems(terms, *problems);
        }
        if (!terms.json) say_error(terms, *told);
        return 2;
    }
    const auto* plan = answer->if_contains("plan");
    const auto* accepted =
        plan != nullptr && plan->is_object() ? plan->get_object().if_contains("accepted") : nullptr;
    if (terms.json) {
        print(terms, *answer);
    } else {
        terms.out << text_in(*answer, "text");
        if (const auto* generation = answer->if_contains("generation"))
            terms.out << "configuration " << json::serialize(*generation) << " is in force\n";
    }
    return accepted != nullptr && *accepted == json::value(false) ? 2 : 0;
}

}  // namespace

void print(const Terms& terms, const json::value& value) { terms.out << json::serialize(value) << std::endl; }

int say_error(const Terms& terms, const Error& error) {
    if (terms.json) {
        print(terms, json::object{{"error", control::to_json(error)}});
    } else {
        terms.err << error.text() << "\n→ " << row(error.fault).action << '\n';
    }
    return row(error.fault).exit_code;
}

namespace {

/// Prints the status as JSON, or as `text` has it.
/// @return nothing when there is none: that is said
std::optional<control::Status> say_status(const Terms& terms,
                                          const std::function<std::string(const control::Status&)>& text) {
    auto daemon = Daemon::connect(terms.control);
    auto value = daemon ? daemon->status_json() : tl::unexpected<Error>(daemon.error());
    auto status = value ? control::status_from_json(*value) : tl::unexpected<Error>(value.error());
    if (!status) {
        say_error(terms, status.error());
        return std::nullopt;
    }
    if (terms.json) {
        print(terms, *value);
    } else {
        terms.out << text(*status);
    }
    return *std::move(status);
}

}  // namespace

int status(const Terms& terms) {
    const auto said =
        say_status(terms, [&](const auto& status) { return status_text(status, wall_now(), terms.colour); });
    return said ? status_exit_code(*said) : 2;
}

int check_status(const Terms& terms) {
    const auto said = say_status(terms, check_text);
    return said ? check_exit_code(*said) : 2;
}

int watch_status(const Terms& terms) {
    std::string shown;
    net::Loop pauses;
    std::optional<Daemon> daemon;
    for (;;) {
        if (!daemon) {
            if (auto fresh = Daemon::connect(terms.control)) daemon.emplace(*std::move(fresh));
        }
        auto value = daemon ? daemon->status_json()
                            : fail(Fault::DAEMON_UNREACHABLE, terms.control + " (tried again every second)");
        const auto status = value ? control::status_from_json(*value) : tl::unexpected<Error>(value.error());
        if (!status) daemon.reset();
        std::string text;
        if (terms.json) {
            text =
                json::serialize(
                    value ? *value : json::value(json::object{{"error", control::to_json(value.error())}})) +
                '\n';
        } else {
            text = status ? status_text(*status, wall_now(), terms.colour)
                          : status.error().text() + "\n→ " + std::string{row(status.error().fault).action} +
                                '\n';
        }
        if (terms.terminal && !terms.json) {
            terms.out << "\x1b[H\x1b[2J" << text << std::flush;
        } else if (text != shown) {
            terms.out << text << std::flush;
        }
        if (!terms.out) return 0;  // whoever read it has gone
        shown = std::move(text);
        control::result_of(pauses, net::sleep_task(pauses, Steady::now() + redraw));
    }
}

int reload(const Terms& terms) {
    auto daemon = Daemon::connect(terms.control);
    if (!daemon) return say_error(terms, daemon.error());
    return say_plan(terms, daemon->exchange({{"command", "reload"}}));
}

int plan(const Terms& terms, const std::filesystem::path& file) {
    auto daemon = Daemon::connect(terms.control);
    if (!daemon) return say_error(terms, daemon.error());
    const auto path = std::filesystem::absolute(file).string();
    return say_plan(terms, daemon->exchange({{"command", "plan"}, {"file", path}}));
}

int control_link(const Terms& terms, const std::string& link, const std::string& what) {
    auto daemon = Daemon::connect(terms.control);
    auto answer = daemon ? daemon->ask({{"command", "link"}, {"link", link}, {"do", what}})
                         : tl::unexpected<Error>(daemon.error());
    if (!answer) return say_error(terms, answer.error());
    auto state = text_in(*answer, "state");
    for (const auto until = Steady::now() + 3s;
         what == "stop" && state != "stopped" && Steady::now() < until;) {
        daemon->pause(50ms);
        const auto now = daemon->status();
        if (!now) return say_error(terms, now.error());
        for (const auto& each : now->links) {
            if (each.name == link) state = text(each.state);
        }
    }
    if (terms.json) {
        print(terms, json::object{{"ok", true}, {"link", link}, {"state", state}});
    } else {
        terms.out << fmt::format("{}: {}\n", escape(link, 40), state);
    }
    return 0;
}

int enrol(const Terms& terms, const std::string& link, const std::optional<std::string>& source) {
    auto daemon = Daemon::connect(terms.control);
    if (!daemon) return say_error(terms, daemon.error());
    const auto text = read_secret("Authentication code of the CAPF profile: ", source);
    if (!text) return say_error(terms, text.error());
    const auto code = AuthCode::parse(trim(text->reveal()));
    if (!code) return say_error(terms, code.error());
    const json::string digits{code->reveal().data(), code->reveal().size()};
    json::object request{{"command", "enrol"}, {"link", link}, {"code", digits}};
    const auto answer = daemon->ask(std::move(request), enrolment);
    return answer ? say_done(terms, *answer, link) : say_error(terms, answer.error());
}

int confirm_trust(const Terms& terms, const std::optional<std::string>& link, bool replace) {
    auto daemon = Daemon::connect(terms.control);
    auto now = daemon ? daemon->status() : tl::unexpected<Error>(daemon.error());
    if (!now) return say_error(terms, now.error());
    std::vector<std::string> names;
    if (link) names.push_back(*link);
    for (const auto& each : now->links) {
        const bool waits =
            each.trust && (replace ? each.trust->state == control::TrustState::kept : each.trust->unverified);
        if (!link && waits) names.push_back(each.name);
    }
    if (names.empty() && !terms.json)
        terms.out << "no trust list waits for you; name a link to ask for its list anyway\n";
    int code = 0;
    for (const auto& name : names) {
        const auto answer =
            daemon->ask({{"command", "trust_confirm"}, {"link", name}, {"replace", replace}}, trust);
        const int outcome = answer ? say_done(terms, *answer, name) : say_error(terms, answer.error());
        if (code == 0) code = outcome;
    }
    return code;
}

int refresh_trust(const Terms& terms, const std::string& link) {
    auto daemon = Daemon::connect(terms.control);
    auto answer = daemon ? daemon->ask({{"command", "trust_refresh"}, {"link", link}}, trust)
                         : tl::unexpected<Error>(daemon.error());
    return answer ? say_done(terms, *answer, link) : say_error(terms, answer.error());
}

}  // namespace tserver::cli
