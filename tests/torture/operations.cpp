#include "tests/torture/operations.hpp"

#include <fcntl.h>
#include <fmt/format.h>

#include <fstream>
#include <memory>
#include <stdexcept>

#include "config/plan.hpp"
#include "config/wire.hpp"
#include "link/identity.hpp"
#include "link/session.hpp"
#include "tests/support/sample_identity.hpp"
#include "trust/parse.hpp"
#include "trust/verify.hpp"

namespace tserver::torture {
namespace {

using namespace std::chrono_literals;

constexpr unsigned rounds = 1;  ///< of the store: the work factor needs time, not memory
const std::string instance = "torture";

template <class T>
Done outcome(const Result<T>& result) {
    if (result) return std::nullopt;
    return std::string{id(result.error().fault)};
}

/// Everything that several operations need, made once with all memory.
struct Ground {
    ClusterProcess& cluster;
    std::filesystem::path folder;
    trust::List list;
    crypto::PrivateKey key = crypto::PrivateKey::make_rsa(2048).value();
    config::LinkConfig config{};
    std::filesystem::path file{}, other_file{};  ///< configurations
    Bytes forged{};                              ///< the list with one changed octet
    std::vector<crypto::Identity> identities{};
    std::size_t turn = 0;  ///< of the identity that is saved next
    unsigned codes = 0;
    os::Fd nowhere{::open("/dev/null", O_WRONLY | O_CLOEXEC)};
};

Result<store::IdentityStore> open_store(const Ground& ground) {
    TRY(tree, os::open_tree(ground.config.store.string(), os::Access::read_write));
    return store::IdentityStore::open(std::move(tree), InstanceId::parse(instance).value(),
                                      {*ground.config.passphrase, {}, rounds}, store::this_host());
}

/// The identity in the store, as a process finds it that was just started.
std::string stored(const Ground& ground) {
    auto store = open_store(ground);
    if (!store) return store.error().text();
    const auto loaded = store->load();
    if (!loaded) return loaded.error().text();
    return *loaded ? (*loaded)->identity.certificate.sha256() : std::string{"none"};
}

void write_configuration(const std::filesystem::path& file, int links, const std::string& extra) {
    std::ofstream out{file};
    out << "[TServer]\n";
    for (int n = 1; n <= links; ++n) out << fmt::format("link-{}-name = link-tls-{}\n", n, n);
    out << "\n[link-tls]\npassword = a passphrase of the store\ntls-cert-path = "
        << file.parent_path().string()
        << "/store\ntls-capf-host = cucm-pub.example.com\ntls-capf-port = 3804\n"
           "tls-tftp-host = cucm-pub.example.com\ntls-tftp-port = 69\n"
        << extra;
    for (int n = 1; n <= links; ++n) {
        out << fmt::format(
            "\n[link-tls-{}]\nhostname = cucm-sub1.example.com, cucm-sub2.example.com\n"
            "tls-instance-id = tserver01link{}\ntls-auth-code = {}\n",
            n, n, 12345 + n);
    }
}

Operation load_configuration(Ground& ground) {
    return {"load configuration", false, [] {},
            [&ground]() -> Done {
                const auto loaded = config::load(ground.file);
                return loaded ? Done{} : Done{std::string{id(loaded.error().front().fault)}};
            },
            [] { return Done{}; }};
}

Operation plan_reload(Ground& ground) {
    return {"reload", false, [] {},
            [&ground]() -> Done {
                const auto running = config::load(ground.file);
                const auto fresh = config::load(ground.other_file);
                if (!running || !fresh) return "CONFIG";
                const auto plan = config::plan(*running, *fresh);
                if (plan.refused() || plan.changes.empty()) return "the plan is another one";
                for (const auto& link : plan.after.links) {
                    const auto sent = config::encode(link);
                    const auto taken = config::decode(as_bytes(sent.reveal()));
                    if (!taken) return outcome(taken);
                    if (!(*taken == link)) return "the link got another configuration";
                }
                return std::nullopt;
            },
            [] { return Done{}; }};
}

Operation read_list(Ground& ground) {
    return {"read list", false, [] {},
            [&ground]() -> Done {
                const auto list = trust::parse(ground.cluster.list_file());
                if (!list) return outcome(list);
                return *list == ground.list ? Done{} : Done{"another list was read"};
            },
            [] { return Done{}; }};
}

Operation verify_list(Ground& ground) {
    return {"verify list", false, [] {},
            [&ground]() -> Done { return outcome(trust::verify(ground.list, ground.list)); },
            [] { return Done{}; }};
}

/// Whatever fails, a forged list is never taken.
Operation refuse_list(Ground& ground) {
    return {"refuse a forged list", false, [] {},
            [&ground]() -> Done {
                const auto list = trust::parse(ground.forged);
                if (!list) return outcome(list);
                const auto verified = trust::verify(*list, ground.list);
                if (verified) return "ACCEPTED";
                return verified.error().fault == Fault::CTL_SIG_INVALID ? Done{} : outcome(verified);
            },
            [] { return Done{}; }};
}

/// A new generation over an old one. Afterwards one of the two is there.
Operation save_identity(Ground& ground) {
    return {"save identity", false, [&ground] { ++ground.turn; },
            [&ground]() -> Done {
                auto store = open_store(ground);
                if (!store) return outcome(store);
                const auto& identity = ground.identities[ground.turn % 2];
                return outcome(store->save(identity, AuthCode::parse("12345").value()));
            },
            [&ground]() -> Done {
                const auto found = stored(ground);
                for (const auto& each : ground.identities)
                    if (each.certificate.sha256() == found) return std::nullopt;
                return "lost: " + found;
            }};
}

Operation load_store(Ground& ground) {
    return {"load store", false, [] {},
            [&ground]() -> Done {
                auto store = open_store(ground);
                if (!store) return outcome(store);
                const auto loaded = store->load();
                if (!loaded) return outcome(loaded);
                const bool known =
                    *loaded && ((*loaded)->identity.certificate == ground.identities[0].certificate ||
                                (*loaded)->identity.certificate == ground.identities[1].certificate);
                if (!known) return "no identity where there is one";
                if ((*loaded)->fell_back) return "fell back to an older generation";
                const auto used = store->was_used(AuthCode::parse("12345").value());
                if (!used) return outcome(used);
                return *used ? Done{} : Done{"forgot that a code was used"};
            },
            [&ground]() -> Done {
                const auto found = stored(ground);
                const bool there = found == ground.identities[0].certificate.sha256() ||
                                   found == ground.identities[1].certificate.sha256();
                return there ? Done{} : Done{"lost: " + found};
            }};
}

/// A loop, a channel and a log: what a link process has.
struct LinkParts {
    explicit LinkParts(Ground& ground)
        : ends{control::channel_pair().value()},
          channel{loop, std::move(ends.first)},
          log{{.descriptor = ground.nowhere.get(), .most = log::Level::alarm}},
          board{loop, channel, log, ground.config} {}

    template <class T>
    std::optional<T> finish(net::Task<T> work) {
        std::optional<T> result;
        auto keeping = [this, &result](net::Task<T> task) -> net::Task<void> {
            result.emplace(co_await std::move(task));
            loop.stop();
        };
        const net::Job job{keeping(std::move(work))};
        loop.run();
        return result;
    }

    net::Loop loop;
    std::pair<os::Fd, os::Fd> ends;
    control::Channel channel;
    log::Log log;
    link::Board board;
};

void arm(Ground& ground) {
    const auto code = fmt::format("{:08}", ++ground.codes);
    ground.cluster.arm(instance, code);
    ground.config.auth_code = AuthCode::parse(code).value();
    ground.config.capf_port = ground.cluster.capf();
    std::filesystem::remove(ground.config.store / "identities" / instance / "attempts.json");
}

/// The link's own step with its store. The pending key waits, so that no thread makes one.
Operation enrol(Ground& ground) {
    return {"enrol", true,
            [&ground] {
                arm(ground);
                auto store = open_store(ground);
                if (!store || !store->keep_pending_key(ground.key))
                    throw std::runtime_error{"no pending key"};
            },
            [&ground]() -> Done {
                LinkParts parts{ground};
                link::ClientIdentity identity{parts.loop, ground.config, parts.board, rounds};
                const auto enrolled = parts.finish(identity.enrol(ground.list, *ground.config.auth_code));
                return outcome(*enrolled);
            },
            [&ground]() -> Done {
                const auto found = stored(ground);
                return found.size() == 64 ? Done{} : Done{"lost: " + found};
            }};
}

Operation handshake(Ground& ground) {
    return {"TLS handshake", true, [&ground] { ground.config.port = ground.cluster.ctimanager(); },
            [&ground]() -> Done {
                LinkParts parts{ground};
                auto context =
                    crypto::TlsContext::client(ground.config.tls_profile, &ground.identities.back());
                if (!context) return outcome(context);
                net::PeerCheck check = [&ground](const crypto::Certificate& leaf) -> Result<void> {
                    if (trust::trusts_server(ground.list, leaf)) return {};
                    return fail(Fault::CTI_SERVER_UNTRUSTED, leaf.sha256());
                };
                const auto session = parts.finish(link::open_secure(
                    parts.loop, ground.config, ground.config.hostname.front(), *context, std::move(check)));
                return outcome(*session);
            },
            [] { return Done{}; }};
}

/// A certificate of the cluster, got in the way that is tested later.
void get_identity(Ground& ground) {
    const auto enrolling = enrol(ground);
    enrolling.before();
    if (const auto failed = enrolling.run()) throw std::runtime_error{"the first enrolment: " + *failed};
    auto loaded = open_store(ground).value().load().value();
    ground.identities.push_back(std::move(loaded->identity));
}

}  // namespace

std::vector<Operation> operations(ClusterProcess& cluster, const std::filesystem::path& folder) {
    static std::unique_ptr<Ground> kept;
    kept.reset(new Ground{cluster, folder, trust::parse(cluster.list_file()).value()});
    auto& ground = *kept;
    ground.config.name = "link-1";
    ground.config.passphrase = Secret{"torture"};
    ground.config.instance_id = InstanceId::parse(instance).value();
    ground.config.capf_host = Host::parse("127.0.0.1").value();
    ground.config.hostname = {*ground.config.capf_host};
    ground.config.enrol_timeout = ground.config.handshake_timeout = 5s;
    ground.config.store = folder / "store";
    std::filesystem::create_directory(ground.config.store);
    std::filesystem::permissions(ground.config.store, std::filesystem::perms::owner_all);
    ground.file = folder / "tserver.conf";
    ground.other_file = folder / "fresh.conf";
    write_configuration(ground.file, 3, "");
    write_configuration(ground.other_file, 4, "reconnect-max = 20\n");
    ground.forged = cluster.list_file();
    ground.forged.back() ^= 1U;
    ground.identities.push_back(testing_support::sample_identity("torture"));
    get_identity(ground);
    const auto saving = save_identity(ground);
    if (const auto failed = saving.run()) throw std::runtime_error{"the first save: " + *failed};
    return {load_configuration(ground), plan_reload(ground), read_list(ground), verify_list(ground),
            refuse_list(ground),        handshake(ground),   enrol(ground),     save_identity(ground),
            load_store(ground)};
}

}  // namespace tserver::torture
