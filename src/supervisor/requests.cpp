#include "supervisor/requests.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>

#include "base/text.hpp"
#include "config/report.hpp"
#include "log/messages.hpp"

namespace tserver::supervisor {

namespace json = boost::json;

namespace {

Result<std::string> text_in(const json::object& request, std::string_view field) {
    const auto* value = request.if_contains(json::string_view{field.data(), field.size()});
    const auto* string = value != nullptr ? value->if_string() : nullptr;
    if (string == nullptr)
        return fail(Fault::CONTROL_PROTOCOL, fmt::format("\"{}\" is missing or no text", field));
    return std::string{string->begin(), string->end()};
}

/// Takes the code out of the request and leaves nothing behind there.
Result<AuthCode> code_in(json::object& request) {
    auto* value = request.if_contains("code");
    auto* string = value != nullptr ? value->if_string() : nullptr;
    if (string == nullptr) return fail(Fault::CONTROL_PROTOCOL, "\"code\" is missing or no text");
    auto code = AuthCode::parse({string->data(), string->size()});
    std::fill(string->begin(), string->end(), '0');
    return code;
}

json::object refusal(const config::Problems& problems, Fault fault) {
    auto out = control::bad_answer(Error{fault, config::as_error(problems).detail, {}});
    out["problems"] = config::problems_json(problems);
    return out;
}

json::object plan_answer(const config::Plan& plan) {
    auto out = control::good_answer();
    out["plan"] = config::plan_json(plan);
    out["text"] = config::plan_text(plan);
    return out;
}

}  // namespace

std::string one_line(const control::Status& status) {
    const auto carrying =
        std::ranges::count_if(status.links, [](const auto& link) { return carries(link.state); });
    return fmt::format("{} of {} links up", carrying, status.links.size());
}

net::Task<json::object> Requests::answer(json::object request) {
    const auto command = text_in(request, "command");
    if (!command) co_return control::bad_answer(command.error());
    const bool looks =
        *command == "status" || *command == "events" || *command == "history" || *command == "console";
    if (!looks) log_.write(log::control_request, {*command});
    if (*command == "status") co_return status();
    if (*command == "events") {
        auto answering = supervisor_.events().answer(std::move(request));
        auto events = co_await std::move(answering);
        co_return events ? *std::move(events) : control::bad_answer(events.error());
    }
    if (*command == "history") {
        auto told = history(request);
        co_return told ? *std::move(told) : control::bad_answer(told.error());
    }
    if (*command == "reload") co_return answer_reload();
    if (*command == "plan") co_return answer_plan(request);
    if (*command == "link") {
        auto done = answer_link(request);
        co_return done ? *std::move(done) : control::bad_answer(done.error());
    }
    if (*command == "console") {
        auto heard = hear_console(request);
        co_return heard ? *std::move(heard) : control::bad_answer(heard.error());
    }
    auto outcome = co_await pass_on(*command, std::move(request));
    if (!outcome) co_return control::bad_answer(outcome.error());
    auto out = control::good_answer();
    out["text"] = *outcome;
    co_return out;
}

json::object Requests::status() const {
    auto out = control::good_answer();
    out["status"] = control::to_json(supervisor_.status());
    return out;
}

Result<json::object> Requests::history(const json::object& request) const {
    TRY(name, text_in(request, "link"));
    CHECK(supervisor_.link(name));
    json::array steps;
    for (const auto& step : supervisor_.recorder().steps(name)) steps.push_back(control::to_json(step));
    auto out = control::good_answer();
    out["steps"] = std::move(steps);
    return out;
}

config::Checked<config::Plan> Requests::reload() {
    notify_.reloading();
    auto outcome = supervisor_.reload();
    notify_.ready(one_line(supervisor_.status()));
    return outcome;
}

json::object Requests::answer_reload() {
    const auto plan = reload();
    if (!plan) return refusal(plan.error(), Fault::RELOAD_REFUSED);
    auto out = plan_answer(*plan);
    out["generation"] = supervisor_.generation();
    return out;
}

json::object Requests::answer_plan(const json::object& request) const {
    const auto file = text_in(request, "file");
    if (!file) return control::bad_answer(file.error());
    const auto plan = supervisor_.plan_for(*file);
    return plan ? plan_answer(*plan) : refusal(plan.error(), plan.error().front().fault);
}

Result<json::object> Requests::answer_link(const json::object& request) {
    TRY(name, text_in(request, "link"));
    TRY(what, text_in(request, "do"));
    TRY(link, supervisor_.link(name));
    if (what == "start") {
        // A process that waits for the operator has stopped its link by itself: it begins anew.
        if (link->status().state == control::LinkState::stopped && !link->stopped()) {
            link->tell(Restart{});
        } else {
            link->tell(Start{});
        }
    } else if (what == "stop") {
        link->tell(Stop{});
    } else if (what == "restart") {
        link->tell(Restart{});
    } else {
        return fail(Fault::CONTROL_PROTOCOL, "\"do\" is start, stop or restart");
    }
    auto out = control::good_answer();
    out["state"] = json::string{text(link->status().state)};
    return out;
}

Result<json::object> Requests::hear_console(const json::object& request) {
    TRY(address, text_in(request, "address"));
    const auto* trouble = request.if_contains("trouble");
    if (trouble == nullptr || trouble->is_null()) {
        supervisor_.hear_console(address, std::nullopt);
        return control::good_answer();
    }
    TRY(error, control::error_from_json(*trouble));
    supervisor_.hear_console(address, error);
    return control::good_answer();
}

net::Task<Result<std::string>> Requests::pass_on(std::string command, json::object request) {
    if (command != "enrol" && command != "trust_confirm" && command != "trust_refresh")
        co_return fail(Fault::CONTROL_PROTOCOL, fmt::format("no command \"{}\"", escape(command, 40)));
    auto code = command == "enrol" ? std::optional{code_in(request)} : std::nullopt;
    CO_TRY(name, command, text_in(request, "link"));
    CO_TRY(link, command, supervisor_.link(name));
    if (code) {
        CO_TRY(digits, command, *std::move(code));
        co_return co_await link->enrol(std::move(digits));
    }
    if (command == "trust_refresh") co_return co_await link->refresh_trust();
    const auto* replace = request.if_contains("replace");
    const bool replaces = replace != nullptr && replace->is_bool() && replace->get_bool();
    co_return co_await link->confirm_trust(replaces);
}

}  // namespace tserver::supervisor
