#include "console/metrics.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <array>

namespace tserver::console {
namespace {

constexpr std::array families{
    // clang-format off
    MetricFamily{"tserver_up", "gauge", "1 while tserver answers on its control socket."},
    MetricFamily{"tserver_info", "gauge", "Version of tserver, as a label."},
    MetricFamily{"tserver_config_generation", "gauge", "Configuration in force: 1 at start, one more with each reload that was taken."},
    MetricFamily{"tserver_events_total", "counter", "Events since tserver started."},
    MetricFamily{"tserver_link_up", "gauge", "1 while the link carries traffic, over TLS or in clear."},
    MetricFamily{"tserver_link_tls", "gauge", "1 when TLS is on for the link."},
    MetricFamily{"tserver_link_state", "gauge", "1 for the state the link is in."},
    MetricFamily{"tserver_link_state_since_timestamp_seconds", "gauge", "When the link entered its state."},
    MetricFamily{"tserver_link_reason", "gauge", "1 for the fault that keeps the link from being up."},
    MetricFamily{"tserver_link_failures_total", "counter", "Times the link came to wait or stop, by fault."},
    MetricFamily{"tserver_link_reconnects_total", "counter", "Sessions opened again after one was lost."},
    MetricFamily{"tserver_link_process_restarts_total", "counter", "Restarts of the link process that nobody asked for."},
    MetricFamily{"tserver_link_pending_restart", "gauge", "Options changed in the file that wait for a restart of tserver."},
    MetricFamily{"tserver_link_bytes_total", "counter", "Octets of the application's stream."},
    MetricFamily{"tserver_link_application_connected", "gauge", "1 while an application is connected."},
    MetricFamily{"tserver_link_applications_total", "counter", "Applications that were connected."},
    MetricFamily{"tserver_link_applications_refused_total", "counter", "Applications that were refused."},
    MetricFamily{"tserver_link_unclean_closes_total", "counter", "Sessions that ended without a proper end of TLS."},
    MetricFamily{"tserver_link_enrolments_total", "counter", "Certificates enrolled."},
    MetricFamily{"tserver_link_handshake_seconds", "gauge", "TLS handshake of the present session."},
    MetricFamily{"tserver_link_step_seconds", "gauge", "How long a step took when it was done last."},
    MetricFamily{"tserver_client_certificate_not_after_seconds", "gauge", "End of the link's client certificate; the last known while it has none."},
    MetricFamily{"tserver_client_certificate_valid", "gauge", "1 while the link's client certificate is there and within its dates, 0 otherwise."},
    MetricFamily{"tserver_trust_certificate_not_after_seconds", "gauge", "End of a certificate of the trust list; the last known while there is none."},
    MetricFamily{"tserver_trust_certificate_valid", "gauge", "1 until the end of a certificate of the trust list, 0 from then on."},
    MetricFamily{"tserver_trust_list_state", "gauge", "1 for the state of the trust list."},
    MetricFamily{"tserver_trust_list_unverified", "gauge", "1 while the list is of first use, neither confirmed nor pinned."},
    MetricFamily{"tserver_trust_list_fetched_timestamp_seconds", "gauge", "When the list in use was taken."},
    MetricFamily{"tserver_console_requests_total", "counter", "Requests answered here."},
    MetricFamily{"tserver_console_requests_refused_total", "counter", "Requests and connections refused here."},
    MetricFamily{"tserver_console_connections", "gauge", "Connections open here."},
    MetricFamily{"tserver_console_followers", "gauge", "Of these, followers of events."},
    // clang-format on
};

using Labels = std::initializer_list<std::pair<std::string_view, std::string_view>>;

std::string label_value(std::string_view text) {
    std::string out;
    for (const char c : text) {
        if (c == '\n') {
            out += "\\n";
            continue;
        }
        if (c == '\\' || c == '"') out += '\\';
        out += c;
    }
    return out;
}

double seconds(Instant when) { return static_cast<double>(when.time_since_epoch().count()); }
double seconds(std::chrono::milliseconds time) { return static_cast<double>(time.count()) / 1000.0; }

/// Samples by family, so that the text has them together whatever order they were told in.
class Samples {
public:
    template <class Number>
    void add(std::string_view family, Labels labels, Number value) {
        std::string line{family};
        char before = '{';
        for (const auto& [name, text] : labels) {
            line += fmt::format("{}{}=\"{}\"", before, name, label_value(text));
            before = ',';
        }
        if (before == ',') line += '}';
        lines_[family] += fmt::format("{} {}\n", line, value);
    }
    [[nodiscard]] std::string text() const {
        std::string out;
        for (const auto& family : families) {
            out += fmt::format("# HELP {0} {1}\n# TYPE {0} {2}\n", family.name, family.help, family.type);
            if (const auto at = lines_.find(family.name); at != lines_.end()) out += at->second;
        }
        return out;
    }

private:
    std::map<std::string_view, std::string> lines_;
};

int number(bool yes) { return yes ? 1 : 0; }

void add_session(Samples& out, const control::LinkStatus& link) {
    const auto& name = link.name;
    out.add("tserver_link_bytes_total", {{"link", name}, {"direction", "to_ctimanager"}},
            link.bytes.to_ctimanager);
    out.add("tserver_link_bytes_total", {{"link", name}, {"direction", "to_application"}},
            link.bytes.to_application);
    out.add("tserver_link_application_connected", {{"link", name}}, number(link.application.connected));
    const auto& counters = link.counters;
    out.add("tserver_link_reconnects_total", {{"link", name}}, counters.reconnects);
    out.add("tserver_link_applications_total", {{"link", name}}, counters.applications);
    out.add("tserver_link_applications_refused_total", {{"link", name}}, counters.applications_refused);
    out.add("tserver_link_unclean_closes_total", {{"link", name}}, counters.unclean_closes);
    out.add("tserver_link_enrolments_total", {{"link", name}}, counters.enrolments);
    const std::chrono::milliseconds handshake{counters.handshake_ms};
    out.add("tserver_link_handshake_seconds", {{"link", name}}, seconds(handshake));
    const std::pair<std::string_view, std::optional<std::chrono::milliseconds>> steps[]{
        {"start_to_up", link.times.start_to_up},
        {"trust", link.times.trust},
        {"enrolment", link.times.enrolment},
        {"session", link.times.session},
        {"recovery", link.times.recovery}};
    for (const auto& [step, took] : steps) {
        if (took) out.add("tserver_link_step_seconds", {{"link", name}, {"step", step}}, seconds(*took));
    }
}

void add_link(Samples& out, const control::LinkStatus& link) {
    using control::LinkState;
    const auto& name = link.name;
    out.add("tserver_link_up", {{"link", name}}, number(carries(link.state)));
    out.add("tserver_link_tls", {{"link", name}}, number(link.tls));
    for (auto state = LinkState::disabled; state <= LinkState::stopped;
         state = static_cast<LinkState>(static_cast<int>(state) + 1)) {
        out.add("tserver_link_state", {{"link", name}, {"state", text(state)}}, number(state == link.state));
    }
    out.add("tserver_link_state_since_timestamp_seconds", {{"link", name}}, seconds(link.since));
    if (link.reason) out.add("tserver_link_reason", {{"link", name}, {"fault", id(link.reason->fault)}}, 1);
    for (const auto& [fault, count] : link.failures)
        out.add("tserver_link_failures_total", {{"link", name}, {"fault", id(fault)}}, count);
    out.add("tserver_link_process_restarts_total", {{"link", name}}, link.restarts);
    out.add("tserver_link_pending_restart", {{"link", name}}, link.pending_restart.size());
    add_session(out, link);
    if (!link.trust) return;
    using control::TrustState;
    for (const auto state : {TrustState::none, TrustState::current, TrustState::kept}) {
        out.add("tserver_trust_list_state", {{"link", name}, {"state", text(state)}},
                number(state == link.trust->state));
    }
    out.add("tserver_trust_list_unverified", {{"link", name}}, number(link.trust->unverified));
    if (link.trust->fetched)
        out.add("tserver_trust_list_fetched_timestamp_seconds", {{"link", name}},
                seconds(*link.trust->fetched));
}

void add_expiries(Samples& out, const Expiries& expiries, Instant now) {
    for (const auto& [link, known] : expiries.known()) {
        const auto& client = known.client;
        if (client)
            out.add("tserver_client_certificate_not_after_seconds", {{"link", link}},
                    seconds(client->not_after));
        if (client || known.wants_client) {
            const bool valid = client && client->not_before <= now && now < client->not_after;
            out.add("tserver_client_certificate_valid", {{"link", link}}, number(valid));
        }
        for (const auto& listed : known.listed) {
            const Labels labels{{"link", link}, {"subject", listed.subject}, {"roles", listed.roles}};
            out.add("tserver_trust_certificate_not_after_seconds", labels, seconds(listed.not_after));
            out.add("tserver_trust_certificate_valid", labels, number(now < listed.not_after));
        }
    }
}

}  // namespace

std::span<const MetricFamily> metric_families() noexcept { return families; }

void Expiries::learn(const control::Status& status) {
    std::map<std::string, Known> fresh;
    for (const auto& link : status.links) {
        auto& known = fresh[link.name] = std::move(known_[link.name]);
        known.wants_client = link.tls;
        if (link.identity) known.client = {link.identity->not_before, link.identity->not_after};
        if (!link.trust || link.trust->certificates.empty()) continue;
        known.listed.clear();
        for (const auto& listed : link.trust->certificates) {
            const Listed entry{listed.subject, fmt::format("{}", fmt::join(listed.roles, ",")),
                               listed.not_after};
            const auto same = [&](const Listed& other) {
                return other.subject == entry.subject && other.roles == entry.roles;
            };
            // Two with one name are one series: the one that ends first counts.
            if (const auto at = std::ranges::find_if(known.listed, same); at == known.listed.end()) {
                known.listed.push_back(entry);
            } else {
                at->not_after = std::min(at->not_after, entry.not_after);
            }
        }
    }
    known_ = std::move(fresh);
}

std::string metrics_text(const std::optional<control::Status>& status, const Expiries& expiries,
                         const ConsoleCounts& counts, Instant now) {
    Samples out;
    out.add("tserver_up", {}, number(status.has_value()));
    if (status) {
        out.add("tserver_info", {{"version", status->version}}, 1);
        out.add("tserver_config_generation", {}, status->generation);
        out.add("tserver_events_total", {}, status->events.last);
        for (const auto& link : status->links) add_link(out, link);
    }
    add_expiries(out, expiries, now);
    out.add("tserver_console_requests_total", {}, counts.requests);
    out.add("tserver_console_requests_refused_total", {}, counts.refused);
    out.add("tserver_console_connections", {}, counts.connections);
    out.add("tserver_console_followers", {}, counts.followers);
    return out.text();
}

}  // namespace tserver::console
