#include "store/identity_store.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "crypto/pkcs12.hpp"
#include "crypto/provided.hpp"
#include "os/process.hpp"
#include "store/generations.hpp"
#include "store/identity_files.hpp"

namespace tserver::store {
namespace {

constexpr std::chrono::seconds between_attempts{30};
constexpr std::chrono::hours window{24};
constexpr std::size_t most_attempts = 20;
const std::string key_out_name = "key-out";
constexpr std::size_t probe_octets = 16384;  ///< more than a generation holds

/// A small file of the identity's folder; nothing when there is none.
Result<std::optional<Bytes>> read_optional(os::Tree& tree, const std::string& path) {
    auto content = tree.read(path, most_octets);
    if (content) return std::optional{*std::move(content)};
    if (content.error().fault == Fault::STORE_MISSING) return std::optional<Bytes>{};
    return tl::unexpected(std::move(content).error());
}

Result<void> remove_if_there(os::Tree& tree, const std::string& path) {
    auto gone = tree.remove(path);
    if (!gone && gone.error().fault != Fault::STORE_MISSING) return gone;
    return {};
}

Result<os::Lock> take_lock(os::Tree& tree, const std::string& folder) {
    const auto path = folder + "/lock";
    TRY(file, tree.open_lock(path));
    TRY(lock, os::Lock::take(std::move(file), tree.full(path)));
    if (lock) return std::move(*lock);
    TRY(held, tree.open_lock(path));
    const auto holder = os::read_lock_note(held).pid;
    return fail(Fault::STORE_IN_USE, fmt::format("{} is held by process {}", tree.full(path),
                                                 holder ? std::to_string(*holder) : "(unknown)"));
}

/// Every whole generation gets this host: a later fall-back must not meet the old one again.
Result<void> adopt(os::Tree& tree, const std::string& folder, const std::string& host) {
    TRY(numbers, generations(tree, folder));
    if (numbers.empty()) return fail(Fault::STORE_MISSING, tree.full(folder) + " holds no identity");
    for (const auto number : numbers) {
        auto generation = read_generation(tree, folder, number);
        if (!generation || !foreign(host, generation->file.meta)) continue;
        generation->file.meta.host = host;
        const auto text = write_json(generation->file);
        CHECK(os::replace(tree, generation_path(folder, number), std::string{meta_name}, as_bytes(text)));
    }
    return {};
}

IdentityFile describe(const crypto::Identity& identity, ByteView sealed, IdentityMeta meta,
                      std::vector<RememberedCode> codes) {
    const auto& certificate = identity.certificate;
    return {std::move(meta),          hex(crypto::digest_of(crypto::Digest::sha256, sealed)),
            certificate.sha256(),     certificate.subject(),
            certificate.not_before(), certificate.not_after(),
            std::move(codes)};
}

}  // namespace

std::string this_host() {
    const auto id = os::machine_id();
    if (id.empty()) return {};
    // machine-id(5): the id itself must not be shown; a digest under a constant of our own may.
    auto digest =
        crypto::digest_of(crypto::Digest::sha256, as_bytes("tserver identity store\n"), as_bytes(id));
    digest.resize(16);
    return hex(digest);
}

IdentityStore::IdentityStore(std::unique_ptr<os::Tree> tree, InstanceId id, crypto::Passphrase passphrase,
                             std::string host, os::Lock lock)
    : tree_{std::move(tree)},
      id_{std::move(id)},
      folder_{identity_folder(id_)},
      passphrase_{std::move(passphrase)},
      host_{std::move(host)},
      lock_{std::move(lock)} {}

Result<IdentityStore> IdentityStore::open(const std::string& path, const InstanceId& id,
                                          crypto::Passphrase passphrase) {
    TRY(tree, os::open_tree(path, os::Access::read_write));
    return open(std::move(tree), id, std::move(passphrase), this_host());
}

Result<IdentityStore> IdentityStore::open(std::unique_ptr<os::Tree> tree, const InstanceId& id,
                                          crypto::Passphrase passphrase, std::string host) {
    if (passphrase.octets().empty())
        return fail(Fault::STORE_EMPTY_PASSPHRASE, "option password of " + tree->root());
    CHECK(os::ensure_directory(*tree, "", "identities"));
    CHECK(os::check_private(*tree, "identities", os::Depth::itself));
    CHECK(os::ensure_directory(*tree, "identities", id.str()));
    const auto folder = identity_folder(id);
    CHECK(os::check_private(*tree, folder, os::Depth::with_content));
    TRY(lock, take_lock(*tree, folder));
    return IdentityStore{std::move(tree), id, std::move(passphrase), std::move(host), std::move(lock)};
}

std::string IdentityStore::path() const { return tree_->full(folder_); }

Result<std::optional<StoredIdentity>> IdentityStore::load() {
    auto loaded = load_identity(*tree_, folder_, passphrase_, host_);
    const bool newest = loaded && *loaded && !(*loaded)->fell_back;
    current_ = newest ? (*loaded)->identity.certificate.sha256() : std::string{};
    return loaded;
}

Result<void> IdentityStore::save(const crypto::Identity& identity, const std::optional<AuthCode>& used) {
    const auto key = identity.certificate.public_key();
    if (!key || !identity.key.pairs_with(*key))
        return fail(Fault::INTERNAL,
                    "key and certificate do not belong together: " + identity.certificate.subject());
    if (current_.empty()) static_cast<void>(load());  // a store that cannot be read is written anew
    if (!unsure_ && current_ == identity.certificate.sha256())
        return used ? remember_used(*used) : Result<void>{};

    TRY(numbers, generations(*tree_, folder_));
    IdentityMeta meta{host_, hex(crypto::random_octets(8)), 1, wall_now()};
    for (const auto number : numbers) {
        const auto before = read_generation(*tree_, folder_, number);
        if (!before || before->file.meta.lineage.empty()) continue;
        meta.lineage = before->file.meta.lineage;
        meta.counter = before->file.meta.counter + 1;
        break;
    }
    TRY(codes, codes_to_keep());
    if (used) {
        TRY(code, hash_code(*used, CodeFate::used, passphrase_, meta.created));
        codes = join(codes, {std::move(code)});
    }

    TRY(sealed, crypto::seal(identity, passphrase_, id_.str()));
    const auto text = write_json(describe(identity, sealed, std::move(meta), std::move(codes)));
    unsure_ = true;
    CHECK(add_generation(*tree_, folder_,
                         {{std::string{identity_name}, sealed}, {std::string{meta_name}, as_bytes(text)}}));
    unsure_ = false;
    current_ = identity.certificate.sha256();
    return {};
}

/// Of the generations that are whole. One that cannot be read at the moment is no empty one: a code that is
/// forgotten would be sent again.
Result<std::vector<RememberedCode>> IdentityStore::saved_codes() {
    TRY(numbers, generations(*tree_, folder_));
    std::vector<RememberedCode> out;
    for (const auto number : numbers) {
        auto generation = read_generation(*tree_, folder_, number);
        if (generation)
            out = join(std::move(generation->file.codes), out);
        else if (generation.error().fault != Fault::STORE_DAMAGED)
            return tl::unexpected(generation.error());
    }
    return out;
}

/// A damaged memory of codes is no reason to lose the certificate that was just issued.
Result<std::vector<RememberedCode>> IdentityStore::codes_to_keep() {
    auto all = codes();
    return all || all.error().fault != Fault::STORE_DAMAGED ? all : saved_codes();
}

Result<std::vector<RememberedCode>> IdentityStore::codes() {
    const auto path = folder_ + "/codes.json";
    TRY(text, read_optional(*tree_, path));
    TRY(saved, saved_codes());
    if (!text) return saved;
    auto codes = read_codes_json(*text);
    if (!codes) return fail(codes.error().fault, tree_->full(path) + ": " + codes.error().detail);
    return join(std::move(saved), *codes);
}

Result<bool> IdentityStore::remembers(const AuthCode& code, CodeFate fate) {
    TRY(all, codes());
    return has_fate(code, fate, passphrase_, all);
}

Result<void> IdentityStore::remember(const AuthCode& code, CodeFate fate) {
    TRY(all, codes());
    TRY(known, has_fate(code, fate, passphrase_, all));
    if (known) return {};
    TRY(hashed, hash_code(code, fate, passphrase_, wall_now()));
    const auto text = write_json(join(all, {std::move(hashed)}));
    return os::replace(*tree_, folder_, "codes.json", as_bytes(text));
}

Result<bool> IdentityStore::was_used(const AuthCode& code) { return remembers(code, CodeFate::used); }
Result<bool> IdentityStore::was_refused(const AuthCode& code) { return remembers(code, CodeFate::refused); }
Result<void> IdentityStore::remember_used(const AuthCode& code) { return remember(code, CodeFate::used); }
Result<void> IdentityStore::remember_refused(const AuthCode& code) {
    return remember(code, CodeFate::refused);
}

Result<void> IdentityStore::keep_pending_key(const crypto::PrivateKey& key) {
    TRY(sealed, crypto::seal_key(key, passphrase_));
    return os::replace(*tree_, folder_, "pending.p12", sealed);
}

Result<std::optional<crypto::PrivateKey>> IdentityStore::pending_key() {
    const auto path = folder_ + "/pending.p12";
    TRY(sealed, read_optional(*tree_, path));
    if (!sealed) return std::optional<crypto::PrivateKey>{};
    auto key = crypto::open_key(*sealed, passphrase_);
    if (!key) return fail(key.error().fault, tree_->full(path) + ": " + key.error().detail);
    return std::optional{*std::move(key)};
}

Result<void> IdentityStore::forget_pending_key() {
    CHECK(remove_if_there(*tree_, folder_ + "/pending.p12"));
    return tree_->sync_directory(folder_);
}

Result<void> IdentityStore::mark_key_out() { return os::replace(*tree_, folder_, key_out_name, {}); }

Result<bool> IdentityStore::key_is_out() {
    TRY(mark, read_optional(*tree_, folder_ + "/" + key_out_name));
    return mark.has_value();
}

Result<void> IdentityStore::unmark_key_out() { return remove_if_there(*tree_, folder_ + "/" + key_out_name); }

/// Those of the last 24 hours. A file that is not readable counts as none: it only guards against haste.
Result<std::vector<Instant>> IdentityStore::attempts(Instant now) {
    TRY(text, read_optional(*tree_, folder_ + "/attempts.json"));
    auto all = text ? read_attempts_json(*text).value_or(std::vector<Instant>{}) : std::vector<Instant>{};
    std::erase_if(all, [now](Instant each) { return each > now || each <= now - window; });
    std::ranges::sort(all);
    return all;
}

Result<std::chrono::seconds> IdentityStore::wait_before_attempt(Instant now) {
    TRY(made, attempts(now));
    if (made.empty()) return std::chrono::seconds{0};
    auto next = made.back() + between_attempts;
    if (made.size() >= most_attempts) next = std::max(next, made[made.size() - most_attempts] + window);
    return std::max(next - now, std::chrono::seconds{0});
}

Result<void> IdentityStore::note_attempt(Instant now) {
    TRY(made, attempts(now));
    made.push_back(now);
    const auto text = write_json(made);
    return os::replace(*tree_, folder_, "attempts.json", as_bytes(text));
}

Result<void> IdentityStore::test_writable() {
    const auto path = folder_ + "/probe";
    CHECK(remove_if_there(*tree_, path));
    auto written = os::write_new(*tree_, path, Bytes(probe_octets, 0x55));
    auto gone = remove_if_there(*tree_, path);
    return written ? gone : written;
}

Result<void> IdentityStore::confirm_host() {
    current_.clear();
    return adopt(*tree_, folder_, host_);
}

Result<std::vector<IdentitySummary>> list_identities(const std::string& path) {
    TRY(tree, os::open_tree(path, os::Access::read_only));
    const auto names = tree->list("identities");
    if (!names && names.error().fault == Fault::STORE_MISSING) return std::vector<IdentitySummary>{};
    if (!names) return tl::unexpected(names.error());
    std::vector<IdentitySummary> out;
    for (const auto& name : *names) {
        const auto id = InstanceId::parse(name);
        if (!id) continue;
        IdentitySummary summary{*id, {}, {}, {}, {}, {}, false, {}};
        const auto folder = identity_folder(*id);
        if (auto open = os::check_private(*tree, folder, os::Depth::with_content); !open)
            summary.problem = open.error();
        const auto numbers = generations(*tree, folder);
        if (!numbers) summary.problem = numbers.error();
        if (numbers && !numbers->empty()) {
            summary.generation = numbers->front();
            if (const auto newest = read_generation(*tree, folder, numbers->front())) {
                summary.meta = newest->file.meta;
                summary.certificate_sha256 = newest->file.certificate_sha256;
                summary.subject = newest->file.subject;
                summary.not_after = newest->file.not_after;
                summary.foreign_host = foreign(this_host(), newest->file.meta);
            } else {
                summary.problem = newest.error();
            }
        }
        out.push_back(std::move(summary));
    }
    return out;
}

Result<StoredIdentity> read_identity(const std::string& path, const InstanceId& id,
                                     const crypto::Passphrase& passphrase) {
    TRY(tree, os::open_tree(path, os::Access::read_only));
    TRY(loaded, load_identity(*tree, identity_folder(id), passphrase, ""));
    if (!loaded) return fail(Fault::STORE_MISSING, tree->full(identity_folder(id)) + " holds no identity");
    return *std::move(loaded);
}

namespace {

/// Of the first identity that has one: as a rule all have the same.
Result<std::optional<crypto::Salt>> salt_in(const std::string& path) {
    TRY(tree, os::open_tree(path, os::Access::read_only));
    TRY(names, tree->list("identities"));
    for (const auto& name : names) {
        const auto folder = "identities/" + name;
        const auto numbers = InstanceId::parse(name)
                                 ? generations(*tree, folder).value_or(std::vector<unsigned long>{})
                                 : std::vector<unsigned long>{};
        for (const auto number : numbers)
            if (const auto found = read_generation(*tree, folder, number))
                if (auto salt = crypto::salt_of(found->sealed);
                    salt && salt->rounds >= crypto::stretch_rounds)
                    return salt;
    }
    return std::optional<crypto::Salt>{};
}

}  // namespace

Result<StretchedKeys> keys_for(const std::string& path, const Secret& passphrase) {
    CHECK(crypto::check_provided());
    const crypto::Passphrase whole{passphrase};
    // A store that is not there or not readable is the links' to report.
    if (const auto salt = salt_in(path).value_or(std::nullopt))
        return whole.keys_of(salt->octets, salt->rounds);
    TRY(keys, whole.keys());
    return *keys;
}

Result<os::Lock> hold_identity(const std::string& path, const InstanceId& id) {
    TRY(tree, os::open_tree(path, os::Access::read_only));
    const auto folder = identity_folder(id);
    CHECK(tree->look(folder));
    return take_lock(*tree, folder);
}

Result<void> confirm_identity_host(const std::string& path, const InstanceId& id) {
    TRY(tree, os::open_tree(path, os::Access::read_write));
    const auto folder = identity_folder(id);
    CHECK(tree->look(folder));
    // A link that waits for this confirmation may hold the lock. It uses no foreign generation, and each
    // meta.json is replaced in one step, so the two do not disturb each other.
    const auto lock = take_lock(*tree, folder);
    if (!lock && lock.error().fault != Fault::STORE_IN_USE) return tl::unexpected(lock.error());
    return adopt(*tree, folder, this_host());
}

}  // namespace tserver::store
