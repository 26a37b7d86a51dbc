// links: capf
// The input is a server: octet 0 says how we are set up, then come its messages, whole, broken and in any
// order (see `Game::turn`). Whatever it does:
//   the code goes out once at most, in an AUTH_RESPONSE, and nothing else carries it;
//   an enrolment succeeds only with a certificate of our key that the keeper was given, once;
//   from the first octet of our public key on, a failure is "probably used", or about what was issued.
#include <cstdlib>

#include "tests/support/capf_script.hpp"

namespace {

using namespace tserver;
using namespace tserver::capf;
using namespace tserver::capf::test;

constexpr std::string_view code = "8642097531";

void require(bool condition) {
    if (!condition) std::abort();
}

const crypto::Certificate& ours() {
    static const auto certificate = test::certificate("issued/good.pem");
    return certificate;
}
/// Certificates that are not for us, or are not good.
const std::vector<crypto::Certificate>& others() {
    static const std::vector certificates{
        test::certificate("keys/15-client.pem"), test::certificate("issued/ends-first.pem"),
        test::certificate("issued/other-issuer.pem"), test::certificate("issued/server-only.pem"),
        test::certificate("issued/no-usage.pem")};
    return certificates;
}
/// Read once: OpenSSL takes longer for it than a whole run does.
std::shared_ptr<const crypto::PrivateKey> own_key() {
    static const auto key = std::make_shared<const crypto::PrivateKey>(private_key("keys/01-client.pem"));
    return key;
}

class Game {
public:
    explicit Game(ByteView input) : input_{input}, setup_{octet()} {
        if (flag(2)) play_.server.then(Script::Then::silent);
        if (flag(1)) play_.keeper.keeping = fail(Fault::DISK_FULL, "no space");
        if (flag(5)) play_.keeper.when_asked = [this] { play_.server.pass(std::chrono::hours{1}); };
    }

    void play() {
        while (!input_.done()) turn();
        static const auto wanted_by_default = request();
        auto wanted = wanted_by_default;
        wanted.code = *AuthCode::parse(code);
        wanted.version = flag(0) ? 3 : 1;
        wanted.minimum_bits = flag(3) ? 1024 : 2048;
        if (flag(4)) wanted.held = others().front();
        if (flag(6)) wanted.held = ours();
        if (flag(7)) wanted.now = [] { return ours().not_after(); };
        const auto enrolled = play_.with(wanted);
        check_sent();
        check_outcome(enrolled, wanted);
    }

private:
    [[nodiscard]] bool flag(unsigned bit) const { return (setup_ >> bit & 1U) != 0; }
    std::uint8_t octet() { return input_.u8().value_or(0); }
    Bytes octets(std::size_t count) { return to_bytes(*input_.take(std::min(count, input_.left()))); }

    void say(Message message) {
        message.session = session_;
        play_.server.says(message);
    }

    void turn() {
        constexpr std::array<std::uint16_t, 6> sizes{512, 1024, 2047, 2048, 3072, 4096};
        const auto what = octet();
        switch (what % 16) {
            case 0: return say(auth_request(octet()));
            case 1: return say(key_request(sizes.at(octet() % sizes.size())));
            case 2: return say(curve_request(octet()));
            case 3: return say(store_request(ours()));
            case 4: return say(store_request(others().at(what / 16U % others().size())));
            case 5: return say(end_session(octet()));
            case 6: return say(test::say(Command::request_in_progress));
            case 7: return say(test::say(Command::retry_later).add(Tag::retry_delay, octet()));
            case 8: return say(test::say(Command::fetch_certificate_request));
            case 9: return say(test::say(Command::delete_certificate_request));
            case 10: return say_raw();
            case 11: play_.server.says(octets(octet())); return;
            case 12: play_.server.after(std::chrono::seconds{octet()}); return;
            case 13: return say_damaged();
            case 14: play_.server.breaks_after_writing(octet() * 4U); return;
            default: session_ = octet();
        }
    }

    /// A message whose body is anything.
    void say_raw() {
        const auto command = octet();
        const auto body = octets(octet());
        play_.server.says(Writer{}
                              .u8(protocol_id)
                              .u8(command)
                              .u32(session_)
                              .u16(static_cast<std::uint16_t>(body.size()))
                              .bytes(body)
                              .take());
    }

    void say_damaged() {
        auto element = certificate_element(ours());
        const std::size_t at = input_.u16().value_or(0) % element.size();
        element[at] ^= octet();
        say(test::say(Command::store_certificate_request).add(Tag::certificate, element));
    }

    void check_sent() const {
        std::size_t proofs = 0;
        const auto own_key = private_spki();
        for (const auto& record : play_.server.records()) {
            const auto message = decode(record);
            require(message.has_value());
            const bool proof = message->command == Command::auth_response;
            proofs += proof ? 1 : 0;
            require(proof == (as_text(record).find(code) != std::string_view::npos));
            if (const auto key = message->find(Tag::public_key)) require(to_bytes(*key) == own_key);
        }
        require(proofs <= 1);
        require((play_.progress.code == CodeState::untouched) ? proofs == 0 : true);
    }

    static const Bytes& private_spki() {
        static const auto spki = own_key()->public_half().spki();
        return spki;
    }

    void check_outcome(const Result<Enrolled>& enrolled, const Request& wanted) const {
        const auto& kept = play_.keeper.kept;
        require(kept.size() <= 1);
        if (!kept.empty()) {
            const auto key = kept.front().public_key();
            require(key && key->spki() == private_spki());
            require(play_.progress.code == CodeState::used);
        }
        if (enrolled) {
            const auto& certificate = enrolled->certificate;
            require(!flag(1) && !flag(5) && kept.size() == 1 && certificate == kept.front());
            require(certificate != wanted.held && certificate.not_after() > wanted.now());
            return;
        }
        const auto fault = enrolled.error().fault;
        require(!enrolled.error().during.empty());
        require(kept.empty() || (flag(1) && fault == Fault::DISK_FULL));
        if (play_.progress.code == CodeState::probably_used) {
            require(fault == Fault::CAPF_CODE_PROBABLY_USED);
        }
        if (play_.progress.code == CodeState::used && kept.empty()) {
            require(fault == Fault::ISSUED_CERT_WRONG);
        }
        require((play_.progress.code == CodeState::refused) == (fault == Fault::CAPF_AUTH_CODE));
    }

    Reader input_;
    std::uint8_t setup_;
    std::uint32_t session_ = 7;
    Play play_{Keeper{own_key()}};
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    Game{{data, size}}.play();
    return 0;
}
