#include "store/trust_store.hpp"

#include <fmt/format.h>

#include "base/text.hpp"
#include "crypto/digest.hpp"
#include "store/generations.hpp"
#include "store/meta.hpp"

namespace tserver::store {
namespace {

constexpr const char* folder = "trust";
constexpr const char* lock_path = "trust/lock";
constexpr std::string_view checked_word = "checked ";
constexpr std::size_t most_octets = 8U << 20U;

std::string sha256(ByteView octets) { return hex(crypto::digest_of(crypto::Digest::sha256, octets)); }

tl::unexpected<Error> damaged(const std::string& where, const Error& error) {
    if (error.fault == Fault::PERMISSION || error.fault == Fault::OUT_OF_RESOURCES)
        return tl::unexpected(error);
    return fail(Fault::STORE_DAMAGED,
                error.detail.starts_with(where) ? error.detail : where + ": " + error.detail);
}

struct ListGeneration {
    ListFile file;
    Bytes octets;
};

Result<ListGeneration> read_list(os::Tree& tree, unsigned long number) {
    const auto directory = generation_path(folder, number);
    const auto meta_path = directory + "/meta.json";
    const auto list_path = directory + "/ctl.tlv";
    const auto text = tree.read(meta_path, most_octets);
    if (!text) return damaged(tree.full(meta_path), text.error());
    auto file = read_list_json(*text);
    if (!file) return damaged(tree.full(meta_path), file.error());
    auto octets = tree.read(list_path, most_octets);
    if (!octets) return damaged(tree.full(list_path), octets.error());
    if (sha256(*octets) != file->file_sha256)
        return fail(Fault::STORE_DAMAGED, tree.full(list_path) + ": its SHA-256 is not the one in meta.json");
    return ListGeneration{*std::move(file), *std::move(octets)};
}

/// When a download last gave the held list. Only a saving of work: no answer is as good.
std::optional<Instant> last_check(os::Tree& tree) {
    const auto text = tree.read(lock_path, 4096);
    if (!text) return std::nullopt;
    const auto lines = split(as_text(*text), '\n');
    if (lines.size() < 2 || !lines[1].starts_with(checked_word)) return std::nullopt;
    return from_rfc3339(lines[1].substr(checked_word.size()));
}

Result<void> replace_meta(os::Tree& tree, unsigned long number, const ListFile& file) {
    const auto text = write_json(file);
    return os::replace(tree, generation_path(folder, number), "meta.json", as_bytes(text));
}

}  // namespace

void TrustLock::note_checked(Instant now) const {
    lock_.leave_note(std::string{checked_word} + rfc3339(now));
}

TrustStore::TrustStore(std::unique_ptr<os::Tree> tree, std::optional<crypto::Passphrase> passphrase)
    : tree_{std::move(tree)}, passphrase_{std::move(passphrase)} {}

Result<TrustStore> TrustStore::open(const std::string& path, std::optional<crypto::Passphrase> passphrase) {
    TRY(tree, os::open_tree(path, os::Access::read_write));
    return open(std::move(tree), std::move(passphrase));
}

Result<TrustStore> TrustStore::open(std::unique_ptr<os::Tree> tree,
                                    std::optional<crypto::Passphrase> passphrase) {
    CHECK(os::ensure_directory(*tree, "", folder));
    CHECK(os::check_private(*tree, folder, os::Depth::with_content));
    return TrustStore{std::move(tree), std::move(passphrase)};
}

Result<TrustStore> TrustStore::open_to_read(const std::string& path) {
    TRY(tree, os::open_tree(path, os::Access::read_only));
    CHECK(tree->look(folder));
    return TrustStore{std::move(tree), {}};
}

std::string TrustStore::path() const { return tree_->full(folder); }

Result<std::optional<HeldList>> TrustStore::load() {
    TRY(numbers, generations(*tree_, folder));
    std::optional<Error> damage;
    for (const auto number : numbers) {
        auto read = read_list(*tree_, number);
        if (read) {
            const auto checked = std::max(last_check(*tree_), std::optional{read->file.meta.fetched});
            HeldList held{std::move(read->octets),
                          std::move(read->file.meta),
                          std::move(read->file.file_sha256),
                          number,
                          checked,
                          {}};
            if (damage) held.fell_back = damage->detail;
            return std::optional{std::move(held)};
        }
        if (read.error().fault != Fault::STORE_DAMAGED) return tl::unexpected(std::move(read).error());
        if (!damage) damage = std::move(read).error();
    }
    if (damage) return tl::unexpected(*std::move(damage));
    return std::optional<HeldList>{};
}

Result<std::optional<TrustLock>> TrustStore::try_lock() {
    TRY(file, tree_->open_lock(lock_path));
    TRY(lock, os::Lock::take(std::move(file), tree_->full(lock_path)));
    if (!lock) return std::optional<TrustLock>{};
    return std::optional{TrustLock{std::move(*lock)}};
}

Result<void> TrustStore::save(const TrustLock& lock, ByteView octets, const ListMeta& meta,
                              const std::vector<crypto::NamedCertificate>& certificates) {
    const auto held = load();  // a list that cannot be read is replaced
    const auto digest = sha256(octets);
    if (certain_ && held && *held && !(*held)->fell_back && (*held)->sha256 == digest) {
        if ((*held)->meta.trusted == meta.trusted) return {};
        auto file = ListFile{(*held)->meta, digest};
        file.meta.trusted = meta.trusted;
        return replace_meta(*tree_, (*held)->generation, file);
    }
    const auto text = write_json(ListFile{meta, digest});
    std::vector<NamedContent> files{{"ctl.tlv", octets}, {"meta.json", as_bytes(text)}};
    Bytes sealed;
    if (passphrase_ && !passphrase_->octets().empty()) {
        TRY(made, crypto::seal_certificates(certificates, *passphrase_));
        sealed = std::move(made);
        files.push_back({"ctl.p12", sealed});
    }
    certain_ = false;  // until the end it is open what the disk holds
    CHECK(add_generation(*tree_, folder, files));
    certain_ = true;
    lock.note_checked(meta.fetched);
    return {};
}

Result<void> TrustStore::confirm(const TrustLock&) {
    TRY(held, load());
    if (!held) return fail(Fault::STORE_MISSING, tree_->full(folder) + " holds no trust list");
    if (held->meta.trusted != Trusted::first_use) return {};
    auto file = ListFile{held->meta, held->sha256};
    file.meta.trusted = Trusted::confirmed;
    return replace_meta(*tree_, held->generation, file);
}

}  // namespace tserver::store
