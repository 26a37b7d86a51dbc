#include "doctor/examine.hpp"

#include <sys/timex.h>

#include "crypto/provided.hpp"
#include "doctor/examination.hpp"
#include "doctor/list_source.hpp"
#include "net/address.hpp"
#include "trust/decide.hpp"
#include "trust/parse.hpp"
#include "trust/roles.hpp"

namespace tserver::doctor {
namespace {

using namespace std::chrono_literals;

constexpr auto names_limit = 2000ms;
constexpr auto fetch_limit = 3500ms;
constexpr auto clock_tolerance = 5min;
constexpr std::string_view tls_is_off = "TLS is off for this link";

/// Whether a time service keeps the clock (adjtimex(2)); nothing where the system does not tell.
std::string clock_keeper() {
    timex about{};
    const int state = ::ntp_adjtime(&about);
    if (state < 0) return {};
    return state == TIME_ERROR ? ", the system knows of no time service that keeps it"
                               : ", kept by a time service";
}

/// What is in force, whatever the settings of the host say.
std::string policy_text(const crypto::TlsOffer& offer) {
    auto text = fmt::format("{} to {}, {} suites, security level {}", offer.versions.front(),
                            offer.versions.back(), offer.suites.size(), offer.level);
    if (!offer.lacking.empty())
        text += fmt::format(", not in this OpenSSL: {}", fmt::join(offer.lacking, ", "));
    return text + "; OpenSSL settings " + crypto::settings_text();
}

std::string ahead_of(Instant now, Instant than, std::string_view witness) {
    return fmt::format("the clock says {}, and {} is of {}", rfc3339(now), witness, rfc3339(than));
}

}  // namespace

net::Task<std::vector<Row>> examine(net::Loop& loop, Patient patient, std::chrono::milliseconds budget) {
    Examination examination{loop, std::move(patient), Steady::now() + budget};
    auto running = examination.run();
    co_return co_await std::move(running);
}

net::Task<std::vector<Row>> Examination::run() {
    configuration();
    auto naming = names();
    co_await std::move(naming);
    if (secure_) look_at_held_list();
    clock();
    if (!secure_) {
        for (const auto step : {Step::tftp, Step::list, Step::capf, Step::store, Step::tls})
            skip(step, std::string{tls_is_off});
        auto opening = plain_session();
        co_await std::move(opening);
        co_return std::move(rows_);
    }
    auto fetching = fetch();
    co_await std::move(fetching);
    list();
    auto asking = capf();
    co_await std::move(asking);
    store();
    auto looking = tls();
    co_await std::move(looking);
    auto opening = session();
    co_await std::move(opening);
    co_return std::move(rows_);
}

void Examination::add(Step step, Verdict verdict, std::string seen, std::optional<Fault> fault) {
    auto& row = rows_.emplace_back();
    row.step = step;
    row.verdict = verdict;
    row.seen = std::move(seen);
    row.fault = fault;
}

std::chrono::milliseconds Examination::left(std::chrono::milliseconds most) const {
    const auto all = std::chrono::ceil<std::chrono::milliseconds>(until_ - Steady::now());
    return std::clamp(all, 1ms, most);
}

bool Examination::out_of_time(Step step) {
    if (Steady::now() < until_) return false;
    skip(step, "no time was left: an earlier step took it");
    return true;
}

void Examination::configuration() {
    const auto& link = patient_.link;
    const auto missing = fmt::format("{}", fmt::join(config::missing_for_tls(link), ", "));
    secure_ = config::security(link) == config::Security::tls;
    if (secure_) {
        const auto offer = crypto::tls_offer(link.tls_profile);
        if (!offer) return fail(Step::configuration, offer.error());
        pass(Step::configuration,
             fmt::format("TLS is on, profile {}, instance ID {}; {}", tserver::name(link.tls_profile),
                         link.instance_id->str(), policy_text(*offer)));
    } else if (missing.empty()) {
        pass(Step::configuration, "TLS is off: no option of it is set");
    } else {
        fail(Step::configuration, {Fault::CONFIG_INCOMPLETE,
                                   fmt::format("not set: {}; {}", missing,
                                               config::security(link) == config::Security::down
                                                   ? "tls-required keeps the link down"
                                                   : "the link goes in clear"),
                                   {}});
    }
}

net::Task<void> Examination::names() {
    auto hosts = patient_.link.hostname;
    if (secure_) {
        hosts.push_back(*patient_.link.tftp_host);
        hosts.push_back(*patient_.link.capf_host);
    }
    std::ranges::sort(hosts);
    hosts.erase(std::unique(hosts.begin(), hosts.end()), hosts.end());
    std::vector<std::string> seen;
    std::vector<std::string> unknown;
    const auto until = Steady::now() + names_limit;
    for (const auto& host : hosts) {
        const auto rest = std::max(std::chrono::ceil<std::chrono::milliseconds>(until - Steady::now()), 1ms);
        auto resolving = net::within(loop_, rest, net::resolve(loop_, host, 1));
        const auto found = co_await std::move(resolving);
        if (!found) {
            unknown.push_back(found.error().fault == Fault::TIMED_OUT
                                  ? fmt::format("{}: the resolver does not answer", host.str())
                                  : found.error().detail);
            continue;
        }
        std::vector<std::string> addresses;
        for (const auto& address : *found) addresses.push_back(address.host());
        const bool literal = addresses.size() == 1 && addresses.front() == host.str();
        seen.push_back(literal ? host.str()
                               : fmt::format("{} is {}", host.str(), fmt::join(addresses, ", ")));
    }
    if (unknown.empty())
        pass(Step::names, fmt::format("{}", fmt::join(seen, "; ")));
    else
        fail(Step::names, {Fault::NAME_RESOLUTION, fmt::format("{}", fmt::join(unknown, "; ")), {}});
}

void Examination::look_at_held_list() {
    auto opened = store::TrustStore::open_to_read(patient_.link.store.string());
    if (!opened && opened.error().fault == Fault::STORE_MISSING) return;
    auto loaded = opened ? opened->load() : tl::unexpected<Error>(opened.error());
    if (!loaded) {
        held_trouble_ = std::move(loaded).error();
        return;
    }
    if (!*loaded) return;
    auto parsed = trust::parse((*loaded)->octets);
    if (!parsed) {
        held_trouble_ = Error{Fault::STORE_DAMAGED, opened->path() + ": " + parsed.error().detail, {}};
        return;
    }
    held_ = *std::move(parsed);
    held_facts_ = **std::move(loaded);
    not_before_this_ = held_facts_->meta.fetched;
    clock_witness_ = "the trust list in the store";
}

/// When the certificate in the store was saved; that is told without the passphrase.
void Examination::note_created() {
    const auto all = store::list_identities(patient_.link.store.string());
    if (!all) return;  // the store step says why
    for (const auto& each : *all) {
        if (each.id != *patient_.link.instance_id || !each.meta) continue;
        if (not_before_this_ && *not_before_this_ >= each.meta->created) continue;
        not_before_this_ = each.meta->created;
        clock_witness_ = "the certificate in the store";
    }
}

void Examination::clock() {
    if (secure_) note_created();
    if (not_before_this_ && now_ + clock_tolerance < *not_before_this_)
        return fail(Step::clock, {Fault::CLOCK, ahead_of(now_, *not_before_this_, clock_witness_), {}});
    pass(Step::clock, rfc3339(now_) + clock_keeper());
}

net::Task<void> Examination::fetch() {
    if (out_of_time(Step::tftp)) co_return;
    const auto started = Steady::now();
    auto source = list_source(patient_.link);
    const auto limit = left(fetch_limit);
    source.timeout = std::min(source.timeout, limit);
    const auto where = Endpoint{source.host, source.port}.str();
    auto fetching = net::within(loop_, limit, tftp::fetch_trust_list(loop_, std::move(source)));
    auto fetched = co_await std::move(fetching);
    if (!fetched) {
        auto error = std::move(fetched).error();
        if (error.fault == Fault::TIMED_OUT)
            error = {Fault::TFTP_UNREACHABLE, fmt::format("{}: {}", where, error.detail), {}};
        co_return fail(Step::tftp, error);
    }
    const auto took = std::chrono::duration_cast<std::chrono::milliseconds>(Steady::now() - started);
    pass(Step::tftp, fmt::format("{}, {} octets, {} in {} ms", fetched->name, fetched->file.size(),
                                 fetched->where, took.count()));
    octets_ = std::move(fetched->file);
}

/// What the link would think of the list that the cluster serves, without taking it.
void Examination::list() {
    if (held_trouble_) return fail(Step::list, *held_trouble_);
    if (!octets_) {
        if (!held_) return skip(Step::list, "none is held and none could be fetched");
        return pass(Step::list, fmt::format("the held one, fetched {}; not compared with the cluster's",
                                            rfc3339(held_facts_->meta.fetched)));
    }
    auto parsed = trust::parse(*octets_);
    if (!parsed) return fail(Step::list, parsed.error());
    fetched_ = *std::move(parsed);
    std::optional<trust::Pin> pin;
    if (const auto& sha256 = patient_.link.ctl_fingerprint) {
        if (auto read = trust::Pin::of(*sha256)) pin = *std::move(read);
    }
    std::optional<trust::Held> held;
    if (held_) held = trust::Held{&*held_, held_facts_->meta.trusted != store::Trusted::first_use};
    const auto decision = trust::decide(held, *fetched_, pin, now_);
    if (!decision) return fail(Step::list, decision.error());
    list_ = fetched_;
    if (auto none = trust::no_servers(*list_)) return fail(Step::list, *none);
    if (trust::capf(*list_).empty()) return fail(Step::list, {Fault::CTL_NO_CAPF, "", {}});
    const auto signed_at = list_->header.timestamp;
    if (signed_at && now_ + clock_tolerance < *signed_at)
        return fail(Step::list, {Fault::CLOCK, ahead_of(now_, *signed_at, "the trust list"), {}});
    std::string seen = fmt::format("{} CallManager and {} CAPF certificates", trust::servers(*list_).size(),
                                   trust::capf(*list_).size());
    if (signed_at) seen += ", signed " + rfc3339(*signed_at);
    if (const auto* renewed = std::get_if<trust::Renewed>(&decision->what))
        seen += "; newer than the held one: " + trust::summary(renewed->diff);
    if (!decision->confirmed)
        seen += "; unverified: compare it with `show ctl`, then `tserverctl trust confirm`";
    pass(Step::list, std::move(seen));
}

}  // namespace tserver::doctor
