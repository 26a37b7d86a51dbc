#include "link/trust_list.hpp"

#include "doctor/list_source.hpp"
#include "link/expiry.hpp"
#include "trust/parse.hpp"

namespace tserver::link {
namespace {

constexpr auto lock_patience = std::chrono::seconds{60};  ///< longer than any download
constexpr auto lock_pause = std::chrono::milliseconds{50};

std::vector<crypto::NamedCertificate> named(const trust::List& list) {
    std::vector<crypto::NamedCertificate> out;
    for (const auto& record : list.records) {
        if (const auto* certificate = record.usable()) {
            out.push_back({fmt::format("{}-{}", record.index, lower_case(trust::role_name(record.role))),
                           *certificate});
        }
    }
    return out;
}

}  // namespace

TrustList::TrustList(net::Loop& loop, const config::LinkConfig& config, Board& board)
    : loop_{loop}, config_{config}, board_{board} {}

Result<void> TrustList::open() {
    if (store_) return {};
    std::optional<crypto::Passphrase> passphrase;
    if (config_.passphrase) passphrase.emplace(*config_.passphrase, config_.keys);
    TRY(opened, store::TrustStore::open(config_.store.string(), std::move(passphrase)));
    store_ = std::move(opened);
    return {};
}

net::Task<Result<void>> TrustList::ensure() {
    if (list_) co_return Result<void>{};
    CO_CHECK("open the trust store", open());
    CO_TRY(held, "load the trust list", store_->load());
    if (held) {
        CO_CHECK("load the trust list", adopt(*held));
        co_return Result<void>{};
    }
    auto refreshing = refresh(std::chrono::seconds{30});
    auto refreshed = co_await std::move(refreshing);
    if (!refreshed) co_return tl::unexpected(std::move(refreshed).error());
    co_return Result<void>{};
}

net::Task<Result<bool>> TrustList::refresh(std::chrono::seconds fresh_for) {
    CO_CHECK("open the trust store", open());
    auto locking = lock();
    CO_TRY(lock, "fetch the trust list", co_await std::move(locking));
    CO_TRY(held, "load the trust list", store_->load());
    const auto now = wall_now();
    if (held && held->checked && *held->checked <= now && now - *held->checked < fresh_for)
        co_return adopt(*held);

    auto renewing = renew(lock, std::move(held));
    auto renewed = co_await std::move(renewing);
    if (!renewed && list_) {
        board_.edit().trust->state = control::TrustState::kept;
        board_.log(log::trust_kept, board_.name(), {renewed.error().fault}, {renewed.error().detail});
    }
    co_return renewed;
}

net::Task<Result<bool>> TrustList::renew(const store::TrustLock& lock, std::optional<store::HeldList> held) {
    if (held && !list_) CO_CHECK("load the trust list", adopt(*held));
    auto fetching = tftp::fetch_trust_list(loop_, doctor::list_source(config_));
    CO_TRY(fetched, "fetch the trust list", co_await std::move(fetching));
    farewell_ = std::move(fetched.farewell);
    CO_TRY(list, "read the trust list", trust::parse(fetched.file));

    std::optional<trust::Pin> pin;
    if (config_.ctl_fingerprint) {
        CO_TRY(parsed, "tls-ctl-fingerprint", trust::Pin::parse(hex(*config_.ctl_fingerprint)));
        pin = std::move(parsed);
    }
    std::optional<trust::Held> known;
    if (held && list_) known = trust::Held{&*list_, held->meta.trusted != store::Trusted::first_use};
    auto decision = trust::decide(known, list, pin, wall_now());
    if (!decision) {
        refused_ = std::move(list);
        co_return tl::unexpected(std::move(decision).error().in("verify the trust list"));
    }
    refused_.reset();
    for (const auto& warning : decision->warnings) board_.log(log::trust_warning, board_.name(), {warning});
    if (std::holds_alternative<trust::Unchanged>(decision->what)) {
        lock.note_checked(wall_now());
        board_.log(log::trust_current, board_.name());
        if (decision->confirmed && !known->confirmed) {  // by a pin that was set later
            CO_CHECK("confirm the trust list", store_->confirm(lock));
            CO_TRY(vouched, "load the trust list", store_->load());
            held = std::move(vouched);
            board_.log(log::trust_confirmed, board_.name(), {held->sha256});
        }
        CO_TRY(changed, "load the trust list", adopt(*held));
        co_return changed;
    }
    const auto trusted = pin && !known         ? store::Trusted::pinned
                         : decision->confirmed ? store::Trusted::confirmed
                                               : store::Trusted::first_use;
    co_return take(lock, list, fetched.name, *decision, trusted);
}

Result<bool> TrustList::take(const store::TrustLock& lock, const trust::List& fetched,
                             const std::string& file, const trust::Decision& decision,
                             store::Trusted trusted) {
    const auto* first = std::get_if<trust::FirstUse>(&decision.what);
    const auto* renewed = std::get_if<trust::Renewed>(&decision.what);
    const auto& verified =
        first != nullptr ? first->verified : std::get<trust::Renewed>(decision.what).verified;
    const store::ListMeta meta{wall_now(), file, verified.signer, trusted};
    CHECK(store_->save(lock, fetched.octets, meta, named(fetched)));
    lock.note_checked(wall_now());
    board_.log(log::trust_taken, board_.name(), {file}, {verified.signer}, {fetched.sha256()});
    if (renewed != nullptr) board_.log(log::trust_changed, board_.name(), {trust::summary(renewed->diff)});
    TRY(held, store_->load());
    if (!held) return fail(Fault::STORE_IO, "the trust list that was just saved is not there");
    return adopt(*held);
}

/// @return true when the list in use is another one now
Result<bool> TrustList::adopt(const store::HeldList& held) {
    const bool changed = !list_ || list_->octets != held.octets;
    if (changed) {
        auto parsed = trust::parse(held.octets);
        if (!parsed)
            return fail(Fault::STORE_DAMAGED, fmt::format("{}: {}", store_->path(), parsed.error().detail));
        list_ = *std::move(parsed);
        if (held.fell_back) board_.log(log::store_warning, board_.name(), {*held.fell_back});
        if (held.meta.trusted == store::Trusted::first_use) {
            board_.log(log::trust_unverified, board_.name(), {held.sha256});
        }
    }
    show(held);
    check_dates(wall_now());
    return changed;
}

void TrustList::show(const store::HeldList& held) {
    auto& shown = *board_.edit().trust;
    shown.state = control::TrustState::current;
    shown.signer = held.meta.signer;
    shown.sha256 = held.sha256;
    shown.fetched = held.meta.fetched;
    shown.unverified = held.meta.trusted == store::Trusted::first_use;
    shown.certificates.clear();
    for (const auto& record : list_->records) {
        if (const auto* certificate = record.usable()) {
            shown.certificates.push_back(
                {certificate->subject(), {trust::role_name(record.role)}, certificate->not_after()});
        }
    }
}

net::Task<Result<store::TrustLock>> TrustList::lock() {
    const auto deadline = Steady::now() + lock_patience;
    for (;;) {
        CO_TRY(taken, "lock the trust store", store_->try_lock());
        if (taken) co_return *std::move(taken);
        if (Steady::now() >= deadline) {
            co_return fail(Fault::STORE_IN_USE, fmt::format("{}: locked for more than 60 s", store_->path()));
        }
        co_await net::sleep(loop_, lock_pause);  // a file lock has no event that a loop could wait for
    }
}

net::Task<Result<std::string>> TrustList::confirm(bool replace) {
    CO_CHECK("open the trust store", open());
    auto locking = lock();
    CO_TRY(lock, "confirm the trust list", co_await std::move(locking));
    if (replace) {
        auto renewing = renew(lock, {});
        CO_CHECK("fetch the trust list", co_await std::move(renewing));
    }
    CO_CHECK("confirm the trust list", store_->confirm(lock));
    CO_TRY(held, "load the trust list", store_->load());
    if (!held) co_return fail(Fault::STORE_MISSING, "no trust list is held");
    CO_CHECK("load the trust list", adopt(*held));
    board_.log(log::trust_confirmed, board_.name(), {held->sha256});
    co_return fmt::format("trust list {} confirmed", held->sha256);
}

void TrustList::check_dates(Instant now) {
    if (!list_) return;
    for (const auto& record : list_->records) {
        const auto* certificate = record.usable();
        if (certificate == nullptr) continue;
        const auto threshold = expiry_threshold(certificate->not_after(), now);
        if (!threshold) continue;
        const auto [at, fresh] = warned_.try_emplace(certificate->sha256(), *threshold);
        if (!fresh && at->second <= *threshold) continue;
        at->second = *threshold;
        board_.log(log::trust_expiring, board_.name(), {certificate->subject()},
                   {days_until(certificate->not_after(), now)});
    }
}

}  // namespace tserver::link
