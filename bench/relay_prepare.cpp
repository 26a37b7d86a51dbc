// Prepares what one link needs from PEM files, so that a bench can run it without a cluster: an identity
// store and a held trust list that names the server's certificate, the configuration, and the frame that
// tserver would send to the link process. bench/relay calls it; see bench/README.md.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <filesystem>
#include <optional>

#include "config/config.hpp"
#include "config/wire.hpp"
#include "control/channel.hpp"
#include "net/tls_stream.hpp"
#include "net/wait.hpp"
#include "store/identity_store.hpp"
#include "store/trust_store.hpp"
#include "tests/support/ctl_builder.hpp"
#include "trust/parse.hpp"

namespace {

using namespace tserver;

constexpr auto passphrase = "bench";
constexpr auto instance = "bench";
constexpr auto patience = std::chrono::seconds{10};

struct Asked {
    std::string listen, server, certificate, key, authority, folder;
    unsigned rounds = 1;
};

Result<crypto::Identity> read_identity(const Asked& asked) {
    TRY(certificate, crypto::Certificate::from_pem(as_text(test::file(asked.certificate))));
    TRY(key, crypto::PrivateKey::from_pem(as_text(test::file(asked.key))));
    return crypto::Identity{std::move(key), std::move(certificate)};
}

/// The certificate that the server shows, which must be issued by the authority.
net::Task<Result<crypto::Certificate>> shown_by(net::Loop& loop, Endpoint server,
                                                const crypto::TlsContext& context,
                                                crypto::Certificate authority) {
    std::optional<crypto::Certificate> shown;
    net::PeerCheck look = [&](const crypto::Certificate& leaf) -> Result<void> {
        shown = leaf;
        if (leaf.issued_by(authority) || leaf == authority) return {};
        return fail(Fault::CTI_SERVER_UNTRUSTED, leaf.subject() + " is not of the authority given");
    };
    auto connecting = net::connect(loop, server.host, server.port, patience);
    CO_TRY(socket, "connect", co_await std::move(connecting));
    auto shaking = net::TlsStream::connect(loop, std::move(socket), context, std::move(look), patience);
    auto stream = co_await std::move(shaking);
    if (!stream) co_return tl::unexpected(net::as_cti_error(stream.error()).in("handshake"));
    co_return *std::move(shown);
}

Result<crypto::Certificate> fetch_certificate(const Asked& asked, const crypto::Identity& identity) {
    TRY(server, Endpoint::parse(asked.server));
    TRY(authority, crypto::Certificate::from_pem(as_text(test::file(asked.authority))));
    TRY(context, crypto::TlsContext::client(TlsProfile::cluster, &identity));
    net::Loop loop;
    Result<crypto::Certificate> out = fail(Fault::INTERNAL, "not asked");
    auto ask = [&]() -> net::Task<void> {
        auto showing = shown_by(loop, server, context, authority);
        out = co_await std::move(showing);
        loop.stop();
    };
    const net::Job asking{ask()};
    loop.run();
    return out;
}

Result<void> store_identity(const std::string& store, const crypto::Identity& identity, unsigned rounds) {
    TRY(id, InstanceId::parse(instance));
    TRY(tree, os::open_tree(store, os::Access::read_write));
    TRY(opened, store::IdentityStore::open(std::move(tree), id, {Secret{passphrase}, {}, rounds},
                                           store::this_host()));
    return opened.save(identity, {});
}

/// A list as a cluster makes it: its signer, and the server as the only CallManager.
Result<void> store_list(const std::string& store, const crypto::Certificate& server) {
    const auto signer = test::signer("itlrec");
    test::ListSpec spec;
    spec.records = {test::record(0, signer.certificate), test::record(1, server)};
    const auto file = test::build(spec, signer);
    TRY(list, trust::parse(file));
    TRY(opened, store::TrustStore::open(store, {}));
    TRY(lock, opened.try_lock());
    if (!lock) return fail(Fault::STORE_IN_USE, store);
    const store::ListMeta meta{wall_now(), "CTLFile.tlv", signer.certificate.subject(),
                               store::Trusted::confirmed};
    return opened.save(*lock, list.octets, meta, {});
}

/// The hosts of TFTP and CAPF are this one and the port is nobody's: the held list and the stored identity
/// are all there is.
std::string configuration(const Asked& asked, const Endpoint& server, const std::string& store) {
    return fmt::format(
        "[TServer]\nlink-1-name = bench\ncontrol-socket = {}/control\n\n"
        "[link-tls]\npassword = {}\ntls-cert-path = {}\ntls-capf-host = 127.0.0.1\ntls-capf-port = 9\n"
        "tls-tftp-host = 127.0.0.1\ntls-tftp-port = 9\n\n"
        "[bench]\nhostname = {}\nport = {}\nlisten = {}\ntls-instance-id = {}\n",
        asked.folder, passphrase, store, server.host.str(), server.port, asked.listen, instance);
}

Bytes configure_frame(const config::LinkConfig& link) {
    const auto frame =
        control::frame(control::ToLink{control::Configure{log::Level::standard, config::encode(link)}});
    const auto payload = frame.payload.reveal();
    Writer out;
    out.u32(static_cast<std::uint32_t>(payload.size()))
        .u8(static_cast<std::uint8_t>(frame.type))
        .text(payload);
    return out.take();
}

Result<void> prepare(const Asked& asked) {
    const auto store = asked.folder + "/store";
    TRY(server, Endpoint::parse(asked.server));
    TRY(identity, read_identity(asked));
    TRY(shown, fetch_certificate(asked, identity));
    TRY(tree, os::open_tree(asked.folder, os::Access::read_write));
    CHECK(store_identity(store, identity, asked.rounds));
    CHECK(store_list(store, shown));
    const auto text = configuration(asked, server, store);
    CHECK(os::write_new(*tree, "tserver.conf", as_bytes(text)));
    const auto config = config::load(asked.folder + "/tserver.conf");
    if (!config) return tl::unexpected(config::as_error(config.error()));
    return os::write_new(*tree, "frame", configure_frame(config->links.front()));
}

}  // namespace

int main(int argc, char** argv) {
    CLI::App app{"relay_prepare: the store, trust list and configuration of one link for a bench."};
    Asked asked;
    app.add_option("--listen", asked.listen, "ADDRESS:PORT of the link")->required();
    app.add_option("--server", asked.server, "ADDRESS:PORT of the TLS server; it must be up")->required();
    app.add_option("--cert", asked.certificate, "client certificate, PEM")->required();
    app.add_option("--key", asked.key, "its key, PEM")->required();
    app.add_option("--ca", asked.authority, "issuer of the server's certificate, PEM")->required();
    app.add_option("--folder", asked.folder, "where all of it is written")->required();
    app.add_option("--rounds", asked.rounds, "rounds of the store's key derivation");
    CLI11_PARSE(app, argc, argv);
    try {
        const auto done = prepare(asked);
        if (done) return 0;
        fmt::print(stderr, "relay_prepare: {}\n", done.error().text());
    } catch (const std::exception& error) { fmt::print(stderr, "relay_prepare: {}\n", error.what()); }
    return 1;
}
