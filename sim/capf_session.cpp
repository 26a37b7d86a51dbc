#include "sim/capf_session.hpp"

#include <fmt/format.h>
#include <poll.h>

#include "base/text.hpp"
#include "crypto/openssl.hpp"

namespace tserver::sim {
namespace {

using capf::Command;
using capf::Tag;

/// A server waits long for a key: half an hour in the CME documents.
constexpr std::chrono::minutes patience{30};

std::uint8_t curve_code(KeyKind kind) { return static_cast<std::uint8_t>(static_cast<int>(kind) - 1); }

tl::unexpected<Error> played(std::string_view fault) {
    return fail(Fault::STOPPED, "fault " + std::string{fault});
}

Bytes two_octets(std::size_t value) { return Writer{}.u16(static_cast<std::uint16_t>(value)).take(); }

}  // namespace

Result<AuthResponse> read_auth_response(const capf::Message& message, std::uint8_t announced) {
    const auto text = [&](Tag tag, std::string_view name) -> Result<std::optional<std::string>> {
        const auto* value = message.find(tag);
        if (value == nullptr) return std::nullopt;
        auto out = capf::text_of(*value);
        if (out.find('\0') != std::string::npos)
            return fail(Fault::CAPF_PROTOCOL, std::string{name} + " with an inner NUL");
        return out;
    };
    AuthResponse out{1, {}, {}};
    if (const auto* version = message.find(Tag::version)) {
        if (version->size() != 1 || version->front() == 0 || version->front() > announced)
            return fail(Fault::CAPF_PROTOCOL, "version " + hex(*version));
        out.version = version->front();
    }
    if (const auto* reason = message.find(Tag::reason); reason != nullptr && *reason != Bytes{1})
        return fail(Fault::CAPF_PROTOCOL, "reason " + hex(*reason));
    TRY(device, text(Tag::device_name, "DEVICE_NAME"));
    TRY(password, text(Tag::password, "PASSWORD"));
    if (!device || device->empty()) return fail(Fault::CAPF_PROTOCOL, "no DEVICE_NAME");
    out.device = *std::move(device);
    out.password = std::move(password);
    return out;
}

CapfSession::CapfSession(Cluster& cluster, Stream stream, std::uint32_t id, const Stop& stop)
    : cluster_{cluster},
      faults_{cluster.faults},
      stream_{std::move(stream)},
      id_{id},
      stop_{stop},
      announced_{static_cast<std::uint8_t>(
          faults_.use_number("capf-version").value_or(cluster.settings.capf_version))},
      cut_sent_{faults_.use_number("capf-cut-sent")},
      cut_received_{faults_.use_number("capf-cut-received")} {}

void CapfSession::run() {
    auto result = exchange();
    if (!result && result.error().fault == Fault::CAPF_PROTOCOL) {
        cluster_.notes.line("capf", fmt::format("session={} refused: {}", id_, result.error().detail));
        ++cluster_.counters.capf_refused;
        result = end(Reason::failure);
    }
    cluster_.notes.line(
        "capf", fmt::format("session={} over: {}", id_, result ? "END_SESSION" : result.error().detail));
    if (result && faults_.use("capf-stay")) absorb(patience);
    // No close_notify, as the server we know of does it.
    if (result && faults_.use("capf-close-notify")) stream_.finish_writing(true);
    stream_.close();
}

Result<void> CapfSession::exchange() {
    CHECK(act("tls"));
    CHECK(stream_.handshake(stop_, Steady::now() + std::chrono::minutes{2}));
    auto hello_request = message(Command::auth_request);
    hello_request.add(Tag::version, announced_).add(Tag::auth_type, std::uint8_t{0});
    CHECK(send("auth-request", std::move(hello_request)));
    TRY(answer, receive(Command::auth_response, "auth-response"));
    ++cluster_.counters.capf_sessions;
    TRY(hello, read_auth_response(answer, announced_));
    const auto admission = cluster_.profiles.admit(hello.device, hello.password, wall_now());
    if (admission.refused) {
        ++cluster_.counters.capf_refused;
        return end(*admission.refused);
    }
    switch (admission.profile.operation) {
        case Operation::install: return install(hello, admission.profile);
        case Operation::remove: return remove(admission.profile);
        case Operation::fetch: return fetch(admission.profile);
        case Operation::none: break;
    }
    return end(Reason::no_action);
}

Result<capf::Message> CapfSession::key_request(std::uint8_t version, const Profile& profile) {
    auto request = message(Command::key_generate_request);
    const bool forced_ec = faults_.use("capf-ec-request").has_value();
    if (profile.key != KeyKind::rsa || forced_ec) {
        if (version < 3 && !forced_ec) {
            cluster_.profiles.finish(profile, Operation::install, "No support for EC only in CAPF version 3");
            return fail(Fault::CAPF_PROTOCOL,
                        "EC only profile, client of version " + std::to_string(version));
        }
        const auto kind = forced_ec ? KeyKind::ec256 : profile.key;
        request.add(Tag::key_type, std::uint8_t{1}).add(Tag::curve, curve_code(kind));
        return request;
    }
    const auto bits = faults_.use_number("capf-key-size").value_or(static_cast<long>(profile.key_size));
    request.add(Tag::key_size, two_octets(static_cast<std::size_t>(bits)));
    // A client of version 1 drops the line at an element above 15.
    if (version >= 3) request.add(Tag::key_type, std::uint8_t{0});
    return request;
}

Result<crypto::PublicKey> CapfSession::read_key(const capf::Message& response,
                                                const capf::Message& request) const {
    if (const auto* reason = response.find(Tag::reason); reason != nullptr && *reason != Bytes{1})
        return fail(Fault::CAPF_PROTOCOL, "client could not make a key: reason " + hex(*reason));
    const auto* der = response.find(Tag::public_key);
    if (der == nullptr) return fail(Fault::CAPF_PROTOCOL, "no PUBLIC_KEY");
    const unsigned char* at = der->data();
    auto* raw = d2i_PUBKEY(nullptr, &at, static_cast<long>(der->size()));
    if (raw == nullptr) return fail(Fault::CAPF_PROTOCOL, "PUBLIC_KEY: " + crypto::drain_errors());
    crypto::PublicKey key{raw};
    if (at != der->data() + der->size()) return fail(Fault::CAPF_PROTOCOL, "octets behind PUBLIC_KEY");
    bool asked = false;
    if (const auto* curve = request.find(Tag::curve)) {
        constexpr std::array bits{256U, 384U, 521U};
        asked = key.is_ec() && key.bits() == bits.at(curve->front());
    } else {
        const auto size = *Reader{*request.find(Tag::key_size)}.u16();
        asked = key.is_rsa() && key.bits() == size;
    }
    if (!asked) return fail(Fault::CAPF_PROTOCOL, "PUBLIC_KEY is " + key.text() + ", not what was asked");
    return key;
}

Result<crypto::PublicKey> CapfSession::ask_for_key(const AuthResponse& hello, const Profile& profile) {
    TRY(request, key_request(hello.version, profile));
    CHECK(send("key-request", request));
    bool in_progress = false;
    bool again = faults_.use("capf-ask-again").has_value();
    Bytes first_key;
    while (true) {
        TRY(answer, receive_any());
        if (answer.command == Command::request_in_progress) {
            // At most once, and not known to a client of version 1.
            if (in_progress || hello.version < 3)
                return fail(Fault::CAPF_PROTOCOL, "REQUEST_IN_PROGRESS not expected");
            in_progress = true;
            CHECK(act("in-progress"));
            continue;
        }
        if (answer.command != Command::key_generate_response)
            return fail(Fault::CAPF_PROTOCOL, "not KEY_GENERATE_RESPONSE");
        CHECK(act("key-response"));
        auto key = read_key(answer, request);
        if (!key || !again) {
            if (key && !first_key.empty() && key->spki() != first_key)
                return fail(Fault::CAPF_PROTOCOL, "another key when asked again");
            if (!key) cluster_.profiles.finish(profile, Operation::install, "Key Generation Failed");
            return key;
        }
        again = in_progress = false;
        first_key = key->spki();
        CHECK(send("key-request", request));
    }
}

Result<crypto::Certificate> CapfSession::make_lsc(const AuthResponse& hello, const Profile& profile,
                                                  const crypto::PublicKey& key) {
    const auto now = wall_now();
    CertificatePlan plan;
    plan.common_name = profile.instance;
    plan.uri = hello.device;
    plan.not_before = now - std::chrono::minutes{1};
    plan.not_after = now + cluster_.settings.lsc_days;
    plan.key_usage = "digitalSignature,keyEncipherment";
    plan.extended_key_usage = faults_.use("capf-no-client-usage") ? "serverAuth" : "serverAuth,clientAuth";
    if (faults_.use("capf-expired-certificate")) {
        plan.not_before = now - std::chrono::days{30};
        plan.not_after = now - std::chrono::days{1};
    }
    if (faults_.use("capf-future-certificate")) plan.not_before = now + std::chrono::days{1};
    const auto issuer =
        faults_.use("capf-wrong-issuer") ? cluster_.authority.capf_twin() : cluster_.authority.capf();
    if (faults_.use("capf-foreign-key")) {
        const auto other = cluster_.authority.stranger();
        return make_certificate(plan, other->key.public_half(), issuer->key, &issuer->certificate);
    }
    return make_certificate(plan, key, issuer->key, &issuer->certificate);
}

Result<Bytes> CapfSession::make_certificate_value(const AuthResponse& hello, const Profile& profile,
                                                  const crypto::PublicKey& key) {
    const auto before = cluster_.profiles.latest(profile.instance);
    TRY(certificate, make_lsc(hello, profile, key));
    // The code is gone from here on, whatever becomes of the certificate on its way.
    if (!cluster_.profiles.issue(profile, certificate, wall_now()))
        return fail(Fault::CAPF_PROTOCOL, "the profile was used meanwhile");
    cluster_.notes.line("capf", fmt::format("session={} issued instance={} serial={} sha256={}", id_,
                                            profile.instance, certificate.serial(), certificate.sha256()));
    auto der = certificate.der();
    if (before && faults_.use("capf-same-certificate")) der = before->der;
    if (faults_.use("capf-bad-certificate")) std::ranges::fill(der, std::uint8_t{0x5a});
    return faults_.use("capf-bare-certificate") ? der : capf::certificate_value(der);
}

Result<void> CapfSession::hold_back() {
    const auto count = faults_.use_number("capf-progress", 3);
    for (long i = 0; i < count.value_or(0); ++i) {
        CHECK(write(encode(message(Command::request_in_progress))));
        if (!pause(std::chrono::seconds{1}, stop_)) return fail(Fault::STOPPED, "stopped");
    }
    return {};
}

Result<void> CapfSession::install(const AuthResponse& hello, const Profile& profile) {
    if (const auto delay = faults_.use_number("capf-retry-later", 60)) {
        auto later = message(Command::retry_later);
        later.add(Tag::retry_delay, two_octets(static_cast<std::size_t>(*delay)));
        return send("key-request", std::move(later));
    }
    TRY(key, ask_for_key(hello, profile));
    TRY(value, make_certificate_value(hello, profile, key));
    CHECK(hold_back());
    auto store = message(Command::store_certificate_request);
    store.add(Tag::certificate_type, std::uint8_t{1}).add(Tag::certificate, std::move(value));
    CHECK(send("store-request", std::move(store)));
    // Whatever the client says is only logged.
    CHECK(receive(Command::store_certificate_response, "store-response"));
    return end(Reason::done);
}

Result<void> CapfSession::remove(const Profile& profile) {
    CHECK(send("key-request", message(Command::delete_certificate_request)));
    CHECK(receive(Command::delete_certificate_response, "key-response"));
    cluster_.profiles.finish(profile, Operation::none, "Delete Success");
    return end(Reason::done);
}

Result<void> CapfSession::fetch(const Profile& profile) {
    CHECK(send("key-request", message(Command::fetch_certificate_request)));
    CHECK(receive(Command::fetch_certificate_response, "key-response"));
    cluster_.profiles.finish(profile, Operation::none, "Troubleshoot Success");
    return end(Reason::no_action);
}

Result<void> CapfSession::end(Reason reason) {
    auto last = message(Command::end_session);
    last.add(Tag::reason, static_cast<std::uint8_t>(reason));
    return send("end-session", std::move(last));
}

/// The faults that act at a step instead of a message, or behind one of the client's.
Result<void> CapfSession::act(std::string_view step) {
    if (faults_.use_at("capf-drop", step)) {
        stream_.finish_writing(false);
        absorb(std::chrono::milliseconds{500});
        return played("capf-drop");
    }
    if (faults_.use_at("capf-reset", step)) {
        stream_.reset_at_close();
        return played("capf-reset");
    }
    if (faults_.use_at("capf-hang", step)) {
        absorb(patience);
        return played("capf-hang");
    }
    if (faults_.use_at("capf-garbage", step)) {
        const auto noise = crypto::random_octets(64);
        if (step == "tls")
            ::send(stream_.fd(), noise.data(), noise.size(), MSG_NOSIGNAL);
        else
            CHECK(write(noise));
        absorb(patience);
        return played("capf-garbage");
    }
    if (const auto reason = faults_.use_at("capf-end", step)) {
        auto last = message(Command::end_session);
        last.add(Tag::reason, static_cast<std::uint8_t>(decimal(*reason, 0, 255).value_or(7)));
        CHECK(write(encode(last)));
        return played("capf-end");
    }
    if (const auto delay = faults_.use_number("capf-slow"))
        if (!pause(std::chrono::milliseconds{*delay}, stop_)) return fail(Fault::STOPPED, "stopped");
    return {};
}

Result<void> CapfSession::send(std::string_view step, capf::Message out) {
    CHECK(act(step));
    if (faults_.use_at("capf-wrong-session", step)) out.session ^= 0x01000000U;
    if (faults_.use_at("capf-unexpected", step)) out = message(Command::status_request);
    if (faults_.use("capf-unknown-element")) out.add(Tag{99}, Bytes{0xab, 0xcd});
    auto frame = encode(out);
    if (faults_.use_at("capf-truncated-element", step) && !out.elements.empty())
        frame.at(frame.size() - out.elements.back().value.size() - 2) ^= 0x10;
    cluster_.notes.line("capf", "S>C " + capf::describe(out));
    if (step != "auth-request" && step != "end-session" && faults_.use("capf-joined")) {
        const auto busy = encode(message(Command::request_in_progress));
        frame.insert(frame.begin(), busy.begin(), busy.end());
    }
    return write(frame);
}

/// One record per frame, unless a fault says otherwise.
Result<void> CapfSession::write(ByteView octets) {
    const auto deadline = Steady::now() + patience;
    const bool cut = cut_sent_ && sent_ + octets.size() > static_cast<std::size_t>(*cut_sent_);
    if (cut) octets = octets.first(static_cast<std::size_t>(*cut_sent_) - sent_);
    const auto piece =
        static_cast<std::size_t>(std::max(faults_.use_number("capf-split").value_or(16384), 1L));
    for (std::size_t at = 0; at < octets.size(); at += piece)
        CHECK(write_all(stream_, octets.subspan(at, std::min(piece, octets.size() - at)), stop_, deadline));
    sent_ += octets.size();
    if (cut) return played("capf-cut-sent");
    return {};
}

Result<Bytes> CapfSession::read_exactly(std::size_t count) {
    const auto deadline = Steady::now() + patience;
    const bool cut = cut_received_ && received_ + count >= static_cast<std::size_t>(*cut_received_);
    Bytes out(cut ? static_cast<std::size_t>(*cut_received_) - received_ : count);
    std::size_t have = 0;
    while (have < out.size()) {
        TRY(got, read_some(stream_, std::span{out}.subspan(have), stop_, deadline));
        if (got == 0) return fail(have == 0 ? Fault::CAPF_COMM : Fault::CAPF_PROTOCOL, "client closed");
        have += got;
    }
    received_ += have;
    if (cut) return played("capf-cut-received");
    return out;
}

Result<capf::Message> CapfSession::receive_any() {
    TRY(head, read_exactly(capf::header_octets));
    const auto header = capf::read_header(head);
    if (header.protocol != capf::protocol_id) return fail(Fault::CAPF_PROTOCOL, "protocol id " + hex(head));
    if (header.session != id_)
        return fail(Fault::CAPF_PROTOCOL, "session id " + std::to_string(header.session));
    Bytes body;
    if (header.length > 0) {
        TRY(octets, read_exactly(header.length));
        body = std::move(octets);
    }
    auto elements = capf::read_elements(body);
    if (!elements) return fail(Fault::CAPF_PROTOCOL, elements.error().detail);
    capf::Message out{static_cast<Command>(header.command), header.session, *std::move(elements)};
    cluster_.notes.line("capf", "C>S " + capf::describe(out));
    return out;
}

Result<capf::Message> CapfSession::receive(Command wanted, std::string_view step) {
    TRY(out, receive_any());
    CHECK(act(step));
    if (out.command != wanted) return fail(Fault::CAPF_PROTOCOL, "unexpected command");
    return out;
}

/// Says nothing more, until the client goes or the simulator ends.
void CapfSession::absorb(std::chrono::milliseconds time) {
    const auto until = Steady::now() + time;
    Bytes rest(4096);
    while (true) {
        // Raw octets: the peer may be in the middle of a handshake.
        const auto got = ::recv(stream_.fd(), rest.data(), rest.size(), 0);
        if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR)) return;
        if (got < 0 && wait(stream_.fd(), POLLIN, stop_, until) != Woken::ready) return;
    }
}

}  // namespace tserver::sim
