#include "store/identity_files.hpp"

#include <fmt/format.h>

#include "crypto/pkcs12.hpp"
#include "store/generations.hpp"

namespace tserver::store {
namespace {

/// A file that is not there or not readable makes its generation a damaged one; a missing right does not.
tl::unexpected<Error> as_damage(Error error, const std::string& where) {
    const bool telling = error.fault == Fault::PERMISSION || error.fault == Fault::OUT_OF_RESOURCES;
    if (telling) return tl::unexpected(std::move(error));
    const auto named = error.detail.starts_with(where) ? error.detail : where + ": " + error.detail;
    return fail(Fault::STORE_DAMAGED, named);
}

Result<IdentityFile> read_meta(os::Tree& tree, const std::string& path) {
    const auto text = tree.read(path, most_octets);
    if (!text) return as_damage(text.error(), tree.full(path));
    auto meta = read_identity_json(*text);
    if (!meta) return as_damage(meta.error(), tree.full(path));
    return meta;
}

Result<Bytes> read_sealed(os::Tree& tree, const std::string& path) {
    auto sealed = tree.read(path, most_octets);
    if (!sealed) return as_damage(sealed.error(), tree.full(path));
    return sealed;
}

std::string join_path(const std::string& directory, std::string_view name) {
    return fmt::format("{}/{}", directory, name);
}

/// The certificate and key are whole though meta.json is not: the MAC says so. Better than losing them.
Result<StoredIdentity> salvage(os::Tree& tree, const std::string& directory,
                               const crypto::Passphrase& passphrase, const Error& why) {
    TRY(sealed, read_sealed(tree, join_path(directory, identity_name)));
    auto opened = crypto::open(sealed, passphrase);
    if (!opened) return tl::unexpected(why);
    return StoredIdentity{
        *std::move(opened), 0, {}, why.detail + " (the identity itself is whole and in use)"};
}

Result<StoredIdentity> open_generation(os::Tree& tree, const std::string& folder, unsigned long number,
                                       const crypto::Passphrase& passphrase, const std::string& host) {
    const auto directory = generation_path(folder, number);
    auto generation = read_generation(tree, folder, number);
    if (!generation) return salvage(tree, directory, passphrase, generation.error());
    const auto& meta = generation->file.meta;
    if (foreign(host, meta))
        return fail(Fault::STORE_FOREIGN_HOST, fmt::format("{} was made on host {} and this is host {}",
                                                           tree.full(directory), meta.host, host));
    auto opened = crypto::open(generation->sealed, passphrase);
    if (!opened) {
        auto error = std::move(opened).error();
        error.detail = tree.full(join_path(directory, identity_name)) + ": " + error.detail;
        return tl::unexpected(std::move(error));
    }
    return StoredIdentity{*std::move(opened), number, meta, {}};
}

}  // namespace

std::string identity_folder(const InstanceId& id) { return "identities/" + id.str(); }

bool foreign(const std::string& host, const IdentityMeta& meta) {
    return !host.empty() && !meta.host.empty() && host != meta.host;
}

Result<IdentityGeneration> read_generation(os::Tree& tree, const std::string& folder, unsigned long number) {
    const auto directory = generation_path(folder, number);
    TRY(file, read_meta(tree, join_path(directory, meta_name)));
    const auto path = join_path(directory, identity_name);
    TRY(sealed, read_sealed(tree, path));
    if (hex(crypto::digest_of(crypto::Digest::sha256, sealed)) != file.file_sha256)
        return fail(Fault::STORE_DAMAGED, tree.full(path) + ": its SHA-256 is not the one in meta.json");
    return IdentityGeneration{std::move(file), std::move(sealed)};
}

Result<std::optional<StoredIdentity>> load_identity(os::Tree& tree, const std::string& folder,
                                                    const crypto::Passphrase& passphrase,
                                                    const std::string& host) {
    TRY(numbers, generations(tree, folder));
    std::optional<Error> damage;
    for (const auto number : numbers) {
        auto opened = open_generation(tree, folder, number, passphrase, host);
        if (opened) {
            opened->generation = number;
            if (damage) opened->fell_back = damage->detail;
            return std::optional{*std::move(opened)};
        }
        // Anything but damage is true of the newest identity, and an older one would only hide it.
        if (opened.error().fault != Fault::STORE_DAMAGED) return tl::unexpected(std::move(opened).error());
        if (!damage) damage = std::move(opened).error();
    }
    if (damage) return tl::unexpected(*std::move(damage));
    return std::optional<StoredIdentity>{};
}

}  // namespace tserver::store
