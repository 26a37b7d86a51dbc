#include "cli/store_commands.hpp"

#include <fmt/format.h>

#include "base/text.hpp"
#include "cli/secret_input.hpp"
#include "config/config.hpp"
#include "config/host_files.hpp"
#include "crypto/pkcs12.hpp"
#include "os/file.hpp"
#include "store/identity_store.hpp"
#include "store/trust_store.hpp"

namespace tserver::cli {

namespace json = boost::json;

namespace {

constexpr std::size_t most_octets_imported = 1'000'000;  ///< of one pair and its chain

/// A store and what the configuration knows about it.
struct Place {
    std::string path;
    std::optional<Secret> passphrase;
    std::vector<config::LinkConfig> links;

    [[nodiscard]] std::optional<std::string> link_of(const InstanceId& id) const {
        for (const auto& link : links)
            if (link.instance_id == id) return link.name;
        return std::nullopt;
    }
    [[nodiscard]] Result<InstanceId> identity_named(const std::string& name) const {
        for (const auto& link : links)
            if (link.name == name && link.instance_id) return *link.instance_id;
        auto id = InstanceId::parse(name);
        if (!id)
            return fail(Fault::STORE_MISSING,
                        fmt::format("{} is neither a link nor an instance ID", escape(name)));
        return id;
    }
};

Result<Place> find(const StoreSource& source) {
    if (!source.path.empty()) return Place{source.path, {}, {}};
    auto config = config::load(source.config, config::Purpose::checking);
    if (!config) return tl::unexpected(config::as_error(config.error()));
    for (const auto& link : config->links)
        if (!link.store.empty()) return Place{link.store.string(), link.passphrase, std::move(config->links)};
    return fail(Fault::CONFIG_INCOMPLETE, fmt::format("{}: tls-cert-path is not set", escape(source.config)));
}

Result<Secret> secret_from(const std::string& source) {
    if (source == "-") return read_secret("", source);
    TRY(read, config::read_passphrase(source));
    return std::move(read.octets);
}

Result<Secret> passphrase_of(const Place& place, const StoreSource& source) {
    if (source.passphrase_file) return secret_from(*source.passphrase_file);
    if (place.passphrase) return *place.passphrase;
    return read_secret("Passphrase of the store: ", {});
}

Result<Secret> new_passphrase(const std::optional<std::string>& file) {
    if (file) return secret_from(*file);
    TRY(first, read_secret("New passphrase of the exported file: ", {}));
    TRY(again, read_secret("The same again: ", {}));
    if (!(first == again)) return fail(Fault::USAGE, "the two passphrases differ");
    return first;
}

json::value problem_json(const std::optional<Error>& problem) {
    if (!problem) return nullptr;
    return json::object{{"fault", json::string{id(problem->fault)}},
                        {"detail", problem->detail},
                        {"action", json::string{row(problem->fault).action}}};
}

void print_problem(const Terms& terms, std::string_view what, const Error& problem) {
    terms.err << fmt::format("{}: {}\n→ {}\n", what, problem.text(), row(problem.fault).action);
}

/// A problem that the summary states as a fact.
std::optional<Error> problem_of(const store::IdentitySummary& summary) {
    if (summary.problem || !summary.foreign_host) return summary.problem;
    return Error{Fault::STORE_FOREIGN_HOST, fmt::format("made on host {}", summary.meta->host), {}};
}

json::object summary_json(const Place& place, const store::IdentitySummary& each, Instant now) {
    const auto link = place.link_of(each.id);
    json::object out{{"instance_id", each.id.str()},
                     {"link", nullptr},
                     {"generation", nullptr},
                     {"created", nullptr},
                     {"counter", nullptr},
                     {"lineage", nullptr},
                     {"subject", nullptr},
                     {"sha256", nullptr},
                     {"not_after", nullptr},
                     {"days_left", nullptr},
                     {"foreign_host", each.foreign_host},
                     {"problem", problem_json(problem_of(each))}};
    if (link) out["link"] = *link;
    if (each.generation) out["generation"] = *each.generation;
    if (each.meta) {
        out["created"] = rfc3339(each.meta->created);
        out["counter"] = each.meta->counter;
        out["lineage"] = each.meta->lineage;
        out["subject"] = each.subject;
        out["sha256"] = each.certificate_sha256;
    }
    if (each.not_after) {
        out["not_after"] = rfc3339(*each.not_after);
        out["days_left"] = days_until(*each.not_after, now);
    }
    return out;
}

/// The list that is held, or why it is not to be had; nothing when there never was one.
Result<std::optional<store::HeldList>> held_list(const std::string& path) {
    auto opened = store::TrustStore::open_to_read(path);
    if (!opened && opened.error().fault == Fault::STORE_MISSING) return std::optional<store::HeldList>{};
    if (!opened) return tl::unexpected(std::move(opened).error());
    return opened->load();
}

json::value trust_json(const Result<std::optional<store::HeldList>>& held) {
    json::object out{{"generation", nullptr}, {"file", nullptr},    {"signer", nullptr}, {"sha256", nullptr},
                     {"fetched", nullptr},    {"trusted", nullptr}, {"problem", nullptr}};
    if (!held) {
        out["problem"] = problem_json(held.error());
        return out;
    }
    if (!*held) return nullptr;
    const auto& list = **held;
    out["generation"] = list.generation;
    out["file"] = list.meta.file;
    out["signer"] = list.meta.signer;
    out["sha256"] = list.sha256;
    out["fetched"] = rfc3339(list.meta.fetched);
    out["trusted"] = json::string{store::name(list.meta.trusted)};
    return out;
}

void print_summary(const Terms& terms, const Place& place, const store::IdentitySummary& each, Instant now) {
    const auto days = each.not_after ? std::to_string(days_until(*each.not_after, now)) : "-";
    terms.out << fmt::format("{:<16} {:<16} {:>10} {:>9}  {}\n", each.id.str(),
                             place.link_of(each.id).value_or("-"),
                             each.generation ? std::to_string(*each.generation) : "-", days,
                             each.meta ? escape(each.subject, 60) : "no certificate");
}

void print_trust(const Terms& terms, const Result<std::optional<store::HeldList>>& held) {
    if (!held) return;
    if (!*held) {
        terms.out << "trust list: none\n";
        return;
    }
    const auto& list = **held;
    terms.out << fmt::format(
        "trust list: {}, {}, generation {}, fetched {}\n            signed by {}\n            SHA-256 {}\n",
        escape(list.meta.file, 60), store::name(list.meta.trusted), list.generation,
        rfc3339(list.meta.fetched), escape(list.meta.signer, 200), list.sha256);
}

struct Checked {
    std::string what;
    std::optional<unsigned long> generation{};
    std::string key{};
    std::string subject{};
    std::optional<Error> problem{};
};

Checked check_identity(const Place& place, const store::IdentitySummary& summary, const Secret& passphrase) {
    Checked out{.what = summary.id.str()};
    auto read = store::read_identity(place.path, summary.id, passphrase);
    if (read) {
        out.generation = read->generation;
        out.key = read->identity.key.public_half().text();
        out.subject = read->identity.certificate.subject();
    }
    out.problem = problem_of(summary);
    if (!out.problem && !read) out.problem = read.error();
    if (!out.problem && read->fell_back) out.problem = Error{Fault::STORE_DAMAGED, *read->fell_back, {}};
    return out;
}

Checked check_trust(const std::string& path) {
    Checked out{.what = "trust list"};
    const auto held = held_list(path);
    if (!held) out.problem = held.error();
    if (held && *held) {
        out.generation = (*held)->generation;
        out.subject = (*held)->meta.file;
        if ((*held)->fell_back) out.problem = Error{Fault::STORE_DAMAGED, *(*held)->fell_back, {}};
    }
    return out;
}

json::object checked_json(const Checked& each) {
    json::object out{{"what", each.what},
                     {"generation", nullptr},
                     {"key", nullptr},
                     {"subject", nullptr},
                     {"problem", problem_json(each.problem)}};
    if (each.generation) out["generation"] = *each.generation;
    if (!each.key.empty()) out["key"] = each.key;
    if (!each.subject.empty()) out["subject"] = each.subject;
    return out;
}

void print_checked(const Terms& terms, const Checked& each) {
    if (each.problem) return print_problem(terms, each.what, *each.problem);
    const auto generation =
        each.generation ? fmt::format(", generation {}", *each.generation) : std::string{};
    terms.out << fmt::format("{}: whole{}{}{}{}{}\n", each.what, generation, each.key.empty() ? "" : ", ",
                             each.key, each.subject.empty() ? "" : ", ", escape(each.subject, 100));
}

int exit_code(const std::vector<std::optional<Error>>& problems) {
    for (const auto& problem : problems)
        if (problem) return row(problem->fault).exit_code;
    return 0;
}

Result<std::vector<store::IdentitySummary>> chosen(const Place& place,
                                                   const std::optional<std::string>& name) {
    TRY(all, store::list_identities(place.path));
    if (!name) return all;
    TRY(id, place.identity_named(*name));
    std::erase_if(all, [&](const store::IdentitySummary& each) { return each.id != id; });
    if (all.empty())
        return fail(Fault::STORE_MISSING, fmt::format("{} has no identity {}", place.path, id.str()));
    return all;
}

/// What leaves the store: the certificate as text, or the pair under a passphrase of its own.
Result<Bytes> exported(const store::StoredIdentity& stored, const StoreExport& what, const InstanceId& id) {
    if (!what.with_key) return to_bytes(as_bytes(stored.identity.certificate.pem()));
    TRY(passphrase, new_passphrase(what.new_passphrase_file));
    return crypto::seal(stored.identity, passphrase, id.str());
}

Result<int> export_identity(const Terms& terms, const StoreSource& source, const StoreExport& what) {
    if (what.with_key && !what.file)
        return fail(Fault::USAGE, "a private key goes to a file only: name one with --out");
    TRY(place, find(source));
    TRY(id, place.identity_named(what.name));
    TRY(passphrase, passphrase_of(place, source));
    TRY(stored, store::read_identity(place.path, id, passphrase));
    TRY(content, exported(stored, what, id));
    if (what.file) CHECK(os::create_file(*what.file, content, what.with_key ? 0600 : 0644));
    if (terms.json) {
        json::object out{{"instance_id", id.str()},
                         {"format", what.with_key ? "pkcs12" : "pem"},
                         {"file", nullptr},
                         {"sha256", stored.identity.certificate.sha256()},
                         {"pem", nullptr}};
        if (what.file) out["file"] = *what.file;
        if (!what.with_key) out["pem"] = json::string{as_text(content)};
        print(terms, out);
    } else if (what.file) {
        terms.out << fmt::format("{}: {} of generation {} written to {}\n", id.str(),
                                 what.with_key ? "key and certificate" : "certificate", stored.generation,
                                 escape(*what.file));
    } else {
        terms.out << as_text(content);
    }
    return 0;
}

Result<int> import_identity(const Terms& terms, const StoreSource& source, const StoreImport& what) {
    TRY(place, find(source));
    TRY(id, place.identity_named(what.name));
    TRY(content, os::read_file(what.file, most_octets_imported));
    TRY(word, what.file_passphrase ? secret_from(*what.file_passphrase)
                                   : read_secret("Passphrase of the file to import: ", {}));
    TRY(pair, crypto::open_old(content, word,
                               what.without_mac ? crypto::Mac::may_be_missing : crypto::Mac::required));
    TRY(passphrase, passphrase_of(place, source));
    TRY(identities, store::IdentityStore::open(place.path, id, passphrase));
    CHECK(identities.save(pair.identity, {}));
    const auto& certificate = pair.identity.certificate;
    if (terms.json) {
        json::array old;
        for (const auto& name : pair.old) old.emplace_back(name);
        print(terms, json::object{{"instance_id", id.str()},
                                  {"subject", certificate.subject()},
                                  {"sha256", certificate.sha256()},
                                  {"not_after", rfc3339(certificate.not_after())},
                                  {"old", std::move(old)}});
        return 0;
    }
    terms.out << fmt::format("{}: {} imported, valid until {}\n", id.str(),
                             escape(certificate.subject(), 100), rfc3339(certificate.not_after()));
    if (!pair.old.empty())
        terms.out << fmt::format(
            "The file was protected by what is weak today ({}); in the store it is encrypted anew.\n"
            "Remove the file.\n",
            fmt::join(pair.old, ", "));
    return 0;
}

}  // namespace

int store_list(const Terms& terms, const StoreSource& source, Instant now) {
    const auto place = find(source);
    if (!place) return say_error(terms, place.error());
    const auto identities = store::list_identities(place->path);
    if (!identities) return say_error(terms, identities.error());
    const auto held = held_list(place->path);

    std::vector<std::optional<Error>> problems;
    json::array rows;
    if (!terms.json)
        terms.out << fmt::format("{:<16} {:<16} {:>10} {:>9}  {}\n", "INSTANCE ID", "LINK", "GENERATION",
                                 "DAYS LEFT", "CERTIFICATE");
    for (const auto& each : *identities) {
        problems.push_back(problem_of(each));
        if (terms.json)
            rows.push_back(summary_json(*place, each, now));
        else
            print_summary(terms, *place, each, now);
    }
    if (terms.json) {
        print(terms, json::object{{"path", place->path}, {"identities", rows}, {"trust", trust_json(held)}});
    } else {
        print_trust(terms, held);
        for (std::size_t i = 0; i < problems.size(); ++i)
            if (problems[i]) print_problem(terms, (*identities)[i].id.str(), *problems[i]);
        if (!held) print_problem(terms, "trust list", held.error());
    }
    if (!held) problems.emplace_back(held.error());
    return exit_code(problems);
}

int store_check(const Terms& terms, const StoreSource& source, const std::optional<std::string>& name) {
    const auto place = find(source);
    if (!place) return say_error(terms, place.error());
    const auto identities = chosen(*place, name);
    if (!identities) return say_error(terms, identities.error());
    const auto passphrase = identities->empty() ? Result<Secret>{} : passphrase_of(*place, source);
    if (!passphrase) return say_error(terms, passphrase.error());

    std::vector<Checked> checks;
    for (const auto& each : *identities) checks.push_back(check_identity(*place, each, *passphrase));
    if (!name) checks.push_back(check_trust(place->path));
    std::vector<std::optional<Error>> problems;
    json::array rows;
    for (const auto& each : checks) {
        problems.push_back(each.problem);
        if (terms.json)
            rows.push_back(checked_json(each));
        else
            print_checked(terms, each);
    }
    if (terms.json) print(terms, json::object{{"path", place->path}, {"checks", rows}});
    return exit_code(problems);
}

int store_export(const Terms& terms, const StoreSource& source, const StoreExport& what) {
    const auto done = export_identity(terms, source, what);
    return done ? *done : say_error(terms, done.error());
}

int store_import(const Terms& terms, const StoreSource& source, const StoreImport& what) {
    const auto done = import_identity(terms, source, what);
    return done ? *done : say_error(terms, done.error());
}

int store_confirm(const Terms& terms, const StoreSource& source, const std::string& name) {
    const auto place = find(source);
    if (!place) return say_error(terms, place.error());
    const auto id = place->identity_named(name);
    if (!id) return say_error(terms, id.error());
    if (const auto done = store::confirm_identity_host(place->path, *id); !done)
        return say_error(terms, done.error());
    if (terms.json)
        print(terms, json::object{{"instance_id", id->str()}, {"confirmed", true}});
    else
        terms.out << fmt::format("{}: this host is the only one with this identity from now on\n", id->str());
    return 0;
}

}  // namespace tserver::cli
