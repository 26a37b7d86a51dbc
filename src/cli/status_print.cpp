#include "cli/status_print.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/text.hpp"

namespace tserver::cli {

namespace {

using control::LinkState;
using control::LinkStatus;

constexpr long worth_saying = 30;  ///< days left from which an end is mentioned
constexpr std::size_t columns = 8;
using Cells = std::array<std::string, columns>;
constexpr std::string_view none = "-";

std::string_view paint(LinkState state) {
    switch (state) {
        case LinkState::up: return "\x1b[32m";
        case LinkState::plain: return "\x1b[33m";
        case LinkState::stopped:
        case LinkState::disabled: return "\x1b[31m";
        case LinkState::waiting: return "\x1b[1;31m";
        default: return "\x1b[36m";
    }
}

std::string painted(std::string_view text, std::string_view how, Colour colour) {
    return colour == Colour::on ? fmt::format("{}{}\x1b[0m", how, text) : std::string{text};
}

/// Code points, which is near enough to columns for what stands here.
std::size_t width(std::string_view text) {
    return static_cast<std::size_t>(
        std::ranges::count_if(text, [](char c) { return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U; }));
}

std::string since(const std::optional<Instant>& when, Instant now) {
    return when ? duration_text(now - *when) : std::string{none};
}

Cells cells_of(const LinkStatus& link, Instant now) {
    const auto& application = link.application;
    return {
        escape(link.name, 40),
        std::string{text(link.state)},
        since(link.since, now),
        escape(link.ctimanager.value_or(std::string{none}), 60),
        link.listen,
        link.identity ? fmt::format("{} d", days_until(link.identity->not_after, now)) : std::string{none},
        application.connected ? since(application.since, now) : std::string{none},
        octets_text(link.bytes.to_ctimanager) + " / " + octets_text(link.bytes.to_application)};
}

std::string table(const control::Status& status, Instant now, Colour colour) {
    const Cells head{"LINK",   "STATE", "SINCE",       "CTIMANAGER",
                     "LISTEN", "CERT",  "APPLICATION", "BYTES UP / DOWN"};
    std::vector<Cells> rows{head};
    for (const auto& link : status.links) rows.push_back(cells_of(link, now));
    std::array<std::size_t, columns> widths{};
    for (const auto& row : rows) {
        for (std::size_t i = 0; i < columns; ++i) widths[i] = std::max(widths[i], width(row[i]));
    }
    std::string out;
    for (std::size_t r = 0; r < rows.size(); ++r) {
        for (std::size_t i = 0; i < columns; ++i) {
            const auto& cell = rows[r][i];
            const std::string padding(i + 1 < columns ? widths[i] - width(cell) + 2 : 0, ' ');
            const bool state = r > 0 && i == 1;
            const auto how =
                r == 0 ? std::string_view{"\x1b[1m"} : paint(status.links[r == 0 ? 0 : r - 1].state);
            out += (r == 0 || state ? painted(cell, how, colour) : cell) + padding;
        }
        out += '\n';
    }
    return out;
}

/// The other links are not mentioned: each is a process of its own, and stands in the table with its state.
std::string what_follows(const LinkStatus& link) {
    const auto since = fmt::format("since {}", rfc3339(link.since));
    switch (link.state) {
        case LinkState::stopped:
        case LinkState::disabled: return since + "; it waits for you";
        case LinkState::waiting: return since + "; it tries again by itself";
        default: return "was the last failure; it is trying again";
    }
}

std::string trouble(const LinkStatus& link, Colour colour) {
    const auto name = painted(escape(link.name, 40), "\x1b[1m", colour);
    if (!link.reason) return {};
    const auto& fault = row(link.reason->fault);
    auto out = fmt::format("\n{} is {}: {}\n", name, text(link.state), fault.meaning);
    out += fmt::format("  {} {}\n", fault.id, what_follows(link));
    if (!link.reason->detail.empty()) out += fmt::format("  seen: {}\n", escape(link.reason->detail, 600));
    out += fmt::format("  → {}\n", fault.action);
    return out;
}

void add_expiry(std::vector<std::string>& out, std::string_view what, Instant not_after, Instant now) {
    const auto days = days_until(not_after, now);
    if (days < 0) {
        out.push_back(fmt::format("{} expired on {}", what, rfc3339(not_after)));
    } else if (days <= worth_saying) {
        out.push_back(fmt::format("{} expires in {} day{}, on {}", what, days, days == 1 ? "" : "s",
                                  rfc3339(not_after)));
    }
}

std::string joined(const std::vector<std::string>& texts) {
    std::string out;
    for (const auto& each : texts) out += (out.empty() ? "" : ", ") + escape(each, 60);
    return out;
}

std::vector<std::string> notices_of(const LinkStatus& link, Instant now) {
    std::vector<std::string> out;
    if (!link.tls && (carries(link.state) || link.state == LinkState::connecting))
        out.emplace_back("TLS is off for this link: CTI traffic travels in clear");
    if (link.trust && link.trust->unverified) {
        out.push_back(
            fmt::format("the trust list was taken at first use and is unverified (SHA-256 {}); compare it "
                        "with `show ctl` "
                        "on the publisher, then `tserverctl trust confirm {}`",
                        escape(link.trust->sha256, 64), escape(link.name, 40)));
    }
    if (link.trust && link.trust->state == control::TrustState::kept)
        out.emplace_back(
            "the cluster's trust list could not be fetched or verified; the held one stays in use");
    if (const auto& half = link.application.half_closed) {
        const bool application = half->by == control::Closer::application;
        out.push_back(fmt::format("the session is half-closed for {}: {} has closed its side, {} has not",
                                  duration_text(now - half->since),
                                  application ? "the application" : "the CTIManager",
                                  application ? "the CTIManager" : "the application"));
    }
    if (link.identity) add_expiry(out, "the client certificate", link.identity->not_after, now);
    if (link.trust) {
        for (const auto& certificate : link.trust->certificates)
            add_expiry(out,
                       fmt::format("{} ({})", escape(certificate.subject, 80), joined(certificate.roles)),
                       certificate.not_after, now);
    }
    if (!link.pending_restart.empty())
        out.push_back("takes effect after a restart of tserver: " + joined(link.pending_restart));
    if (link.restarts > 0) {
        out.push_back(fmt::format("the link process was started again {} time{} after it died", link.restarts,
                                  link.restarts == 1 ? "" : "s"));
    }
    for (const auto& note : link.notes) out.push_back(escape(note, 300));
    return out;
}

std::string notices(const control::Status& status, Instant now, Colour colour) {
    std::string out;
    for (const auto& link : status.links) {
        for (const auto& notice : notices_of(link, now)) {
            out +=
                fmt::format("{} {}: {}\n", painted("!", "\x1b[33m", colour), escape(link.name, 40), notice);
        }
    }
    if (!status.pending_restart.empty()) {
        out += fmt::format("{} tserver: takes effect after a restart: {}\n", painted("!", "\x1b[33m", colour),
                           joined(status.pending_restart));
    }
    for (const auto& note : status.notes)
        out += fmt::format("{} tserver: {}\n", painted("!", "\x1b[33m", colour), escape(note, 400));
    return out.empty() ? out : '\n' + out;
}

std::string last_line(const control::Status& status) {
    std::array<unsigned, 8> count{};
    for (const auto& link : status.links) ++count[static_cast<std::size_t>(link.state)];
    std::string states;
    for (const auto state :
         {LinkState::up, LinkState::plain, LinkState::connecting, LinkState::trust, LinkState::enrolling,
          LinkState::waiting, LinkState::stopped, LinkState::disabled}) {
        const auto number = count[static_cast<std::size_t>(state)];
        if (number > 0) states += fmt::format("{}{} {}", states.empty() ? "" : ", ", number, text(state));
    }
    return fmt::format("\n{} link{}: {} · configuration {} · tserver {}\n", status.links.size(),
                       status.links.size() == 1 ? "" : "s", states, status.generation, status.version);
}

}  // namespace

std::string duration_text(std::chrono::seconds time) {
    const auto s = std::max<long>(0, time.count());
    if (s < 60) return fmt::format("{}s", s);
    if (s < 3600) return fmt::format("{}m", s / 60);
    if (s < 86400)
        return s % 3600 / 60 == 0 ? fmt::format("{}h", s / 3600)
                                  : fmt::format("{}h {}m", s / 3600, s % 3600 / 60);
    return s % 86400 / 3600 == 0 ? fmt::format("{}d", s / 86400)
                                 : fmt::format("{}d {}h", s / 86400, s % 86400 / 3600);
}

std::string octets_text(std::uint64_t count) {
    if (count < 1000) return std::to_string(count);
    auto value = static_cast<double>(count) / 1000;
    std::size_t step = 0;
    constexpr std::string_view units = "kMGTPE";
    while (value >= 999.5 && step + 1 < units.size()) {
        value /= 1000;
        ++step;
    }
    return value < 9.95 ? fmt::format("{:.1f}{}", value, units[step])
                        : fmt::format("{:.0f}{}", value, units[step]);
}

std::string status_text(const control::Status& status, Instant now, Colour colour) {
    auto out = table(status, now, colour);
    for (const auto& link : status.links) {
        if (!carries(link.state)) out += trouble(link, colour);
    }
    return out + notices(status, now, colour) + last_line(status);
}

std::string check_text(const control::Status& status) {
    std::string out;
    for (const auto& link : status.links) {
        if (carries(link.state)) continue;
        out += fmt::format("{} is {}", escape(link.name, 40), text(link.state));
        if (link.reason)
            out += fmt::format(": {}: {}", id(link.reason->fault), escape(link.reason->detail, 300));
        out += '\n';
    }
    for (const auto& note : status.notes) out += fmt::format("tserver: {}\n", escape(note, 400));
    if (!out.empty()) return out;
    return fmt::format("{} link{}, all well\n", status.links.size(), status.links.size() == 1 ? "" : "s");
}

int check_exit_code(const control::Status& status) {
    return std::max(status_exit_code(status), status.notes.empty() ? 0 : 1);
}

int status_exit_code(const control::Status& status) {
    const auto carrying =
        std::ranges::count_if(status.links, [](const auto& link) { return carries(link.state); });
    if (carrying == 0) return 2;
    return carrying == std::ssize(status.links) ? 0 : 1;
}

}  // namespace tserver::cli
