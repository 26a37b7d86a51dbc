#include "sim/profiles.hpp"

#include <boost/json.hpp>
#include <cstdlib>

#include "base/text.hpp"
#include "sim/pki.hpp"

namespace tserver::sim {
namespace {

namespace json = boost::json;

constexpr std::array<std::string_view, 4> operation_names{"none", "install", "delete", "fetch"};
constexpr std::array<std::string_view, 4> key_names{"rsa", "ec256", "ec384", "ec521"};

template <class E, std::size_t N>
std::optional<E> named(const std::array<std::string_view, N>& names, std::string_view name) {
    const auto found = std::ranges::find(names, name);
    if (found == names.end()) return std::nullopt;
    return static_cast<E>(found - names.begin());
}
std::string_view name(Operation o) { return operation_names[static_cast<std::size_t>(o)]; }
std::string_view name(KeyKind k) { return key_names[static_cast<std::size_t>(k)]; }

Result<Instant> parse_deadline(std::string_view text, Instant now) {
    if (text.starts_with('+')) {
        if (const auto seconds = decimal(text.substr(1), 0, 1L << 31))
            return now + std::chrono::seconds{*seconds};
    } else if (const auto when = from_rfc3339(text)) {
        return *when;
    }
    return fail(Fault::USAGE, "deadline: needs an RFC 3339 time or +SECONDS");
}

Result<void> set_field(Profile& profile, std::string_view key, std::string_view value, Instant now) {
    if (key == "user") {
        profile.user = value;
    } else if (key == "instance") {
        TRY(id, InstanceId::parse(value));
        profile.instance = id.str();
    } else if (key == "code") {
        TRY(code, AuthCode::parse(value));
        profile.code = code.reveal();
    } else if (key == "key-size") {
        const auto bits = decimal(value, 512, 8192);
        if (!bits) return fail(Fault::USAGE, "key-size: needs 512 to 8192");
        profile.key_size = static_cast<unsigned>(*bits);
    } else if (key == "key") {
        const auto kind = named<KeyKind>(key_names, value);
        if (!kind) return fail(Fault::USAGE, "key: needs rsa, ec256, ec384 or ec521");
        profile.key = *kind;
    } else if (key == "operation") {
        const auto operation = named<Operation>(operation_names, value);
        if (!operation) return fail(Fault::USAGE, "operation: needs install, none, delete or fetch");
        profile.operation = *operation;
    } else if (key == "deadline") {
        TRY(when, parse_deadline(value, now));
        profile.deadline = when;
    } else {
        return fail(Fault::USAGE, "profile: no field " + escape(key));
    }
    return {};
}

json::object to_json(const Profile& p) {
    json::object out{{"user", p.user},
                     {"instance", p.instance},
                     {"code", p.code},
                     {"given", p.given},
                     {"key_size", p.key_size},
                     {"key", name(p.key)},
                     {"operation", name(p.operation)},
                     {"status", p.status},
                     {"wrong", p.wrong},
                     {"arming", p.arming}};
    if (p.deadline) out["deadline"] = p.deadline->time_since_epoch().count();
    if (p.locked_until) out["locked_until"] = p.locked_until->time_since_epoch().count();
    return out;
}

std::string text_of(const json::object& o, std::string_view key) {
    return std::string{o.at(key).as_string()};
}
template <class T>
T number_of(const json::object& o, std::string_view key) {
    return o.at(key).to_number<T>();
}
std::optional<Instant> instant_of(const json::object& o, std::string_view key) {
    if (!o.contains(key)) return std::nullopt;
    return Instant{std::chrono::seconds{number_of<long>(o, key)}};
}

Profile profile_from(const json::object& o) {
    Profile p;
    p.user = text_of(o, "user");
    p.instance = text_of(o, "instance");
    p.code = text_of(o, "code");
    p.given = text_of(o, "given");
    p.key_size = number_of<unsigned>(o, "key_size");
    p.key = named<KeyKind>(key_names, text_of(o, "key")).value_or(KeyKind::rsa);
    p.operation = named<Operation>(operation_names, text_of(o, "operation")).value_or(Operation::none);
    p.status = text_of(o, "status");
    p.wrong = number_of<unsigned>(o, "wrong");
    p.arming = number_of<unsigned long>(o, "arming");
    p.deadline = instant_of(o, "deadline");
    p.locked_until = instant_of(o, "locked_until");
    return p;
}

Issued issued_from(const json::object& o) {
    return {text_of(o, "instance"), text_of(o, "serial"), text_of(o, "sha256"),
            Instant{std::chrono::seconds{number_of<long>(o, "when")}},
            from_hex(text_of(o, "der")).value_or(Bytes{})};
}

}  // namespace

Result<Profile> parse_profile(std::string_view text, Instant now) {
    Profile profile;
    for (const auto part : split(text, ',')) {
        const auto equals = part.find('=');
        if (equals == std::string_view::npos) return fail(Fault::USAGE, "profile: NAME=VALUE is needed");
        CHECK(set_field(profile, part.substr(0, equals), part.substr(equals + 1), now));
    }
    if (profile.instance.empty()) return fail(Fault::USAGE, "profile: instance is missing");
    if (profile.operation == Operation::install && profile.code.empty())
        return fail(Fault::USAGE, "profile: code is missing");
    if (profile.operation == Operation::none) profile.status = "No Pending Operation";
    profile.given = profile.code;
    return profile;
}

Result<void> Profiles::open(const std::filesystem::path& file, const Rules& rules) {
    const std::lock_guard lock{mutex_};
    file_ = file;
    rules_ = rules;
    if (!std::filesystem::exists(file)) return {};
    TRY(text, read_file(file));
    boost::system::error_code error;
    const auto root = json::parse(text, error);
    if (error || !root.is_object()) return fail(Fault::DECODE, file.string() + ": not JSON");
    for (const auto& p : root.at("profiles").as_array()) profiles_.push_back(profile_from(p.as_object()));
    for (const auto& i : root.at("issued").as_array()) issued_.push_back(issued_from(i.as_object()));
    for (const auto& [sha256, count] : root.at("collisions").as_object())
        collisions_[std::string{sha256}] = count.to_number<unsigned>();
    return {};
}

// Whoever cannot keep its state must not go on: a used code would come back to life.
void Profiles::save() const {
    json::array profiles;
    for (const auto& p : profiles_) profiles.push_back(to_json(p));
    json::array issued;
    for (const auto& i : issued_)
        issued.push_back(json::object{{"instance", i.instance},
                                      {"serial", i.serial},
                                      {"sha256", i.sha256},
                                      {"when", i.when.time_since_epoch().count()},
                                      {"der", hex(i.der)}});
    json::object collisions;
    for (const auto& [sha256, count] : collisions_) collisions[sha256] = count;
    const json::object root{{"profiles", profiles}, {"issued", issued}, {"collisions", collisions}};
    if (!replace_file(file_, json::serialize(root))) std::abort();
}

Profile* Profiles::find(std::string_view instance) {
    const auto found = std::ranges::find(profiles_, instance, &Profile::instance);
    return found == profiles_.end() ? nullptr : &*found;
}

void Profiles::set(Profile profile) {
    const std::lock_guard lock{mutex_};
    if (auto* old = find(profile.instance)) {
        profile.arming = old->arming + 1;
        *old = std::move(profile);
    } else {
        profiles_.push_back(std::move(profile));
    }
    save();
}

void Profiles::set_at_start(Profile profile) {
    {
        const std::lock_guard lock{mutex_};
        const auto* old = find(profile.instance);
        if (old != nullptr && old->given == profile.given) return;
    }
    set(std::move(profile));
}

bool Profiles::remove(std::string_view instance) {
    const std::lock_guard lock{mutex_};
    const bool was = std::erase_if(profiles_, [&](const Profile& p) { return p.instance == instance; }) > 0;
    save();
    return was;
}

// Source: doc/protocols/ucmsim.md, section 4.
Admission Profiles::admit(std::string_view device, std::optional<std::string_view> password, Instant now) {
    const std::lock_guard lock{mutex_};
    constexpr std::string_view prefix = "CTI-";
    auto* profile = device.starts_with(prefix) ? find(device.substr(prefix.size())) : nullptr;
    if (profile == nullptr) return {Reason::unknown_device, {}};
    if (profile->operation == Operation::none) return {Reason::no_action, {}};
    if (profile->deadline && now > *profile->deadline) {
        profile->status = "User-Initiated Request Too Late";
        save();
        return {Reason::no_action, {}};
    }
    if (profile->locked_until && now < *profile->locked_until) return {Reason::failure, {}};
    if (!profile->code.empty() && password != profile->code) {
        profile->status = "Invalid Authentication String";
        if (++profile->wrong >= rules_.tries) {
            profile->wrong = 0;
            profile->locked_until = now + rules_.lock;
        }
        save();
        return {Reason::failure, {}};
    }
    profile->wrong = 0;
    profile->locked_until.reset();
    return {std::nullopt, *profile};
}

bool Profiles::issue(const Profile& admitted, const crypto::Certificate& certificate, Instant now) {
    const std::lock_guard lock{mutex_};
    auto* profile = find(admitted.instance);
    if (profile == nullptr || profile->arming != admitted.arming || profile->operation != Operation::install)
        return false;
    profile->operation = Operation::none;
    profile->code.clear();
    profile->status = "Upgrade Success";
    issued_.push_back(
        {profile->instance, certificate.serial(), certificate.sha256(), now, certificate.der()});
    save();
    return true;
}

void Profiles::finish(const Profile& admitted, Operation left, std::string_view status) {
    const std::lock_guard lock{mutex_};
    auto* profile = find(admitted.instance);
    if (profile == nullptr || profile->arming != admitted.arming) return;
    profile->operation = left;
    profile->status = status;
    save();
}

std::optional<Issued> Profiles::latest(std::string_view instance) const {
    const std::lock_guard lock{mutex_};
    for (auto i = issued_.rbegin(); i != issued_.rend(); ++i)
        if (i->instance == instance) return *i;
    return std::nullopt;
}

ClientVerdict Profiles::judge(const std::string& sha256, bool latest_only) const {
    const std::lock_guard lock{mutex_};
    const auto issued = std::ranges::find(issued_, sha256, &Issued::sha256);
    if (issued == issued_.end()) return ClientVerdict::unknown_instance;
    const auto of_instance = [&](const auto& x) { return x.instance == issued->instance; };
    if (std::ranges::none_of(profiles_, of_instance)) return ClientVerdict::unknown_instance;
    const auto collisions = collisions_.find(sha256);
    if (collisions != collisions_.end() && collisions->second >= rules_.collisions)
        return ClientVerdict::compromised;
    const auto newest = std::ranges::find_if(issued_.rbegin(), issued_.rend(), of_instance);
    if (latest_only && newest->sha256 != sha256) return ClientVerdict::superseded;
    return ClientVerdict::good;
}

std::string Profiles::instance_of(const std::string& sha256) const {
    const std::lock_guard lock{mutex_};
    const auto issued = std::ranges::find(issued_, sha256, &Issued::sha256);
    return issued == issued_.end() ? std::string{} : issued->instance;
}

bool Profiles::collide(const std::string& sha256) {
    const std::lock_guard lock{mutex_};
    const bool compromised = ++collisions_[sha256] >= rules_.collisions;
    save();
    return compromised;
}

json::array Profiles::profiles_json() const {
    const std::lock_guard lock{mutex_};
    json::array out;
    for (const auto& p : profiles_) {
        auto o = to_json(p);
        for (const auto* secret : {"code", "given", "arming"}) o.erase(secret);
        o["code_pending"] = !p.code.empty();
        out.push_back(std::move(o));
    }
    return out;
}

json::object Profiles::issued_json() const {
    const std::lock_guard lock{mutex_};
    std::map<std::string, std::int64_t> counts;
    for (const auto& i : issued_) ++counts[i.instance];
    json::object out;
    for (const auto& [instance, count] : counts) out[instance] = count;
    return out;
}

json::object Profiles::collisions_json() const {
    const std::lock_guard lock{mutex_};
    std::map<std::string, std::int64_t> counts;
    for (const auto& [sha256, count] : collisions_)
        for (const auto& i : issued_)
            if (i.sha256 == sha256) {
                counts[i.instance] += count;
                break;
            }
    json::object out;
    for (const auto& [instance, count] : counts) out[instance] = count;
    return out;
}

}  // namespace tserver::sim
