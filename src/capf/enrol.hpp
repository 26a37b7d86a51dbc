// One enrolment: proves who we are with a one-time code, sends our public key, and takes the certificate.
// Steps: doc/protocols/capf.md, section 4.
#pragma once

#include <functional>

#include "base/types.hpp"
#include "capf/dialogue.hpp"

namespace tserver::capf {

/// What the code is worth after an attempt. The cluster forgets a code when it issues the certificate, which
/// is before it sends it.
enum class CodeState : std::uint8_t {
    untouched,      ///< never left this host
    sent,           ///< the server has it and has not judged it: it may be sent again
    refused,        ///< never to be sent again
    probably_used,  ///< our public key went out, no certificate came
    used,           ///< a certificate came
};

/// Where an enrolment stands. It belongs to the caller, so it is there even when the enrolment was cancelled.
struct Progress {
    CodeState code = CodeState::untouched;
    std::optional<KeySpec> asked;  ///< what the server wanted: make this one ahead the next time (F96)
    std::function<void(std::string_view)> observer = {};  ///< told of every step; may be empty
};

/// Keeps what an enrolment makes; the link implements it with its store.
class KeyKeeper {
public:
    virtual ~KeyKeeper() = default;
    /// A key of this kind, durable before this returns: the one that waits from an earlier attempt if it
    /// fits, otherwise a new one (make_key()). It stays valid until the next call, of keep() too.
    virtual Task<Result<const crypto::PrivateKey*>> key_for(KeySpec spec) = 0;
    /// Saves the certificate with the key of the last key_for(), durable before this returns. Called once,
    /// after every check has passed; an error is told to the server and returned by the enrolment, and the
    /// keeper is then the only one who has the certificate.
    virtual Task<Result<void>> keep(const crypto::Certificate& certificate) = 0;
};

/// How long each step may take; all of it together no longer than `total`, counted from connecting on.
struct Limits {
    std::chrono::milliseconds connect{10'000};  ///< for each address of the host
    std::chrono::milliseconds handshake{10'000};
    std::chrono::milliseconds auth_request{10'000};
    std::chrono::milliseconds answer{30'000};  ///< to the code
    std::chrono::milliseconds certificate{120'000};
    std::chrono::milliseconds end{5'000};  ///< for END_SESSION once the certificate is kept
    std::chrono::milliseconds total{120'000};
};

struct Request {
    InstanceId instance;
    AuthCode code;
    /// What we speak: 1 as Cisco's JTAPI client, or up to 3 (EC keys). Section 2.
    std::uint8_t version = 1;
    unsigned minimum_bits = 2048;
    KeySpec expected_key = Rsa{2048};              ///< made before connecting
    std::vector<crypto::Certificate> authorities;  ///< the CAPF certificates of the trust list
    std::optional<crypto::Certificate> held = {};  ///< what we have now: shown on FETCH, refused as "new"
    Limits limits = {};
    std::function<Instant()> now = wall_now;
};

struct Enrolled {
    crypto::Certificate certificate;  ///< already with the keeper
    KeySpec key;
    /// How far ahead of our clock the certificate starts: our clock or the cluster's is wrong. It is kept
    /// all the same, because a correct clock makes it good and a refusal would cost the code.
    std::optional<std::chrono::seconds> starts_in;
};

/// The dialogue, from AUTH_REQUEST to END_SESSION. Everything that depends on earlier attempts is in the
/// arguments. `during` of an error names the step.
/// @return before our public key is out: CAPF_COMM, CAPF_STALLED, CAPF_PROTOCOL, CAPF_TLS_CIPHER (try again);
///         CAPF_AUTH_CODE, CAPF_NO_PROFILE, CAPF_NO_PENDING_OP, CAPF_DELETE, CAPF_EC_ONLY, CAPF_KEY_SIZE;
///         afterwards: CAPF_CODE_PROBABLY_USED, ISSUED_CERT_WRONG; whatever the keeper returns
Task<Result<Enrolled>> enrol(Dialogue& dialogue, const Request& request, KeyKeeper& keeper,
                             Progress& progress);

/// Is it ours, from one of these authorities, not the one we hold, within sensible dates, for TLS clients?
/// @return ISSUED_CERT_WRONG; the detail says what exactly
Result<void> check_issued(const crypto::Certificate& certificate, const crypto::PrivateKey& key,
                          const Request& request);

}  // namespace tserver::capf
