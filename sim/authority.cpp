#include "sim/authority.hpp"

#include <boost/json.hpp>

#include "base/text.hpp"

namespace tserver::sim {
namespace {

namespace json = boost::json;

std::string node_file(std::size_t node) { return "node-" + std::to_string(node + 1); }

json::object to_json(const ListEntry& entry) {
    json::object out{
        {"role", static_cast<unsigned>(entry.role)}, {"dns", entry.dns}, {"address", hex(entry.address)}};
    if (entry.certificate) out["der"] = hex(entry.certificate->der());
    return out;
}

Result<ListEntry> entry_from(const json::object& o) {
    ListEntry entry{static_cast<Role>(o.at("role").to_number<std::uint16_t>()),
                    std::string{o.at("dns").as_string()},
                    from_hex(o.at("address").as_string()).value_or(Bytes{}), std::nullopt};
    if (o.contains("der")) {
        TRY(certificate, crypto::Certificate::from_der(from_hex(o.at("der").as_string()).value_or(Bytes{})));
        entry.certificate = std::move(certificate);
    }
    return entry;
}

constexpr std::string_view web_page =
    "<!DOCTYPE html>\n<html><head><title>404</title></head><body>Not Found</body></html>\n";

}  // namespace

Result<Credential> Authority::kept(const std::string& name,
                                   const std::function<Result<Credential>()>& make) const {
    const auto file = folder_ / (name + ".pem");
    if (std::filesystem::exists(file)) return load(file);
    TRY(made, make());
    CHECK(save(*made, file));
    return made;
}

Result<void> Authority::open(const std::filesystem::path& folder, std::vector<Node> nodes) {
    const std::lock_guard lock{mutex_};
    folder_ = folder;
    nodes_ = std::move(nodes);
    const auto now = wall_now();
    TRY(capf, kept("capf", [&] { return make_capf(now); }));
    TRY(itl, kept("itlrecovery", [&] { return make_itl_recovery(nodes_.front().name, now); }));
    capf_ = capf;
    itl_recovery_ = itl;
    for (std::size_t n = 0; n < nodes_.size(); ++n) {
        TRY(server, kept(node_file(n),
                         [&] { return make_call_manager(nodes_[n].name, now, ServerKind::good, nullptr); }));
        call_managers_.push_back(server);
    }
    TRY(held, load_list());
    if (held) return {};
    list_.signer = itl_recovery_;
    return make_list();
}

Result<void> Authority::make_list() {
    const auto entry = [&](Role role, std::size_t node, const Credential& of) {
        return ListEntry{role, nodes_[node].name, nodes_[node].address, of->certificate};
    };
    list_.entries = {entry(Role::sast, 0, itl_recovery_), entry(Role::sast, 0, call_managers_[0])};
    for (std::size_t n = 0; n < nodes_.size(); ++n)
        list_.entries.push_back(entry(Role::ccm_tftp, n, call_managers_[n]));
    list_.entries.push_back(entry(Role::capf, 0, capf_));
    // Two lists within one second still differ in their timestamps, and the later one is later.
    list_.timestamp = std::max(wall_now(), list_.timestamp + std::chrono::seconds{1});
    list_.digest = digest_;
    return save_list();
}

Result<void> Authority::save_list() const {
    json::array entries;
    for (const auto& entry : list_.entries) entries.push_back(to_json(entry));
    json::array old;
    for (const auto& certificate : old_capf_) old.push_back(json::string{hex(certificate.der())});
    CHECK(save(*list_.signer, folder_ / "list-signer.pem"));
    return replace_file(folder_ / "list.json", json::serialize(json::object{
                                                   {"timestamp", list_.timestamp.time_since_epoch().count()},
                                                   {"entries", entries},
                                                   {"old_capf", old}}));
}

/// @return false if there is none, or it is of other nodes
Result<bool> Authority::load_list() {
    if (!std::filesystem::exists(folder_ / "list.json")) return false;
    TRY(text, read_file(folder_ / "list.json"));
    TRY(signer, load(folder_ / "list-signer.pem"));
    boost::system::error_code error;
    const auto root = json::parse(text, error);
    if (error || !root.is_object()) return fail(Fault::DECODE, "list.json");
    list_.signer = signer;
    list_.digest = digest_;
    list_.timestamp = Instant{std::chrono::seconds{root.at("timestamp").to_number<long>()}};
    std::vector<std::pair<std::string, Bytes>> listed;
    for (const auto& value : root.at("entries").as_array()) {
        TRY(entry, entry_from(value.as_object()));
        if (entry.role == Role::ccm_tftp) listed.emplace_back(entry.dns, entry.address);
        list_.entries.push_back(std::move(entry));
    }
    for (const auto& value : root.at("old_capf").as_array()) {
        TRY(certificate, crypto::Certificate::from_der(from_hex(value.as_string()).value_or(Bytes{})));
        old_capf_.push_back(std::move(certificate));
    }
    return std::ranges::equal(listed, nodes_, [](const auto& a, const Node& b) {
        return a.first == b.name && a.second == b.address;
    });
}

Credential Authority::capf() const {
    const std::lock_guard lock{mutex_};
    return capf_;
}

Credential Authority::extra(const std::string& name, const std::function<Result<Credential>()>& make) {
    auto& slot = extra_[name];
    if (!slot) slot = kept("extra-" + name, make).value();
    return slot;
}

Credential Authority::capf_twin() {
    const std::lock_guard lock{mutex_};
    return extra("capf-twin", [&] { return make_twin(capf_->certificate, wall_now()); });
}

Credential Authority::stranger() {
    const std::lock_guard lock{mutex_};
    return extra("stranger", [] { return make_capf(wall_now()); });
}

Credential Authority::odd_server(std::size_t node, const std::string& kind) {
    return extra(node_file(node) + "-" + kind, [&] {
        const auto now = wall_now();
        if (kind == "expired")
            return make_call_manager(nodes_[node].name, now, ServerKind::expired, call_managers_[node]);
        return make_call_manager(nodes_[node].name, now, kind == "weak" ? ServerKind::weak : ServerKind::good,
                                 nullptr);
    });
}

Credential Authority::presented_locked(std::size_t node) {
    const auto multisan = faults_.on("list-multisan");
    const auto from = multisan ? 0 : node;
    if (const auto kind = faults_.value("cti-server")) return odd_server(from, *kind);
    return call_managers_.at(from);
}

Credential Authority::presented(std::size_t node) {
    const std::lock_guard lock{mutex_};
    return presented_locked(node);
}

std::vector<crypto::Certificate> Authority::client_authorities() const {
    const std::lock_guard lock{mutex_};
    auto out = old_capf_;
    out.push_back(capf_->certificate);
    return out;
}

std::optional<Bytes> Authority::file(std::string_view name) {
    const auto lower = lower_case(name);
    const bool ctl = lower.starts_with("ctl");
    if ((!ctl && !lower.starts_with("itl")) || !lower.ends_with(".tlv")) return std::nullopt;
    const std::lock_guard lock{mutex_};
    const auto unchanged = faults_.hold();  // one fault set and another cleared meanwhile is no good list
    if (faults_.use("list-none")) return std::nullopt;
    if (lower != "ctlfile.tlv" && lower != "itlfile.tlv" && faults_.use("list-only-ctlfile"))
        return std::nullopt;
    auto plan = list_;
    plan.file_name = ctl ? "CTLFile.tlv" : "ITLFile.tlv";
    apply_record_faults(plan);
    apply_signer_faults(plan);
    auto encoded = encode(plan);
    return encoded ? std::optional{spoil(*std::move(encoded))} : std::nullopt;
}

void Authority::apply_record_faults(ListPlan& plan) {
    auto& entries = plan.entries;
    const auto role_is = [](Role role) { return [role](const ListEntry& e) { return e.role == role; }; };
    if (const auto kind = faults_.value("cti-server"); kind && *kind != "unlisted")
        for (std::size_t n = 0; auto& entry : entries)
            if (entry.role == Role::ccm_tftp && n < nodes_.size())
                entry.certificate = odd_server(n++, *kind)->certificate;
    if (faults_.use("list-multisan")) {
        std::size_t seen = 0;
        std::erase_if(entries, [&](const ListEntry& e) { return e.role == Role::ccm_tftp && seen++ > 0; });
    }
    if (faults_.use("list-empty-ccm"))
        for (auto& entry : entries)
            if (entry.role == Role::ccm_tftp) entry.certificate.reset();
    if (faults_.use("list-no-ccm")) std::erase_if(entries, role_is(Role::ccm_tftp));
    if (faults_.use("list-no-capf")) std::erase_if(entries, role_is(Role::capf));
    if (faults_.use("list-ecdsa-record")) {
        const auto ec = extra("ec", [&] { return make_ec_call_manager(nodes_[0].name, wall_now()); });
        entries.push_back({Role::ccm_tftp, nodes_[0].name, nodes_[0].address, ec->certificate});
    }
    if (faults_.use("list-bad-record")) {
        entries.push_back(
            {Role::ccm_tftp, nodes_[0].name, nodes_[0].address, call_managers_[0]->certificate});
        entries.back().garbled = true;
    }
    if (faults_.use("list-ipv6"))
        for (auto& entry : entries) entry.address = {0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10};
}

void Authority::apply_signer_faults(ListPlan& plan) {
    if (const auto digest = faults_.use("list-digest"))
        plan.digest = digest_named(*digest).value_or(plan.digest);
    if (const auto tag = faults_.use_number("list-digest-tag"))
        plan.digest_tag = static_cast<std::uint8_t>(*tag);
    if (const auto by = faults_.use_number("list-older", 86400)) plan.timestamp -= std::chrono::seconds{*by};
    plan.signer_version = faults_.use("list-signer-version").has_value();
    plan.unknown_tags = faults_.use("list-unknown-tags").has_value();
    if (faults_.use("list-second-sast")) plan.signer = call_managers_[0];
    const auto wrong = faults_.use("list-wrong-signer");
    if (!wrong) return;
    if (*wrong == "not-sast") {
        plan.signer = capf_;
        return;
    }
    plan.signer = *wrong == "stranger"
                      ? extra("rogue", [&] { return make_itl_recovery("rogue", wall_now()); })
                      : extra("twin", [&] { return make_twin(itl_recovery_->certificate, wall_now()); });
    plan.entries.front().certificate = plan.signer->certificate;
}

Bytes Authority::spoil(Bytes list) const {
    if (faults_.use("list-bad-signature")) list.at(signature_in(list).offset + 10) ^= 1;
    if (faults_.use("list-damaged")) list.at(list.size() - 40) ^= 1;
    if (faults_.use("list-trailing")) list.insert(list.end(), 4, std::uint8_t{0});
    if (const auto cut = faults_.use_number("list-truncated", static_cast<long>(list.size() / 2)))
        list.resize(std::min(list.size(), static_cast<std::size_t>(*cut)));
    if (faults_.use("list-html")) list = to_bytes(as_bytes(web_page));
    if (faults_.use("list-empty")) list.clear();
    return list;
}

Result<void> Authority::renew(std::span<const std::string_view> words, bool update_list) {
    std::size_t node = 0;
    bool same_key = false;
    for (const auto word : words) {
        if (word == "same-key") {
            same_key = true;
        } else if (const auto number = decimal(word, 1, static_cast<long>(nodes_.size()))) {
            node = static_cast<std::size_t>(*number - 1);
        } else {
            return fail(Fault::USAGE, "renew: needs [NODE] [same-key], NODE from 1");
        }
    }
    TRY(fresh, make_call_manager(nodes_[node].name, wall_now(), ServerKind::good,
                                 same_key ? call_managers_[node] : nullptr));
    CHECK(save(*fresh, folder_ / (node_file(node) + ".pem")));
    call_managers_[node] = fresh;
    return update_list ? make_list() : Result<void>{};
}

Result<void> Authority::command(std::span<const std::string_view> words) {
    const std::lock_guard lock{mutex_};
    const auto verb = words.empty() ? std::string_view{} : words.front();
    const auto rest = words.empty() ? words : words.subspan(1);
    ++generation_;
    if (verb == "renew") return renew(rest, true);
    if (verb == "renew-only") return renew(rest, false);
    if (verb == "rollover" || verb == "new-signer") {
        TRY(fresh, make_itl_recovery(nodes_.front().name, wall_now()));
        CHECK(save(*fresh, folder_ / "itlrecovery.pem"));
        itl_recovery_ = fresh;
        list_.signer = verb == "rollover" ? call_managers_[0] : fresh;
        return make_list();
    }
    if (verb == "resign") {
        list_.signer = itl_recovery_;
        return make_list();
    }
    if (verb == "update") return make_list();
    if (verb == "renew-capf") {
        TRY(fresh, make_capf(wall_now()));
        CHECK(save(*fresh, folder_ / "capf.pem"));
        old_capf_.push_back(capf_->certificate);
        capf_ = fresh;
        return make_list();
    }
    if (verb == "forget-capf") {
        old_capf_.clear();
        return save_list();
    }
    return fail(
        Fault::USAGE,
        "list: needs rollover, resign, new-signer, update, renew, renew-only, renew-capf or forget-capf");
}

}  // namespace tserver::sim
