// links: trust
// The rule of first use and of later lists, against a second statement of it (`wanted`). Octets of the input:
// 0 the held list (0 = none), 1 the fetched one, 2 the pin, 3 bit 0: the held list is confirmed; then come
// edits of the fetched list of four octets: place (2), kind (1), value (1).
//   What is taken was signed by a signer of ours, and is taken by no other rule than the stated one.
//   Once the held list is confirmed the pin says nothing; a pin that fits neither list takes nothing.
#include <algorithm>
#include <cstdlib>
#include <set>

#include "tests/support/ctl_builder.hpp"
#include "trust/decide.hpp"
#include "trust/parse.hpp"
#include "trust/roles.hpp"

namespace {

using namespace tserver;
using crypto::Digest;

constexpr Instant now{std::chrono::seconds{1796000000}};

void require(bool held) {
    if (!held) std::abort();
}

Bytes signed_octets(const trust::List& list) {
    return Writer{}.bytes(list.signed_before()).bytes(list.signed_behind()).take();
}

crypto::Identity made(const test::CertificateSpec& spec, crypto::PrivateKey key) {
    auto certificate = test::make_certificate(spec, key);
    return {std::move(key), std::move(certificate)};
}

/// Lists of good signers and of those whose keys or serial numbers are out of the ordinary.
std::vector<Bytes> make_files() {
    const auto a = test::signer("token1");
    const auto b = made({.name = "b", .serial = {2}}, *crypto::PrivateKey::make_rsa(1024));
    const auto negative =
        made({.name = "n", .serial = {200}, .negative = true}, *crypto::PrivateKey::make_rsa(1024));
    const auto weak = made({.name = "w", .serial = {4}}, *crypto::PrivateKey::make_rsa(512));
    const auto ended = made({.name = "e", .serial = {5}, .not_after = now - std::chrono::hours{1}},
                            *crypto::PrivateKey::make_rsa(1024));
    const auto curve = made({.name = "c", .serial = {6}}, *crypto::PrivateKey::make_ec(crypto::Curve::p256));
    const auto sast = [](const crypto::Identity& who) { return test::record(0, who.certificate); };
    const auto server = test::record(2, b.certificate);
    return {
        test::build({.records = {sast(a), server}}, a),
        test::build({.records = {sast(a), sast(b), server}, .timestamp = 1795700000}, a),
        test::build({.records = {sast(b), server}, .timestamp = 1795800000}, b),
        test::build({.records = {sast(a), sast(b), server}, .timestamp = 1795900000}, b),
        test::build({.records = {sast(a)}}, a),
        test::build({.records = {sast(a), server}, .digest = Digest::sha1, .code = 1, .timestamp = 1}, a),
        test::build({.records = {sast(a), server}, .digest = Digest::sha256, .code = 2}, a),
        test::build({.records = {sast(a), server}, .digest = Digest::sha256, .code = 3}, a),
        test::build({.records = {sast(a), server}, .digest = Digest::sha512, .code = 2}, a),
        test::build({.records = {sast(a), server}, .digest = Digest::sha1, .code = 9}, a),
        test::build({.records = {sast(a), server}, .digest = Digest::md5, .code = 1}, a),
        test::build({.records = {sast(negative), server}, .signer_serial = Bytes{0xFF, 0x38}}, negative),
        test::build({.records = {sast(weak), server}, .digest = Digest::sha1, .code = 1}, weak),
        test::build({.records = {sast(ended), server}}, ended),
        test::build({.records = {sast(curve), server}, .signer_serial = curve.certificate.serial_octets()},
                    a),
    };
}

struct Known {
    std::vector<Bytes> files = make_files();
    std::vector<trust::List> lists;
    std::set<Bytes> octets;  ///< what the signers signed

    Known() {
        for (const auto& file : files) {
            lists.push_back(trust::parse(file).value());
            octets.insert(signed_octets(lists.back()));
        }
    }
};

Bytes edited(Bytes file, ByteView script) {
    for (std::size_t i = 0; i + 4 <= script.size() && i < 32 && !file.empty(); i += 4) {
        const auto at = (std::size_t{script[i]} * 256 + script[i + 1]) % file.size();
        const auto place = file.begin() + static_cast<std::ptrdiff_t>(at);
        switch (script[i + 2] % 3) {
            case 0: *place ^= script[i + 3]; break;
            case 1: file.insert(place, script[i + 3]); break;
            default: file.erase(place); break;
        }
    }
    return file;
}

/// What the rule is asked, and what it needs to know of the lists.
struct Question {
    const trust::List* held;  ///< nothing = first use
    bool confirmed;
    const trust::List& fetched;
    std::optional<trust::Pin> pin;

    [[nodiscard]] bool same() const { return held != nullptr && held->octets == fetched.octets; }
    [[nodiscard]] bool signed_by_held() const {
        return held != nullptr && trust::verify(fetched, *held).has_value();
    }
    /// The pin is of this list or of the signer that made it.
    [[nodiscard]] bool pin_fits(const trust::List& list) const {
        const auto own = trust::verify(list, list);
        return pin && own && (pin->str() == own->signer_sha256 || pin->str() == list.sha256());
    }
    [[nodiscard]] auto ask(const std::optional<trust::Pin>& with) const {
        return trust::decide(held == nullptr ? std::nullopt : std::optional{trust::Held{held, confirmed}},
                             fetched, with, now);
    }
};

/// doc/protocols/ctl.md, section 8.
bool wanted(const Question& q) {
    const bool servers = !trust::no_servers(q.fetched);
    if (q.held == nullptr) {
        const bool whole = trust::verify(q.fetched, q.fetched).has_value();
        return whole && servers && (!q.pin || q.pin_fits(q.fetched));
    }
    if (q.confirmed || !q.pin) return q.same() || q.signed_by_held();
    if (q.pin_fits(q.fetched)) return q.same() || q.signed_by_held() || servers;
    return !q.same() && q.pin_fits(*q.held) && q.signed_by_held();
}

std::optional<trust::Pin> pin(std::uint8_t kind, const trust::List* held, const trust::List& fetched) {
    const auto of_signer = [](const trust::List& list) {
        const auto own = trust::verify(list, list);
        return trust::Pin::parse(own ? own->signer_sha256 : std::string(64, '0')).value();
    };
    const auto& other = held == nullptr ? fetched : *held;
    switch (kind % 6) {
        case 0: return std::nullopt;
        case 1: return of_signer(fetched);
        case 2: return trust::Pin::parse(fetched.sha256()).value();
        case 3: return of_signer(other);
        case 4: return trust::Pin::parse(other.sha256()).value();
        default: return trust::Pin::of(Bytes(32, kind)).value();
    }
}

void check_taken(const Question& q, const trust::Decision& decision, const std::set<Bytes>& genuine) {
    require(std::holds_alternative<trust::Unchanged>(decision.what) == q.same());
    require(q.same() || genuine.contains(signed_octets(q.fetched)));
    require(decision.confirmed == (q.pin.has_value() || (q.held != nullptr && q.confirmed)));
    if (const auto* first = std::get_if<trust::FirstUse>(&decision.what)) {
        require(q.fetched.records.at(first->verified.record - 1).role == trust::Role::sast);
        require(q.held == nullptr || (!q.confirmed && q.pin_fits(q.fetched)));
    }
    if (const auto* renewed = std::get_if<trust::Renewed>(&decision.what))
        require(q.held->records.at(renewed->verified.record - 1).role == trust::Role::sast);
    for (const auto& warning : decision.warnings) require(!warning.empty());
}

void check_refused(const Error& error) {
    constexpr std::array named{Fault::CTL_SIG_UNTRUSTED, Fault::CTL_SIG_INVALID, Fault::CTL_SIG_ALGO,
                               Fault::CTL_PIN_MISMATCH, Fault::CTL_NO_SERVER_CERTS};
    require(std::ranges::find(named, error.fault) != named.end() && !error.detail.empty());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static const Known known;
    if (size < 4) return 0;
    const auto choice = data[0] % (known.lists.size() + 1);
    const auto* held = choice == 0 ? nullptr : &known.lists[choice - 1];
    const auto fetched =
        trust::parse(edited(known.files[data[1] % known.files.size()], {data + 4, size - 4}));
    if (!fetched) return 0;
    const Question question{held, data[3] % 2 == 1, *fetched, pin(data[2], held, *fetched)};
    const auto decision = question.ask(question.pin);
    require(decision.has_value() == wanted(question));
    if (decision) {
        check_taken(question, *decision, known.octets);
    } else {
        check_refused(decision.error());
    }
    if (held != nullptr && question.confirmed) require(question.ask({}).has_value() == decision.has_value());
    return 0;
}
