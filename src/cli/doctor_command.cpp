#include "cli/doctor_command.hpp"

#include <fmt/format.h>

#include "base/text.hpp"
#include "cli/daemon.hpp"
#include "config/config.hpp"
#include "config/report.hpp"
#include "doctor/examine.hpp"
#include "doctor/scan_tls.hpp"

namespace tserver::cli {

namespace json = boost::json;

namespace {

constexpr auto scan_budget = std::chrono::seconds{14};
constexpr auto status_limit = std::chrono::seconds{1};

struct Examined {
    std::string link;
    std::vector<doctor::Row> rows;
};

net::Task<void> examine_into(net::Loop& loop, doctor::Patient patient, std::vector<doctor::Row>& rows) {
    auto examining = doctor::examine(loop, std::move(patient));
    rows = co_await std::move(examining);
}

/// What a running tserver says of the link; nothing when none runs.
std::optional<control::LinkStatus> running_link(const std::optional<control::Status>& status,
                                                const std::string& name) {
    if (!status) return std::nullopt;
    for (const auto& link : status->links)
        if (link.name == name) return link;
    return std::nullopt;
}

std::optional<control::Status> running_status(const std::string& control) {
    auto daemon = Daemon::connect(control);
    if (!daemon) return std::nullopt;
    const auto answer = daemon->ask({{"command", "status"}}, status_limit);
    const auto* value = answer ? answer->if_contains("status") : nullptr;
    auto status = value != nullptr ? control::status_from_json(*value) : fail(Fault::CONTROL_PROTOCOL, "");
    return status ? std::optional{*std::move(status)} : std::nullopt;
}

std::vector<Examined> examine_all(const std::vector<config::LinkConfig>& links,
                                  const std::optional<control::Status>& status) {
    net::Loop loop;
    std::vector<Examined> out;
    out.reserve(links.size());
    for (const auto& link : links) out.push_back({link.name, {}});
    std::vector<net::Job> jobs;
    for (std::size_t i = 0; i < links.size(); ++i) {
        doctor::Patient patient{links[i], running_link(status, links[i].name)};
        jobs.emplace_back(examine_into(loop, std::move(patient), out[i].rows));
    }
    while (std::ranges::any_of(jobs, &net::Job::running)) loop.turn(std::chrono::milliseconds::max());
    return out;
}

void print_rows(const Terms& terms, const Examined& each) {
    terms.out << each.link << '\n';
    for (const auto& row : each.rows) {
        const auto what =
            row.fault ? fmt::format("{}: {}", id(*row.fault), tserver::row(*row.fault).meaning) : row.seen;
        terms.out << fmt::format("  {}  {:<13}  {}\n", name(row.verdict), name(row.step), what);
        if (!row.fault) continue;
        if (!row.seen.empty()) terms.out << fmt::format("{:>23}{}\n", "", row.seen);
        terms.out << fmt::format("{:>21}→ {}\n", "", tserver::row(*row.fault).action);
    }
}

json::object examined_json(const Examined& each) {
    json::array rows;
    for (const auto& row : each.rows) rows.push_back(to_json(row));
    return {{"name", each.link}, {"rows", std::move(rows)}};
}

int refuse(const Terms& terms, const std::string& file, const config::Problems& problems) {
    if (terms.json) {
        const auto error = config::as_error(problems);
        const doctor::Row row{doctor::Step::configuration, doctor::Verdict::fail, error.detail, error.fault};
        print(terms, json::object{{"file", file},
                                  {"tserver_runs", nullptr},
                                  {"links", json::array{}},
                                  {"configuration", to_json(row)},
                                  {"problems", config::problems_json(problems)}});
    } else {
        for (const auto& problem : problems) terms.err << problem.str() << '\n';
        terms.err << fmt::format("FAIL  configuration  {} is refused\n", escape(file, 300));
    }
    return 2;
}

// --- doctor --tls ---

json::object scan_json(const doctor::Scan& scan) {
    json::array profiles;
    for (const auto& fit : scan.profiles) {
        json::object each{{"profile", json::string{name(fit.profile)}},
                          {"fits", !fit.why_not},
                          {"version", fit.version},
                          {"suite", fit.suite},
                          {"fault", nullptr}};
        if (fit.why_not) each["fault"] = json::string{id(fit.why_not->fault)};
        profiles.push_back(std::move(each));
    }
    json::array suites;
    for (const auto& each : scan.suites)
        suites.push_back(json::object{{"version", each.version}, {"suite", each.suite}});
    json::array certificates;
    for (const auto& each : scan.certificates)
        certificates.push_back(json::object{{"subject", each.subject()},
                                            {"issuer", each.issuer()},
                                            {"sha256", each.sha256()},
                                            {"not_after", rfc3339(each.not_after())},
                                            {"signature", each.signature_algorithm()}});
    json::object out{{"address", scan.address},
                     {"profile", nullptr},
                     {"profiles", std::move(profiles)},
                     {"suites", std::move(suites)},
                     {"certificates", std::move(certificates)},
                     {"complete", scan.complete}};
    if (const auto fits = scan.profile()) out["profile"] = json::string{name(*fits)};
    return out;
}

void print_scan(const Terms& terms, const doctor::Scan& scan) {
    auto& out = terms.out;
    out << scan.address << '\n';
    std::string_view version;
    for (const auto& each : scan.suites) {
        out << fmt::format("  {:<8} {}\n", each.version == version ? "" : each.version, each.suite);
        version = each.version;
    }
    if (!scan.complete) out << "  (the time was over before every suite was tried)\n";
    for (const auto& each : scan.certificates) {
        const auto key = each.public_key();
        out << fmt::format("  certificate {}\n    issued by {}, {}, {}, until {}\n    SHA-256 {}\n",
                           each.subject(), each.issuer(), key ? key->text() : "unknown key",
                           each.signature_algorithm(), rfc3339(each.not_after()), each.sha256());
    }
    for (const auto& fit : scan.profiles) {
        out << fmt::format(
            "  profile {:<8} {}\n", name(fit.profile),
            fit.why_not ? fit.why_not->text() : fmt::format("fits: {} {}", fit.version, fit.suite));
    }
}

}  // namespace

int examine_links(const Terms& terms, const DoctorRequest& request) {
    const auto config = config::load(request.config, config::Purpose::checking);
    if (!config) return refuse(terms, request.config, config.error());
    auto links = config->links;
    if (request.link) {
        std::erase_if(links, [&](const auto& link) { return link.name != *request.link; });
        if (links.empty())
            return say_error(terms, {Fault::LINK_UNKNOWN,
                                     fmt::format("{} has no link {}", request.config, escape(*request.link)),
                                     {}});
    }
    const auto status = running_status(terms.control);
    const auto examined = examine_all(links, status);
    if (terms.json) {
        json::array all;
        for (const auto& each : examined) all.push_back(examined_json(each));
        print(terms, json::object{{"file", request.config},
                                  {"tserver_runs", status.has_value()},
                                  {"links", std::move(all)},
                                  {"warnings", config::problems_json(config->warnings)}});
    } else {
        for (const auto& warning : config->warnings) terms.out << "warning: " << warning.str() << '\n';
        if (!status) terms.out << "tserver does not run: the doctor tries the sessions itself\n";
        for (const auto& each : examined) print_rows(terms, each);
    }
    for (const auto& each : examined)
        if (const auto fault = doctor::first_fault(each.rows)) return row(*fault).exit_code;
    return 0;
}

int examine_tls(const Terms& terms, const std::string& server) {
    constexpr Port cti_over_tls = 2749;
    auto endpoint = Endpoint::parse(server, cti_over_tls);
    if (!endpoint) return say_error(terms, {Fault::USAGE, endpoint.error().detail, {}});
    net::Loop loop;
    const auto scan = control::result_of(loop, doctor::scan_tls(loop, *std::move(endpoint), scan_budget));
    if (!scan) return say_error(terms, scan.error());
    if (terms.json)
        print(terms, scan_json(*scan));
    else
        print_scan(terms, *scan);
    return scan->profile() ? 0 : row(Fault::CTI_TLS_CIPHER).exit_code;
}

}  // namespace tserver::cli
