#include "cli/catalogue.hpp"

#include <fmt/format.h>

#include "base/text.hpp"
#include "log/messages.hpp"

namespace tserver::cli {

namespace json = boost::json;

namespace {

std::string_view group_text(unsigned thousand) {
    switch (thousand) {
        case 1: return "Configuration and command line";
        case 2: return "Trust list";
        case 3: return "Enrolment";
        case 4: return "Store";
        case 5: return "Host";
        case 6: return "Session with the CTIManager, and the application";
        default: return "Any step";
    }
}

unsigned group_of(const FaultRow& row) { return static_cast<unsigned>(row.fault) / 1000; }

std::string_view retry_text(Retry retry) {
    switch (retry) {
        case Retry::again: return "the link tries again by itself";
        case Retry::stop: return "the link waits for the operator";
        case Retry::refuse: return "the command or the file is refused";
    }
    return {};
}

json::string word(std::string_view text) { return json::string{text}; }

json::object fault_json(const FaultRow& row) {
    return {{"id", word(row.id)},
            {"number", static_cast<unsigned>(row.fault)},
            {"severity", word(name(row.severity))},
            {"retry", word(name(row.retry))},
            {"exit_code", row.exit_code},
            {"meaning", word(row.meaning)},
            {"recognised_by", word(row.sign)},
            {"causes", word(row.cause)},
            {"action", word(row.action)}};
}

std::string in_full(const FaultRow& row) {
    return fmt::format(
        "{} ({}): {}\n"
        "  severity       {}; {}; exit code {}\n"
        "  recognised by  {}\n"
        "  likely causes  {}\n"
        "  what to do     {}\n",
        row.id, static_cast<unsigned>(row.fault), row.meaning, name(row.severity), retry_text(row.retry),
        row.exit_code, row.sign, row.cause, row.action);
}

/// A page that starts a sentence with a clause of the table.
std::string capital(std::string_view clause) {
    std::string out{clause};
    if (!out.empty() && out[0] >= 'a' && out[0] <= 'z') out[0] = static_cast<char>(out[0] - 'a' + 'A');
    return out;
}

}  // namespace

int show_faults(const Terms& terms, const std::optional<std::string>& id) {
    if (!id) {
        json::array all;
        for (const auto& row : faults()) {
            if (terms.json)
                all.push_back(fault_json(row));
            else
                terms.out << fmt::format("{:<24} {:<9} {:<7} {:>3}  {}\n", row.id, name(row.severity),
                                         name(row.retry), row.exit_code, row.meaning);
        }
        if (terms.json) terms.out << json::serialize(json::object{{"faults", std::move(all)}}) << '\n';
        return 0;
    }
    const auto fault = fault_named(*id);
    if (!fault) {
        std::vector<std::string_view> known;
        for (const auto& row : faults()) known.push_back(row.id);
        const auto near = nearest(*id, known);
        return say_error(terms, {Fault::USAGE,
                                 fmt::format("{} is no failure class{}", escape(*id, 60),
                                             near ? fmt::format("; did you mean {}?", *near) : ""),
                                 {}});
    }
    if (terms.json)
        terms.out << json::serialize(fault_json(row(*fault))) << '\n';
    else
        terms.out << in_full(row(*fault));
    return 0;
}

std::string faults_document() {
    std::string out =
        "# Failure classes\n\n"
        "<!-- Generated from src/base/faults.def; `tserverctl faults --markdown` prints it. -->\n\n"
        "Every failure has one of these names: in the log (`fault=`), in the status, in `tserverctl`, over "
        "HTTP "
        "and as an exit code. `tserverctl faults NAME` shows one of them.\n\n"
        "Severity: **critical** – a link is down until somebody acts; **major** – a link is down or goes in "
        "clear, or tserver does not start; **minor** – one command, application or later step is affected; "
        "**notice** – nothing needs to be done.\n";
    unsigned group = 0;
    for (const auto& row : faults()) {
        if (group_of(row) != group) {
            group = group_of(row);
            out += fmt::format("\n## {}\n", group_text(group));
        }
        out += fmt::format(
            "\n### {}\n\n"
            "{}. Number {}, {}; {}; exit code {}.\n\n"
            "* Recognised by: {}\n"
            "* Likely causes: {}\n"
            "* What to do: {}\n",
            row.id, capital(row.meaning), static_cast<unsigned>(row.fault), name(row.severity),
            retry_text(row.retry), row.exit_code, row.sign, row.cause, row.action);
    }
    return out;
}

namespace {

std::vector<std::string_view> keys_of(const log::Row& row) {
    std::vector<std::string_view> out;
    for (const auto key : row.keys)
        if (!key.empty()) out.push_back(key);
    return out;
}

json::object message_json(const log::Row& row) {
    json::array keys;
    for (const auto key : keys_of(row)) keys.push_back(word(key));
    json::object out{{"id", row.id},
                     {"level", word(log::short_name(row.level))},
                     {"text", word(row.text)},
                     {"fields", std::move(keys)},
                     {"cleared_by", nullptr}};
    if (row.cleared_by != 0) out["cleared_by"] = row.cleared_by;
    return out;
}

}  // namespace

int show_messages(const Terms& terms, const std::optional<unsigned>& id) {
    json::array all;
    bool found = false;
    for (const auto& row : log::message_rows()) {
        if (id && row.id != *id) continue;
        found = true;
        if (terms.json) {
            all.push_back(message_json(row));
            continue;
        }
        const auto keys = keys_of(row);
        terms.out << fmt::format("{:>5} {} {}{}{}{}\n", row.id, log::short_name(row.level), row.text,
                                 keys.empty() ? "" : ": ", fmt::join(keys, ", "),
                                 row.cleared_by == 0 ? "" : fmt::format("; over with {}", row.cleared_by));
    }
    if (!found) return say_error(terms, {Fault::USAGE, fmt::format("no message has the number {}", *id), {}});
    if (terms.json) terms.out << json::serialize(json::object{{"messages", std::move(all)}}) << '\n';
    return 0;
}

std::string messages_document() {
    std::string out =
        "# Messages of the log\n\n"
        "<!-- Generated from src/log/messages.hpp; `tserverctl messages --markdown` prints it. -->\n\n"
        "A line is `time level id text key=value …`. Ids and words stay as they are from release to release; "
        "search "
        "by the id, read the keys. `fault=` names a class of [faults.md](faults.md), which says what to "
        "do.\n\n"
        "Levels: **Alr** somebody should act; **Std** what everybody wants to know; **Int** every exchange "
        "with a "
        "peer (option `log-level`); a message with an entry under *over with* reports a trouble that is over "
        "when "
        "that other message comes for the same link.\n\n"
        "| Id | Level | Text | Keys | Over with |\n|---|---|---|---|---|\n";
    std::vector<log::Row> rows{log::message_rows().begin(), log::message_rows().end()};
    std::ranges::sort(rows, {}, &log::Row::id);
    for (const auto& row : rows) {
        const auto over = row.cleared_by == 0 ? std::string{} : std::to_string(row.cleared_by);
        out += fmt::format("| {} | {} | {} | {} | {} |\n", row.id, log::short_name(row.level), row.text,
                           fmt::join(keys_of(row), ", "), over);
    }
    return out;
}

}  // namespace tserver::cli
