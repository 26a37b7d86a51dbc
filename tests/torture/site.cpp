#include "tests/torture/site.hpp"

#include <fcntl.h>
#include <fmt/format.h>

#include <boost/json.hpp>
#include <iostream>
#include <stdexcept>

#include "store/identity_store.hpp"
#include "trust/parse.hpp"

namespace tserver::torture {
namespace {

sim::Address any_port() { return sim::Address::parse("127.0.0.1:0").value(); }

net::Address as_net(const sim::Address& address) { return {address.raw(), address.length()}; }

/// The certificates of one cluster serve all: making them is what costs.
void give_certificates(const std::filesystem::path& state) {
    static const testing_support::Scratch made;
    static const bool done = [] {
        sim::FaultMenu none;
        sim::Authority authority{none, crypto::Digest::sha1};
        std::filesystem::create_directories(made.path / "pki");
        return authority.open(made.path / "pki", {{"cucm-pub", Bytes{127, 0, 0, 1}}}).has_value();
    }();
    if (done) std::filesystem::copy(made.path / "pki", state / "pki");
}

log::Log::Setup log_setup(bool tell) {
    static const os::Fd nowhere{::open("/dev/null", O_WRONLY | O_CLOEXEC)};
    log::Log::Setup setup;
    setup.descriptor = tell ? 2 : nowhere.get();
    setup.most = tell ? log::Level::debug : log::Level::alarm;
    return setup;
}

}  // namespace

InstanceId instance_of(unsigned lane) { return InstanceId::parse(fmt::format("torture{}", lane)).value(); }

void keep_key(const config::LinkConfig& config, const crypto::PrivateKey& key) {
    auto tree = os::open_tree(config.store.string(), os::Access::read_write).value();
    auto store = store::IdentityStore::open(std::move(tree), *config.instance_id,
                                            {*config.passphrase, {}, store_rounds}, store::this_host())
                     .value();
    if (!store.keep_pending_key(key)) throw std::runtime_error{"the key cannot be saved"};
}

Site::Site(net::Loop& loop, unsigned lane, std::vector<std::string> faults, bool tell)
    : instance_{instance_of(lane).str()},
      faults_{std::move(faults)},
      notes_{tell ? std::cerr.rdbuf() : nullptr},
      loop_{loop},
      log_{log_setup(tell)},
      ends_{control::channel_pair().value()},
      near_{loop, std::move(ends_.first)},
      far_{loop, std::move(ends_.second)},
      hearing_{hear_channel()} {
    std::filesystem::create_directories(scratch_.path / "cluster");
    std::filesystem::create_directories(records());
    give_certificates(scratch_.path / "cluster");
    renew_cluster();
    list_ = trust::parse(cluster_->cluster.authority.file("CTLFile.tlv").value()).value();
}

void Site::renew_cluster() {
    cluster_.reset();
    std::filesystem::remove(scratch_.path / "cluster/cluster.json");
    sim::Settings settings;
    settings.state = scratch_.path / "cluster";
    settings.record = records();
    settings.capf = settings.tftp = any_port();
    settings.cti_tls = {any_port()};
    settings.faults = faults_;
    settings.tftp_timeout = std::chrono::milliseconds{250};
    cluster_ = std::make_unique<sim::Simulator>(std::move(settings), notes_);
    if (const auto started = cluster_->start(); !started) throw std::runtime_error{started.error().text()};
}

void Site::arm(const std::string& code) {
    const auto text = fmt::format("user=u,instance={},code={}", instance_, code);
    cluster_->cluster.profiles.set(sim::parse_profile(text, wall_now()).value());
}

std::size_t Site::issued() const {
    const auto all = cluster_->cluster.profiles.issued_json();
    return all.contains(instance_) ? static_cast<std::size_t>(all.at(instance_).as_int64()) : 0;
}

net::Address Site::capf() const { return as_net(cluster_->capf.address()); }
net::Address Site::ctimanager() const { return as_net(cluster_->cti.tls_addresses().front()); }
net::Address Site::tftp() const { return as_net(cluster_->tftp.address()); }

std::filesystem::path Site::new_store() {
    if (stores_ > 0) std::filesystem::remove_all(scratch_.path / fmt::format("store{}", stores_));
    auto path = scratch_.path / fmt::format("store{}", ++stores_);
    std::filesystem::create_directory(path);
    std::filesystem::permissions(path, std::filesystem::perms::owner_all);
    return path;
}

std::unique_ptr<link::Board> Site::board(const config::LinkConfig& config) {
    return std::make_unique<link::Board>(loop_, near_, log_, config);
}

/// tserver's end of the channel.
net::Task<void> Site::hear_channel() {
    for (;;) {
        auto receiving = far_.receive();
        const auto frame = co_await std::move(receiving);
        if (!frame || !*frame) co_return;
    }
}

}  // namespace tserver::torture
