#include "capf/enrol.hpp"

#include "base/text.hpp"

namespace tserver::capf {
namespace {

constexpr std::uint8_t success = 1;
constexpr std::uint8_t failure = 7;
constexpr std::uint8_t first_version_with_ec = 3;
/// More messages than any server has a reason to send.
constexpr int most_messages = 200;

/// How the two generations of clients write (section 2.3).
struct Style {
    std::uint8_t version;

    [[nodiscard]] bool modern() const { return version >= first_version_with_ec; }
    /// Only version 3 ends texts with NUL.
    [[nodiscard]] Bytes text(std::string_view text) const {
        Bytes out;
        out.reserve(text.size() + 1);
        out.insert(out.end(), text.begin(), text.end());
        if (modern()) out.push_back(0);
        return out;
    }
    /// Starts an answer.
    [[nodiscard]] Message answer(Command command, std::uint8_t reason) const {
        Message out{command};
        out.add(Tag::reason, reason);
        if (!modern()) out.add(Tag::reason_info, text(reason == success ? "success" : "failure"));
        return out;
    }
};

Style style_for(std::uint8_t ours, std::uint8_t announced) {
    if (ours < first_version_with_ec) return {ours};
    return {std::clamp<std::uint8_t>(announced, 1, ours)};
}

/// Section 4, step 2: the order of elements is the one of the client that each version is known from.
Message auth_response(const Style& style, const InstanceId& instance, const AuthCode& code) {
    Message out{Command::auth_response};
    const auto device = style.text("CTI-" + instance.str());
    auto digits = style.text(code.reveal());
    if (style.modern()) {
        out.add(Tag::reason, success).add(Tag::version, style.version);
        out.elements.emplace_back(Tag::password, std::move(digits));
        out.add(Tag::device_name, device);
    } else {
        out.add(Tag::version, style.version).add(Tag::reason, success);
        out.add(Tag::reason_info, style.text("success")).add(Tag::device_name, device);
        out.elements.emplace_back(Tag::password, std::move(digits));
    }
    return out;
}

Message key_response(const Style& style, const crypto::PrivateKey& key) {
    auto out = style.modern() ? Message{Command::key_generate_response}
                              : style.answer(Command::key_generate_response, success);
    out.add(Tag::public_key, key.public_half().spki());
    return out;
}

/// Section 6: END_SESSION right after the code. Nothing was issued, whatever the reason says.
Error refusal(const Message& end, bool fetched, Progress& progress) {
    const auto said = reason_text(end);
    if (fetched) {
        return {Fault::CAPF_NO_PENDING_OP, "the server fetched our certificate and ended: " + said, {}};
    }
    switch (end.number(Tag::reason).value_or(failure)) {
        case 0: return {Fault::CAPF_NO_PENDING_OP, said, {}};
        case 1: return {Fault::CAPF_NO_PENDING_OP, said + " in answer to the code: nothing was issued", {}};
        case 9: return {Fault::CAPF_NO_PROFILE, said, {}};
        default: progress.code = CodeState::refused; return {Fault::CAPF_AUTH_CODE, said, {}};
    }
}

tl::unexpected<Error> unexpected_message(const Message& message) {
    return fail(Fault::CAPF_PROTOCOL, "unexpected " + name(message.command));
}

/// Seconds as the server writes them: 1 to 4 octets.
std::chrono::milliseconds delay_of(const Message& retry_later) {
    std::chrono::seconds delay{0};
    const auto value = retry_later.find(Tag::retry_delay);
    if (!value || value->size() > 4) return delay;
    for (const auto octet : *value) delay = std::chrono::seconds{delay.count() << 8 | octet};
    return delay;
}

/// One run of the steps; what they share.
class Enrolment {
public:
    Enrolment(Dialogue& dialogue, const Request& request, KeyKeeper& keeper, Progress& progress)
        : dialogue_{dialogue}, request_{request}, keeper_{keeper}, progress_{progress} {}

    Task<Result<Enrolled>> run();

private:
    Task<Result<Message>> next(std::chrono::milliseconds limit);
    Task<Result<Style>> authenticate();
    Task<Result<KeySpec>> wait_for_key_request(Style style);
    Task<Result<const crypto::PrivateKey*>> send_key(Style style, KeySpec spec);
    Task<Result<Message>> wait_for_certificate(Style style, KeySpec spec, const crypto::PrivateKey& key);
    Task<Result<crypto::Certificate>> take_certificate(Style style, const Message& request,
                                                       const crypto::PrivateKey& key);
    Task<Result<void>> answer_fetch(Style style);
    Task<Error> refuse_to_delete(Style style);
    Task<Error> refuse_certificate(Style style, Error why);
    Task<void> wait_for_end();

    void tell(std::string_view step) const {
        if (progress_.observer) progress_.observer(step);
    }

    Dialogue& dialogue_;
    const Request& request_;
    KeyKeeper& keeper_;
    Progress& progress_;
    int messages_ = 0;
    bool fetched_ = false;
};

/// The next message that asks for something. REQUEST_IN_PROGRESS and RETRY_LATER give the server its time
/// anew (section 7).
Task<Result<Message>> Enrolment::next(std::chrono::milliseconds limit) {
    std::optional<std::string> postponed;
    for (;;) {
        auto waiting = dialogue_.next(limit);
        auto message = co_await std::move(waiting);
        if (!message && postponed &&
            (message.error().fault == Fault::CAPF_COMM || message.error().fault == Fault::CAPF_STALLED)) {
            co_return fail(Fault::CAPF_STALLED, *postponed + ", then: " + message.error().detail);
        }
        if (!message) co_return message;
        if (++messages_ > most_messages) {
            co_return fail(Fault::CAPF_PROTOCOL, fmt::format("more than {} messages", most_messages));
        }
        if (message->command == Command::request_in_progress) {
            tell("REQUEST_IN_PROGRESS");
        } else if (message->command == Command::retry_later) {
            const auto delay = delay_of(*message);
            limit = std::max(limit, delay);
            postponed = fmt::format("RETRY_LATER ({} s)", delay.count() / 1000);
            tell(*postponed);
        } else {
            co_return message;
        }
    }
}

Task<Result<Enrolled>> Enrolment::run() {
    CO_TRY(style, "authenticate", co_await authenticate());                          // steps 1 and 2
    CO_TRY(spec, "key request", co_await wait_for_key_request(style));               // step 3
    CO_TRY(key, "send key", co_await send_key(style, spec));                         // steps 4 to 6
    CO_TRY(store, "certificate", co_await wait_for_certificate(style, spec, *key));  // step 7
    CO_TRY(issued, "certificate", co_await take_certificate(style, store, *key));    // steps 8 and 9
    co_await wait_for_end();                                                         // step 10
    const auto ahead = issued.not_before() - request_.now();
    const auto starts_in = ahead > std::chrono::seconds{0} ? std::optional{ahead} : std::nullopt;
    co_return Enrolled{std::move(issued), spec, starts_in};
}

Task<Result<Style>> Enrolment::authenticate() {
    auto waiting = next(request_.limits.auth_request);
    auto hello = co_await std::move(waiting);
    if (!hello) co_return tl::unexpected<Error>(std::move(hello).error());
    if (hello->command == Command::end_session) {
        co_return fail(Fault::CAPF_COMM,
                       "the server ended the session before asking for the code: " + reason_text(*hello));
    }
    if (hello->command != Command::auth_request) co_return unexpected_message(*hello);
    const auto announced = version_of(*hello);
    if (!announced) co_return tl::unexpected<Error>(announced.error());
    const auto style = style_for(request_.version, *announced);
    tell(fmt::format("AUTH_REQUEST: version {}, session {}", *announced, hello->session));

    progress_.code = CodeState::sent;
    auto sending = dialogue_.send(auth_response(style, request_.instance, request_.code));
    if (auto sent = co_await std::move(sending); !sent) {
        co_return tl::unexpected<Error>(std::move(sent).error());
    }
    tell(fmt::format("AUTH_RESPONSE: version {}, name CTI-{}", style.version, request_.instance.str()));
    co_return style;
}

Task<Result<KeySpec>> Enrolment::wait_for_key_request(Style style) {
    for (;;) {
        auto waiting = next(request_.limits.answer);
        auto message = co_await std::move(waiting);
        if (!message) co_return tl::unexpected<Error>(std::move(message).error());
        switch (message->command) {
            case Command::key_generate_request: {
                auto spec = key_spec_of(*message);
                if (!spec) co_return spec;
                progress_.asked = *spec;
                tell("KEY_GENERATE_REQUEST: " + text(*spec));
                const auto allowed = permit(*spec, {request_.minimum_bits, style.modern()});
                if (!allowed) co_return tl::unexpected<Error>(allowed.error());
                co_return spec;
            }
            case Command::fetch_certificate_request: {
                auto answering = answer_fetch(style);
                if (auto done = co_await std::move(answering); !done) {
                    co_return tl::unexpected<Error>(std::move(done).error());
                }
                break;
            }
            case Command::delete_certificate_request: {
                auto refusing = refuse_to_delete(style);
                co_return tl::unexpected<Error>(co_await std::move(refusing));
            }
            case Command::end_session:
                tell("END_SESSION: " + reason_text(*message));
                co_return tl::unexpected<Error>(refusal(*message, fetched_, progress_));
            default: co_return unexpected_message(*message);
        }
    }
}

Task<Result<const crypto::PrivateKey*>> Enrolment::send_key(Style style, KeySpec spec) {
    if (style.modern()) {
        Message making_one{Command::request_in_progress};
        auto sending = dialogue_.send(std::move(making_one));
        if (auto sent = co_await std::move(sending); !sent) {
            co_return tl::unexpected<Error>(std::move(sent).error());
        }
    }
    auto making = keeper_.key_for(spec);
    auto key = co_await std::move(making);
    if (!key) co_return key;
    if (dialogue_.now() >= dialogue_.until()) {
        co_return fail(Fault::TIMED_OUT,
                       "the time for the enrolment was over before the " + text(spec) + " key was made");
    }
    // From the first octet on nobody can say whether the server has it.
    progress_.code = CodeState::probably_used;
    auto sending = dialogue_.send(key_response(style, **key));
    if (auto sent = co_await std::move(sending); !sent) {
        co_return tl::unexpected<Error>(std::move(sent).error());
    }
    tell("KEY_GENERATE_RESPONSE");
    co_return key;
}

Task<Result<Message>> Enrolment::wait_for_certificate(Style style, KeySpec spec,
                                                      const crypto::PrivateKey& key) {
    for (;;) {
        auto waiting = next(request_.limits.certificate);
        auto message = co_await std::move(waiting);
        if (!message) co_return message;
        switch (message->command) {
            case Command::store_certificate_request: co_return message;
            case Command::key_generate_request: {
                auto again = key_spec_of(*message);
                if (!again) co_return tl::unexpected<Error>(std::move(again).error());
                if (*again != spec) {
                    co_return fail(Fault::CAPF_PROTOCOL,
                                   fmt::format("asked for {} after {} was sent", text(*again), text(spec)));
                }
                tell("KEY_GENERATE_REQUEST again: the same key");
                auto sending = dialogue_.send(key_response(style, key));
                if (auto sent = co_await std::move(sending); !sent) {
                    co_return tl::unexpected<Error>(std::move(sent).error());
                }
                break;
            }
            case Command::fetch_certificate_request: {
                auto answering = answer_fetch(style);
                if (auto done = co_await std::move(answering); !done) {
                    co_return tl::unexpected<Error>(std::move(done).error());
                }
                break;
            }
            case Command::delete_certificate_request: {
                auto refusing = refuse_to_delete(style);
                co_return tl::unexpected<Error>(co_await std::move(refusing));
            }
            case Command::end_session:
                co_return fail(Fault::CAPF_PROTOCOL,
                               "END_SESSION without a certificate: " + reason_text(*message));
            default: co_return unexpected_message(*message);
        }
    }
}

Task<Result<crypto::Certificate>> Enrolment::take_certificate(Style style, const Message& request,
                                                              const crypto::PrivateKey& key) {
    progress_.code = CodeState::used;
    auto certificate = certificate_of(request);
    auto good = certificate ? check_issued(*certificate, key, request_)
                            : Result<void>{tl::unexpect, certificate.error()};
    if (good) {
        tell("STORE_CERTIFICATE_REQUEST: " + certificate->subject());
        auto keeping = keeper_.keep(*certificate);
        good = co_await std::move(keeping);
    }
    if (!good) {
        auto refusing = refuse_certificate(style, std::move(good).error());
        co_return tl::unexpected<Error>(co_await std::move(refusing));
    }
    // The certificate is safe: whether the server hears of it changes nothing for us.
    auto sending = dialogue_.send(style.answer(Command::store_certificate_response, success));
    const auto sent = co_await std::move(sending);
    tell(sent ? std::string{"STORE_CERTIFICATE_RESPONSE: reason 1"}
              : "STORE_CERTIFICATE_RESPONSE could not be sent: " + sent.error().detail);
    co_return certificate;
}

Task<void> Enrolment::wait_for_end() {
    auto waiting = next(request_.limits.end);
    const auto end = co_await std::move(waiting);
    if (end && end->command == Command::end_session) {
        tell("END_SESSION: " + reason_text(*end));
    } else {
        tell("no END_SESSION: " + (end ? name(end->command) : end.error().detail));
    }
}

Task<Result<void>> Enrolment::answer_fetch(Style style) {
    fetched_ = true;
    tell(request_.held ? "FETCH_CERTIFICATE_REQUEST: our certificate is shown"
                       : "FETCH_CERTIFICATE_REQUEST: we have none");
    auto answer = style.answer(Command::fetch_certificate_response, request_.held ? success : failure);
    if (request_.held) answer.add(Tag::certificate, certificate_element(*request_.held));
    return dialogue_.send(std::move(answer));
}

Task<Error> Enrolment::refuse_to_delete(Style style) {
    tell("DELETE_CERTIFICATE_REQUEST: refused");
    auto sending = dialogue_.send(style.answer(Command::delete_certificate_response, failure));
    const auto sent = co_await std::move(sending);
    if (sent) co_await wait_for_end();
    co_return Error{Fault::CAPF_DELETE, "answered with reason 7, nothing was deleted", {}};
}

Task<Error> Enrolment::refuse_certificate(Style style, Error why) {
    tell("certificate refused: " + why.detail);
    auto sending = dialogue_.send(style.answer(Command::store_certificate_response, failure));
    const auto sent = co_await std::move(sending);
    if (sent) co_await wait_for_end();
    co_return why;
}

}  // namespace

Result<void> check_issued(const crypto::Certificate& certificate, const crypto::PrivateKey& key,
                          const Request& request) {
    const auto wrong = [](std::string detail) { return fail(Fault::ISSUED_CERT_WRONG, std::move(detail)); };
    const auto public_key = certificate.public_key();
    if (!public_key) return wrong(public_key.error().detail);
    if (request.held && certificate == *request.held)
        return wrong("it is the certificate that we have already");
    if (!key.pairs_with(*public_key)) return wrong("it is for another key");
    const auto issued = [&](const auto& authority) { return certificate.issued_by(authority); };
    if (std::ranges::none_of(request.authorities, issued)) {
        return wrong(fmt::format("no CAPF certificate of the trust list has signed it; its issuer is {}",
                                 certificate.issuer()));
    }
    if (certificate.not_after() <= certificate.not_before()) {
        return wrong(fmt::format("it ends ({}) before it starts ({})", rfc3339(certificate.not_after()),
                                 rfc3339(certificate.not_before())));
    }
    if (const auto now = request.now(); certificate.not_after() <= now) {
        return wrong(fmt::format("it expired at {}, and our clock shows {}", rfc3339(certificate.not_after()),
                                 rfc3339(now)));
    }
    if (!certificate.allows_client_auth()) return wrong("its usage leaves out TLS client authentication");
    return {};
}

Task<Result<Enrolled>> enrol(Dialogue& dialogue, const Request& request, KeyKeeper& keeper,
                             Progress& progress) {
    Enrolment enrolment{dialogue, request, keeper, progress};
    auto outcome = co_await enrolment.run();
    if (!outcome && progress.code == CodeState::probably_used) {
        auto& error = outcome.error();
        error.detail = fmt::format("{}: {}", id(error.fault), error.detail);
        error.fault = Fault::CAPF_CODE_PROBABLY_USED;
    }
    co_return outcome;
}

}  // namespace tserver::capf
