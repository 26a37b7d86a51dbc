#include "sim/fault_menu.hpp"

#include "base/text.hpp"

namespace tserver::sim {
namespace {

using enum FaultValue;

constexpr std::array items{
    // --- trust list: what the file says (acts on every request while on) ---
    FaultItem{"list-none", none, "", "no list: TFTP ERROR 1, HTTP 404 (cluster not in mixed mode)"},
    FaultItem{"list-only-ctlfile", none, "", "only CTLFile.tlv is there: CTLCAPF… and CTLSEP… get ERROR 1"},
    FaultItem{"list-bad-signature", none, "", "one bit of the signature is wrong"},
    FaultItem{"list-damaged", none, "", "one octet inside the last certificate is changed"},
    FaultItem{"list-truncated", maybe_number, "octets",
              "the file ends early (half of it, or after this many octets)"},
    FaultItem{"list-trailing", none, "", "four octets stand behind the last record"},
    FaultItem{"list-html", none, "", "a web page in place of the list"},
    FaultItem{"list-empty", none, "", "a file of 0 octets"},
    FaultItem{"list-wrong-signer", choice, "stranger|twin|not-sast",
              "signed by a stranger listed as SAST; by a twin with the signer's name and serial; by a key "
              "that is listed, but not as SAST"},
    FaultItem{"list-second-sast", none, "",
              "signed by the other SAST of the list (the publisher's CallManager certificate)"},
    FaultItem{"list-digest", choice, "sha1|sha256|sha384|sha512", "signed with this digest"},
    FaultItem{"list-digest-tag", number, "code", "header tag 8 says this, whatever the digest is"},
    FaultItem{"list-older", maybe_number, "seconds", "the timestamp is older by this (a day)"},
    FaultItem{"list-empty-ccm", none, "",
              "CCM+TFTP records without certificate: cluster put back to non-secure"},
    FaultItem{"list-no-ccm", none, "", "no CCM+TFTP record"},
    FaultItem{"list-no-capf", none, "", "no CAPF record"},
    FaultItem{"list-ecdsa-record", none, "", "one more CCM+TFTP record with an EC P-384 certificate"},
    FaultItem{"list-multisan", none, "",
              "only the publisher's CallManager certificate is listed; every node presents it"},
    FaultItem{"list-bad-record", none, "", "one more record whose certificate is not DER, validly signed"},
    FaultItem{"list-unknown-tags", none, "",
              "one unknown tag in the header and in each record, validly signed"},
    FaultItem{"list-signer-version", none, "", "header tag 28 is there (1.1)"},
    FaultItem{"list-ipv6", none, "", "IPADDRESS of 16 octets in each record"},

    // --- TFTP ---
    FaultItem{"tftp-silent", none, "", "never answers"},
    FaultItem{"tftp-down", none, "", "the port is closed (ICMP port unreachable)"},
    FaultItem{"tftp-error", number, "code", "answers each request with this ERROR code"},
    FaultItem{"tftp-error-no-nul", none, "", "ERROR 1 whose text has no NUL"},
    FaultItem{"tftp-drop", number, "percent", "loses packets, each way"},
    FaultItem{"tftp-duplicate", number, "percent", "sends packets twice"},
    FaultItem{"tftp-reorder", number, "percent", "sends an older packet behind a newer one"},
    FaultItem{"tftp-delay", number, "ms", "waits before each packet"},
    FaultItem{"tftp-ignore-options", none, "", "plain 512 octets whatever was asked"},
    FaultItem{"tftp-refuse-options", none, "", "ERROR 8 to a request with options"},
    FaultItem{"tftp-blksize", number, "octets", "lowers the block size to this"},
    FaultItem{"tftp-wrong-blksize", maybe_number, "octets",
              "sends blocks of another size than agreed (512 if none is given)"},
    FaultItem{"tftp-wrong-tsize", maybe_number, "octets",
              "says another size than the file has (one more, or this)"},
    FaultItem{"tftp-unasked-option", none, "", "OACK holds an option that was not asked"},
    FaultItem{"tftp-from-69", none, "", "answers from the request port itself"},
    FaultItem{"tftp-other-address", none, "", "answers from the next IPv4 address"},
    FaultItem{"tftp-endless", none, "", "full blocks without end"},
    FaultItem{"tftp-size", number, "octets",
              "a file of this many octets (octet n is n mod 251) in place of the list"},
    FaultItem{"tftp-lost-last-ack", none, "", "the first ACK of the last block is lost"},
    FaultItem{"tftp-replaced", none, "", "the file is replaced by a longer one in mid-transfer"},
    FaultItem{"tftp-short-packets", none, "", "packets of 0 to 3 octets before each block"},
    FaultItem{"tftp-stranger", none, "", "a DATA packet from a foreign port before each block"},
    FaultItem{"tftp-rollover-one", none, "", "block numbers go from 65535 to 1 instead of 0"},

    // --- HTTP ---
    FaultItem{"http-busy", none, "", "503: still searching other clusters"},
    FaultItem{"http-hang", none, "", "accepts and never answers"},
    FaultItem{"http-redirect", none, "", "302 to another host"},
    FaultItem{"http-short", none, "", "closes before Content-Length is reached"},

    // --- CAPF ---
    FaultItem{"capf-down", none, "", "the port is closed"},
    FaultItem{"capf-drop", step, "", "closes TCP at this step"},
    FaultItem{"capf-reset", step, "", "resets TCP at this step"},
    FaultItem{"capf-hang", step, "", "stays silent from this step on"},
    FaultItem{"capf-garbage", step, "", "64 octets that are no frame at this step"},
    FaultItem{"capf-wrong-session", step, "", "the message of this step has another session id"},
    FaultItem{"capf-unexpected", step, "", "sends STATUS_REQUEST in place of the message of this step"},
    FaultItem{"capf-truncated-element", step, "",
              "the last element of this step's message is longer than its frame"},
    FaultItem{"capf-end", step_reason, "",
              "END_SESSION with this reason in place of the message of this step"},
    FaultItem{"capf-cut-sent", number, "octets", "closes TCP after it has sent so many octets (TLS content)"},
    FaultItem{"capf-cut-received", number, "octets",
              "closes TCP after it has received so many octets (TLS content)"},
    FaultItem{"capf-split", maybe_number, "octets", "each frame in TLS records of so many octets (1)"},
    FaultItem{"capf-joined", none, "", "REQUEST_IN_PROGRESS joined in one record with each later request"},
    FaultItem{"capf-progress", maybe_number, "count",
              "so many REQUEST_IN_PROGRESS (3), a second apart, before the certificate"},
    FaultItem{"capf-retry-later", maybe_number, "seconds",
              "RETRY_LATER with this delay (60) in place of the key request, then closes"},
    FaultItem{"capf-slow", number, "ms", "waits before each message"},
    FaultItem{"capf-unknown-element", none, "", "an element 99 in each message"},
    FaultItem{"capf-version", number, "version", "announces this protocol version"},
    FaultItem{"capf-ask-again", none, "",
              "the first KEY_GENERATE_RESPONSE is answered with the same request again"},
    FaultItem{"capf-ec-request", none, "", "asks for an EC P-256 key, of a version 1 client too"},
    FaultItem{"capf-key-size", number, "bits", "asks for an RSA key of this size"},
    FaultItem{"capf-foreign-key", none, "", "the certificate is for another key"},
    FaultItem{"capf-same-certificate", none, "", "sends the certificate that this instance got before"},
    FaultItem{"capf-wrong-issuer", none, "",
              "the certificate is issued by another authority of the same name"},
    FaultItem{"capf-expired-certificate", none, "", "the certificate expired yesterday"},
    FaultItem{"capf-future-certificate", none, "", "the certificate is valid from tomorrow"},
    FaultItem{"capf-bad-certificate", none, "", "the certificate is not DER"},
    FaultItem{"capf-bare-certificate", none, "", "CERTIFICATE without its inner head"},
    FaultItem{"capf-no-client-usage", none, "",
              "the certificate's extended key usage leaves out client authentication"},
    FaultItem{"capf-untrusted", none, "", "TLS with a certificate that is not in the list"},
    FaultItem{"capf-tls", choice, "1.0|1.1|1.2|1.3", "speaks only this TLS version"},
    FaultItem{"capf-plain", none, "", "speaks in clear on the TLS port"},
    FaultItem{"capf-close-notify", none, "", "ends with close_notify"},
    FaultItem{"capf-ask-certificate", none, "", "asks for a client certificate in TLS (takes none)"},
    FaultItem{"capf-stay", none, "", "keeps the connection open after END_SESSION"},

    // --- CTIManager ---
    FaultItem{"cti-accept-close", none, "", "FIN right after accept"},
    FaultItem{"cti-accept-reset", none, "", "RST right after accept"},
    FaultItem{"cti-silent", none, "", "accepts and sends nothing"},
    FaultItem{"cti-plain", none, "", "clear text on the TLS port"},
    FaultItem{"cti-banner", choice, "http|ssh", "another service answers"},
    FaultItem{"cti-idle", number, "ms", "closes sessions without traffic after this time"},
    FaultItem{"cti-close-after", number, "octets", "closes the session after so many octets received"},
    FaultItem{"cti-reset-after", number, "octets", "resets the session after so many octets received"},
    FaultItem{"cti-close-at-once", maybe_number, "ms",
              "closes the session after the handshake (at once, or after this time)"},
    FaultItem{"cti-no-close-notify", none, "", "ends TLS sessions by FIN alone"},
    FaultItem{"cti-stall", number, "octets", "stops reading after so many octets"},
    FaultItem{"cti-deaf", number, "octets",
              "hears no packet any more after so many octets received, as behind a pulled cable"},
    FaultItem{"cti-reject", choice,
              "unknown-ca|certificate-expired|bad-certificate|certificate-unknown|certificate-revoked|"
              "unsupported-certificate|handshake-failure|decrypt-error",
              "rejects every client certificate with this alert (in TLS 1.3 after the client's Finished)"},
    FaultItem{"cti-reject-delay", number, "ms", "waits so long before it judges the client certificate"},
    FaultItem{"cti-latest-only", none, "", "takes only the newest certificate of an instance"},
    FaultItem{
        "cti-server", choice, "expired|unlisted|weak",
        "presents a certificate that is expired and listed; not listed; RSA-1024 with SHA-1 and listed"},
    FaultItem{"cti-tls", choice, "1.0|1.1|1.2|1.3", "speaks only this TLS version"},
    FaultItem{"cti-static-rsa", none, "", "only static RSA suites, TLS 1.2 at most"},
    FaultItem{"cti-ca-list", choice, "empty|foreign|long|too-long",
              "the authorities in the certificate request; long: 60 KiB, too-long: more than fits (alert "
              "internal_error)"},
    FaultItem{"cti-chain", number, "KiB", "sends so much of further certificates behind its own"},
    FaultItem{"cti-tiny-records", none, "", "one octet per TLS record"},
    FaultItem{"cti-renegotiate", none, "",
              "asks for renegotiation upon the first octets (TLS 1.2 and below)"},
    FaultItem{"cti-key-update", none, "", "KeyUpdate with every answer (TLS 1.3)"},
};

constexpr std::array<std::string_view, 9> steps{
    "tls",           "auth-request",   "auth-response", "key-request", "key-response",
    "store-request", "store-response", "end-session",   "in-progress"};

const FaultItem* item_named(std::string_view name) {
    const auto found = std::ranges::find(items, name, &FaultItem::name);
    return found == items.end() ? nullptr : &*found;
}

bool is_step(std::string_view word) { return std::ranges::find(steps, word) != steps.end(); }

std::string words_of(std::span<const std::string_view> words) {
    std::string out;
    for (const auto word : words) out += (out.empty() ? "" : "|") + std::string{word};
    return out;
}

Result<void> check_value(const FaultItem& item, std::optional<std::string_view> value) {
    const auto wrong = [&](std::string_view need) {
        return fail(Fault::USAGE, std::string{item.name} + ": " + std::string{need});
    };
    const auto whole = [&] { return value && decimal(*value, 0, 1L << 40); };
    switch (item.takes) {
        case none:
            if (value) return wrong("takes no value");
            break;
        case number:
            if (!whole()) return wrong("needs a number (" + std::string{item.values} + ")");
            break;
        case maybe_number:
            if (value && !whole()) return wrong("takes a number (" + std::string{item.values} + ")");
            break;
        case step:
            if (!value || !is_step(*value)) return wrong("needs a step: " + words_of(steps));
            break;
        case step_reason: {
            const auto colon = value ? value->find(':') : std::string_view::npos;
            if (colon == std::string_view::npos || !is_step(value->substr(0, colon)) ||
                !decimal(value->substr(colon + 1), 0, 255))
                return wrong("needs STEP:REASON");
            break;
        }
        case choice: {
            const auto words = split(item.values, '|');
            if (!value || std::ranges::find(words, *value) == words.end())
                return wrong("needs one of " + std::string{item.values});
            break;
        }
    }
    return {};
}

tl::unexpected<Error> unknown(std::string_view name) {
    std::vector<std::string_view> names;
    names.reserve(items.size());
    for (const auto& item : items) names.push_back(item.name);
    const auto near = nearest(name, names);
    return fail(Fault::USAGE, "no fault " + escape(name) + (near ? "; perhaps " + std::string{*near} : ""));
}

}  // namespace

std::span<const FaultItem> fault_items() noexcept { return items; }
std::span<const std::string_view> capf_steps() noexcept { return steps; }

Result<void> FaultMenu::set(std::string_view text) {
    std::optional<long> times;
    if (const auto at = text.rfind('@'); at != std::string_view::npos) {
        times = decimal(text.substr(at + 1), 1, 1'000'000);
        if (!times) return fail(Fault::USAGE, escape(text) + ": @ needs a number of uses");
        text = text.substr(0, at);
    }
    std::optional<std::string_view> value;
    if (const auto equals = text.find('='); equals != std::string_view::npos) {
        value = text.substr(equals + 1);
        text = text.substr(0, equals);
    }
    const auto* item = item_named(text);
    if (item == nullptr) return unknown(text);
    CHECK(check_value(*item, value));
    const std::lock_guard lock{mutex_};
    active_.insert_or_assign(std::string{text}, Active{std::string{value.value_or("")}, times});
    ++generation_;
    return {};
}

void FaultMenu::clear() {
    const std::lock_guard lock{mutex_};
    active_.clear();
    ++generation_;
}

Result<void> FaultMenu::clear(std::string_view name) {
    if (item_named(name) == nullptr) return unknown(name);
    const std::lock_guard lock{mutex_};
    if (const auto found = active_.find(name); found != active_.end()) active_.erase(found);
    ++generation_;
    return {};
}

bool FaultMenu::on(std::string_view name) const {
    const std::lock_guard lock{mutex_};
    return active_.contains(name);
}

std::optional<std::string> FaultMenu::value(std::string_view name) const {
    const std::lock_guard lock{mutex_};
    const auto found = active_.find(name);
    return found == active_.end() ? std::nullopt : std::optional{found->second.value};
}

std::optional<std::string> FaultMenu::use(std::string_view name) {
    const std::lock_guard lock{mutex_};
    const auto found = active_.find(name);
    if (found == active_.end()) return std::nullopt;
    auto value = found->second.value;
    if (found->second.times && --*found->second.times == 0) {
        active_.erase(found);
        ++generation_;
    }
    return value;
}

std::optional<long> FaultMenu::use_number(std::string_view name, long without_value) {
    const auto text = use(name);
    if (!text) return std::nullopt;
    return decimal(*text, 0, 1L << 40).value_or(without_value);
}

std::optional<std::string> FaultMenu::use_at(std::string_view name, std::string_view step) {
    const auto text = value(name);
    if (!text) return std::nullopt;
    const auto colon = text->find(':');
    if (std::string_view{*text}.substr(0, colon) != step || !use(name)) return std::nullopt;
    return colon == std::string::npos ? std::string{} : text->substr(colon + 1);
}

std::map<std::string, std::string> FaultMenu::all() const {
    const std::lock_guard lock{mutex_};
    std::map<std::string, std::string> out;
    for (const auto& [name, active] : active_)
        out[name] = active.value + (active.times ? "@" + std::to_string(*active.times) : "");
    return out;
}

}  // namespace tserver::sim
