// The steps that meet the cluster's TLS ports and the identity.
#include "doctor/examination.hpp"
#include "doctor/scan_tls.hpp"
#include "trust/roles.hpp"

namespace tserver::doctor {
namespace {

using namespace std::chrono_literals;

constexpr auto capf_limit = 2500ms;
constexpr auto look_limit = 2500ms;
constexpr auto session_limit = 2500ms;
constexpr std::string_view without_list = "there is no trust list to check the server with";
constexpr auto quiet_time = 500ms;  ///< as a link waits for a late refusal (doc/protocols/session.md)

net::Task<std::monostate> readable_once(net::Loop& loop, int descriptor) {
    co_await net::readable(loop, descriptor);
    co_return std::monostate{};
}

/// How a fresh session ends by itself within the quiet time, if it does. Octets are a good sign.
net::Task<std::optional<Error>> early_end(net::Loop& loop, net::FarSide& far) {
    const auto until = Steady::now() + quiet_time;
    std::vector<std::uint8_t> octets(net::FarSide::pull_room);
    for (;;) {
        const auto pulled = far.pull(octets);
        if (pulled.got == net::Got::octets) co_return std::nullopt;
        if (pulled.got == net::Got::failed) co_return net::as_cti_error(far.failure());
        if (pulled.got != net::Got::nothing)
            co_return Error{Fault::CTI_CLOSED, "the CTIManager closed the connection at once", {}};
        auto waiting = net::sleep_task(loop, until);
        auto race = net::first_of(readable_once(loop, far.descriptor()), std::move(waiting));
        const auto first = co_await std::move(race);
        if (first.index() == 1) co_return std::nullopt;
    }
}

bool in_enrolment(const std::optional<control::LinkStatus>& link) {
    return link && link->reason && static_cast<unsigned>(link->reason->fault) / 1000 == 3;
}

std::string held_by_link(const control::LinkStatus& link) {
    auto seen = fmt::format("{} since {}", text(link.state), rfc3339(link.since));
    if (link.ctimanager) seen += " with " + *link.ctimanager;
    if (!link.tls_version.empty()) seen += fmt::format(", {} {}", link.tls_version, link.tls_suite);
    return seen + (link.application.connected ? ", an application is connected" : ", no application yet");
}

}  // namespace

net::Task<Look> Examination::look(Endpoint server, std::chrono::milliseconds most) {
    const auto context = crypto::TlsContext::client(patient_.link.tls_profile, nullptr);
    if (!context) {
        Look out;
        out.unconnected = context.error();
        co_return out;
    }
    auto looking = look_tls(loop_, std::move(server), *context, left(most));
    co_return co_await std::move(looking);
}

/// Whether a certificate can be had: the port, and the certificate behind it. Nothing is said to CAPF.
net::Task<void> Examination::capf() {
    const auto* list = working_list();
    if (list == nullptr) co_return skip(Step::capf, std::string{without_list});
    if (patient_.asked_by == AskedBy::link && !in_enrolment(patient_.running))
        co_return skip(Step::capf, "the trouble is not with an enrolment: CAPF is left alone");
    if (out_of_time(Step::capf)) co_return;
    auto looking = look({*patient_.link.capf_host, *patient_.link.capf_port}, capf_limit);
    const auto seen = co_await std::move(looking);
    if (seen.unconnected)
        co_return fail(Step::capf, net::of_other_server(*seen.unconnected, Fault::CAPF_UNREACHABLE));
    if (seen.failure) co_return fail(Step::capf, net::as_capf_error(*seen.failure));
    const auto& shown = *seen.shown;
    if (!trust::trusts_capf(*list, shown.leaf)) {
        co_return fail(Step::capf, {Fault::CAPF_TLS_UNTRUSTED,
                                    fmt::format("{} (SHA-256 {}) is no CAPF record of the trust list",
                                                shown.leaf.subject(), shown.leaf.sha256()),
                                    {}});
    }
    pass(Step::capf, fmt::format("{} answers with {}; {} is in the list", shown.address, shown.version,
                                 shown.leaf.subject()));
}

void Examination::store() {
    const auto& link = patient_.link;
    const auto path = link.store.string();
    if (const auto all = store::list_identities(path)) {
        for (const auto& each : *all) {
            if (each.id != *link.instance_id) continue;
            if (each.problem) return fail(Step::store, *each.problem);
            if (each.foreign_host)
                return fail(Step::store, {Fault::STORE_FOREIGN_HOST,
                                          fmt::format("{} was made on host {}", path, each.meta->host),
                                          {}});
        }
    } else if (all.error().fault != Fault::STORE_MISSING) {
        return fail(Step::store, all.error());
    }
    auto read = store::read_identity(path, *link.instance_id, *link.passphrase);
    if (!read && read.error().fault == Fault::STORE_MISSING) {
        if (link.auth_code) return pass(Step::store, "no certificate yet; tls-auth-code is set to get one");
        return fail(Step::store,
                    {Fault::CODE_MISSING, "no certificate in the store and no tls-auth-code", {}});
    }
    if (!read) return fail(Step::store, read.error());
    const auto& certificate = read->identity.certificate;
    if (now_ >= certificate.not_after())
        return fail(
            Step::store,
            {Fault::IDENTITY_EXPIRED, fmt::format("it ended at {}", rfc3339(certificate.not_after())), {}});
    if (now_ < certificate.not_before())
        return fail(Step::store, {Fault::CLOCK,
                                  fmt::format("the clock says {}, our certificate starts at {}",
                                              rfc3339(now_), rfc3339(certificate.not_before())),
                                  {}});
    auto seen = fmt::format("{}, {} days left, generation {}", certificate.subject(),
                            days_until(certificate.not_after(), now_), read->generation);
    if (read->fell_back) seen += "; a newer generation is damaged: " + *read->fell_back;
    pass(Step::store, std::move(seen));
    identity_ = std::move(read->identity);
}

/// Nothing when the certificate is one to work with; otherwise which of the three it is (F-table, step
/// trust).
std::optional<Error> Examination::trouble_with(const Shown& shown) const {
    const auto told =
        fmt::format("{}: {} (SHA-256 {})", shown.address, shown.leaf.subject(), shown.leaf.sha256());
    if (!trust::trusts_server(*working_list(), shown.leaf)) {
        if (!fetched_)
            return Error{Fault::CTI_SERVER_UNTRUSTED,
                         told + " is not in the held list, and the cluster's could not be fetched",
                         {}};
        if (!list_ && trust::trusts_server(*fetched_, shown.leaf))
            return Error{Fault::CTL_STALE,
                         fmt::format("{} is only in the list that is not believed, {}", told,
                                     fetched_->header.signed_text()),
                         {}};
        return Error{Fault::CTL_NOT_UPDATED,
                     fmt::format("{} is not in the list that the cluster serves, {}", told,
                                 fetched_->header.signed_text()),
                     {}};
    }
    if (now_ >= shown.leaf.not_after() && patient_.link.server_expiry == config::ServerExpiry::refuse) {
        return Error{Fault::CTI_SERVER_EXPIRED,
                     fmt::format("{}: {} ended at {}", shown.address, shown.leaf.subject(),
                                 rfc3339(shown.leaf.not_after())),
                     {}};
    }
    if (auto strong = crypto::check_strength(patient_.link.tls_profile, shown.leaf); !strong)
        return std::move(strong).error();
    return std::nullopt;
}

/// Every CTIManager of the link shows its certificate, without being shown ours.
net::Task<void> Examination::tls() {
    if (working_list() == nullptr) co_return skip(Step::tls, std::string{without_list});
    if (out_of_time(Step::tls)) co_return;
    std::optional<Error> trouble;
    std::vector<std::string> seen;
    for (const auto& host : patient_.link.hostname) {
        const Endpoint server{host, config::cti_port(patient_.link)};
        auto looking = look(server, look_limit);
        const auto looked = co_await std::move(looking);
        std::optional<Error> error;
        if (looked.shown) {
            error = trouble_with(*looked.shown);
        } else {
            error = looked.unconnected ? *looked.unconnected : net::as_cti_error(*looked.failure);
        }
        if (error) {
            if (is_about_profile(error->fault)) {
                auto advising = advise_profile(loop_, server, patient_.link.tls_profile, left(look_limit));
                error->detail += co_await std::move(advising);
            }
            seen.push_back(error->detail);
            if (!trouble) trouble = std::move(error);
            continue;
        }
        const auto& shown = *looked.shown;
        seen.push_back(fmt::format("{}: {} {}, {} is in the list{}", shown.address, shown.version,
                                   shown.suite, shown.leaf.subject(),
                                   now_ >= shown.leaf.not_after() ? ", and has expired" : ""));
    }
    auto all = fmt::format("{}", fmt::join(seen, "; "));
    if (trouble)
        fail(Step::tls, {trouble->fault, std::move(all), {}});
    else
        pass(Step::tls, std::move(all));
}

net::Task<void> Examination::session() {
    if (patient_.running) {
        const auto& link = *patient_.running;
        if (control::carries(link.state)) co_return pass(Step::session, held_by_link(link));
        if (link.reason && link.reason->fault != Fault::STOPPED)
            co_return fail(Step::session, {link.reason->fault, link.reason->detail, {}});
        co_return skip(Step::session, fmt::format("tserver has the link: {}", text(link.state)));
    }
    if (!identity_) co_return skip(Step::session, "there is no certificate to open one with");
    for (const auto& row : rows_)
        if (row.step == Step::tls && row.verdict != Verdict::pass)
            co_return skip(Step::session, "the step before has to pass first");
    if (out_of_time(Step::session)) co_return;
    auto trying = try_identity();
    co_await std::move(trying);
}

/// tserver is not running: a session with the identity, kept from everybody else on this host meanwhile.
net::Task<void> Examination::try_identity() {
    const auto& link = patient_.link;
    const auto lock = store::hold_identity(link.store.string(), *link.instance_id);
    if (!lock)
        co_return skip(Step::session,
                       fmt::format("the identity is in use, or cannot be locked: {}", lock.error().detail));
    const auto context = crypto::TlsContext::client(link.tls_profile, &*identity_);
    if (!context) co_return fail(Step::session, context.error());
    const auto limit = left(session_limit);
    const auto& host = link.hostname.front();
    auto connecting = net::within(loop_, limit, net::connect(loop_, host, config::cti_port(link), limit));
    auto socket = co_await std::move(connecting);
    if (!socket) co_return fail(Step::session, socket.error());
    net::PeerCheck check = [this](const crypto::Certificate& leaf) -> Result<void> {
        if (const auto* list = working_list(); list != nullptr && trust::trusts_server(*list, leaf))
            return crypto::check_strength(patient_.link.tls_profile, leaf);
        return tserver::fail(Fault::CTI_SERVER_UNTRUSTED, leaf.subject() + " is not in the list");
    };
    auto shaking = net::TlsStream::connect(loop_, *std::move(socket), *context, std::move(check), limit);
    auto stream = co_await std::move(shaking);
    if (!stream) co_return fail(Step::session, net::as_cti_error(stream.error()));
    auto settling = early_end(loop_, **stream);
    if (const auto end = co_await std::move(settling)) co_return fail(Step::session, *end);
    pass(Step::session, fmt::format("{} took our certificate, {} {}; tserver is not running", host.str(),
                                    (*stream)->version(), (*stream)->suite()));
}

/// A link in clear: TCP, that nothing ends it at once, and that the port does not speak TLS.
net::Task<void> Examination::plain_session() {
    if (patient_.running && control::carries(patient_.running->state))
        co_return pass(Step::session, held_by_link(*patient_.running) + ", in clear");
    const auto& link = patient_.link;
    if (config::security(link) == config::Security::down)
        co_return skip(Step::session, "tls-required keeps the link down");
    if (out_of_time(Step::session)) co_return;
    const Endpoint server{link.hostname.front(), config::cti_port(link)};
    auto looking = look(server, look_limit);
    const auto looked = co_await std::move(looking);
    if (looked.unconnected) co_return fail(Step::session, *looked.unconnected);
    const bool tls = looked.shown || (looked.failure && looked.failure->alert);
    if (tls)
        co_return fail(Step::session, {Fault::CTI_SPEAKS_TLS, server.str() + " answers a TLS hello", {}});
    pass(Step::session, fmt::format("{} takes connections and speaks no TLS", server.str()));
}

}  // namespace tserver::doctor
