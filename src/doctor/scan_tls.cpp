#include "doctor/scan_tls.hpp"

namespace tserver::doctor {
namespace {

using namespace std::chrono_literals;

constexpr auto one_look = 3000ms;
constexpr std::size_t most_suites = 40;  ///< of one version: more than any library has

void note(Scan& scan, const Shown& shown) {
    scan.address = shown.address;
    if (std::ranges::find(scan.certificates, shown.leaf) == scan.certificates.end())
        scan.certificates.push_back(shown.leaf);
}

/// What no other offer of ours would change.
bool is_wrong_end(Fault fault) {
    return fault == Fault::CTI_NOT_TLS || fault == Fault::CTI_SILENT || fault == Fault::CTI_CLOSED;
}

class Scanner {
public:
    Scanner(net::Loop& loop, Endpoint server, std::chrono::milliseconds budget)
        : loop_{loop}, server_{std::move(server)}, until_{Steady::now() + budget} {}

    net::Task<Result<Scan>> run() {
        auto fitting = fit_profiles();
        auto fitted = co_await std::move(fitting);
        if (!fitted) co_return tl::unexpected<Error>(std::move(fitted).error());
        for (const auto version : crypto::tls_versions) {
            auto listing = list_suites(version);
            co_await std::move(listing);
        }
        const bool nothing = scan_.suites.empty() && !scan_.profile();
        if (nothing && first_trouble_ && is_wrong_end(first_trouble_->fault))
            co_return tl::unexpected<Error>(*first_trouble_);
        co_return std::move(scan_);
    }

    net::Task<Result<void>> fit_profiles() {
        for (const auto profile : {TlsProfile::modern, TlsProfile::cluster, TlsProfile::legacy}) {
            auto fitting = fit(profile);
            auto done = co_await std::move(fitting);
            if (!done) co_return done;
        }
        co_return Result<void>{};
    }

    [[nodiscard]] const Scan& seen() const noexcept { return scan_; }

private:
    net::Task<Look> look(const crypto::TlsContext& context) {
        const auto left = std::chrono::ceil<std::chrono::milliseconds>(until_ - Steady::now());
        auto looking = look_tls(loop_, server_, context, std::clamp(left, 1ms, one_look));
        co_return co_await std::move(looking);
    }

    net::Task<Result<void>> fit(TlsProfile profile) {
        CO_TRY(context, "TLS", crypto::TlsContext::client(profile, nullptr));
        auto looking = look(context);
        const auto seen = co_await std::move(looking);
        if (seen.unconnected) co_return tl::unexpected<Error>(*seen.unconnected);
        if (seen.shown) {
            note(scan_, *seen.shown);
            if (auto strong = crypto::check_strength(profile, seen.shown->leaf); !strong) {
                scan_.profiles.push_back({profile, std::move(strong).error(), {}, {}});
                co_return Result<void>{};
            }
            scan_.profiles.push_back({profile, {}, seen.shown->version, seen.shown->suite});
            co_return Result<void>{};
        }
        const auto error = net::as_cti_error(*seen.failure);
        if (!first_trouble_) first_trouble_ = error;
        if (error.fault == Fault::CTI_NOT_TLS || error.fault == Fault::CTI_SILENT)
            co_return tl::unexpected<Error>(error);
        scan_.profiles.push_back({profile, error, {}, {}});
        co_return Result<void>{};
    }

    /// The server takes its favourite; without that one it takes the next.
    net::Task<void> list_suites(std::string_view version) {
        std::vector<std::string> found;
        while (found.size() < most_suites) {
            if (Steady::now() >= until_) {
                scan_.complete = false;
                co_return;
            }
            const auto context = crypto::TlsContext::everything(version, found);
            if (!context) co_return;  // nothing is left to offer
            auto looking = look(*context);
            const auto seen = co_await std::move(looking);
            const bool fresh = seen.shown && std::ranges::find(found, seen.shown->suite) == found.end();
            if (!fresh) co_return;
            note(scan_, *seen.shown);
            scan_.suites.push_back({seen.shown->version, seen.shown->suite});
            found.push_back(seen.shown->suite);
        }
    }

    net::Loop& loop_;
    Endpoint server_;
    Steady::time_point until_;
    Scan scan_;
    std::optional<Error> first_trouble_;
};

}  // namespace

std::optional<TlsProfile> Scan::profile() const {
    for (const auto& each : profiles)
        if (!each.why_not) return each.profile;
    return std::nullopt;
}

net::Task<std::string> advise_profile(net::Loop& loop, Endpoint server, TlsProfile tried,
                                      std::chrono::milliseconds budget) {
    Scanner scanner{loop, std::move(server), budget};
    auto fitting = scanner.fit_profiles();
    const auto fitted = co_await std::move(fitting);
    if (!fitted) co_return std::string{};
    const auto fits = scanner.seen().profile();
    if (!fits) co_return "; no tls-profile fits";
    if (*fits == tried) co_return std::string{};
    const auto& fit = *std::ranges::find(scanner.seen().profiles, *fits, &ProfileFit::profile);
    co_return fmt::format("; tls-profile = {} fits ({}, {})", name(*fits), fit.version, fit.suite);
}

net::Task<Result<Scan>> scan_tls(net::Loop& loop, Endpoint server, std::chrono::milliseconds budget) {
    Scanner scanner{loop, std::move(server), budget};
    auto running = scanner.run();
    co_return co_await std::move(running);
}

}  // namespace tserver::doctor
