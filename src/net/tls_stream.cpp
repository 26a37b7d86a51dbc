#include "net/tls_stream.hpp"

#include <openssl/err.h>

#include <cerrno>
#include <cstring>

#include "base/text.hpp"
#include "crypto/openssl.hpp"
#include "net/other_protocol.hpp"
#include "net/plain_stream.hpp"

namespace tserver::net {
namespace {

constexpr std::size_t record_overhead = 256;  ///< header, IV, MAC and padding of one record, generously
/// Room for one push, and beside it for what OpenSSL sends of its own accord (KeyUpdate, alerts,
/// close_notify).
constexpr std::size_t out_room =
    TlsStream::push_room + (TlsStream::push_room / 16384 + 1) * record_overhead + 8192;
constexpr std::size_t own_room = 4096;

// Alerts (RFC 8446, section 6; RFC 5246, section 7.2).
constexpr int protocol_version = 70;
constexpr int internal_error = 80;
constexpr int no_renegotiation = 100;

std::string version_text(int number) {
    constexpr int first = TLS1_VERSION;
    const auto at = static_cast<std::size_t>(number - first);
    if (number >= first && at < crypto::tls_versions.size()) return std::string{crypto::tls_versions[at]};
    return number == SSL3_VERSION ? "SSLv3" : fmt::format("version 0x{:04x}", number);
}

/// Whether the server has sent all that comes before its CertificateRequest, and that not.
bool certificate_request_is_next(const SSL* ssl) {
    const auto state = SSL_get_state(ssl);
    if (SSL_version(ssl) == TLS1_3_VERSION) return state == TLS_ST_CR_ENCRYPTED_EXTENSIONS;
    return state == TLS_ST_CR_CERT || state == TLS_ST_CR_CERT_STATUS || state == TLS_ST_CR_KEY_EXCH;
}

template <class T>
tl::unexpected<TlsFailure> no(T&& failure) {
    return tl::unexpected<TlsFailure>(std::forward<T>(failure));
}

BIO_METHOD* method(int (*read)(BIO*, char*, int), int (*write)(BIO*, const char*, int),
                   long (*control)(BIO*, int, long, void*)) {
    static BIO_METHOD* const made = [&] {
        auto* m = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "tserver");
        BIO_meth_set_read(m, read);
        BIO_meth_set_write(m, write);
        BIO_meth_set_ctrl(m, control);
        return m;
    }();
    return made;
}

}  // namespace

void TlsStream::SslFree::operator()(ssl_st* ssl) const noexcept { SSL_free(ssl); }

TlsStream::TlsStream(os::Fd socket, const crypto::TlsContext& context, PeerCheck check)
    : socket_{std::move(socket)},
      check_{std::move(check)},
      in_{pull_room},
      out_{out_room},
      ssl_{SSL_new(context.raw())} {
    if (!ssl_) std::abort();
    auto* bio = BIO_new(method(bio_read, bio_write, bio_control));
    BIO_set_data(bio, this);
    BIO_set_init(bio, 1);
    SSL_set_bio(ssl_.get(), bio, bio);
    SSL_set_app_data(ssl_.get(), this);
    SSL_set_info_callback(ssl_.get(), on_info);
    SSL_set_verify(ssl_.get(), SSL_VERIFY_PEER, nullptr);
    SSL_CTX_set_cert_verify_callback(context.raw(), check_peer, nullptr);
    SSL_set_connect_state(ssl_.get());
}

TlsStream::~TlsStream() {
    if (!ending_ && !later_ && !unsent() && SSL_is_init_finished(ssl_.get()) == 1) end();
}

// --- what OpenSSL calls ---

int TlsStream::bio_read(bio_st* bio, char* into, int count) {
    auto& self = *static_cast<TlsStream*>(BIO_get_data(bio));
    BIO_clear_retry_flags(bio);
    const auto have = self.in_end_ - self.in_begin_;
    if (have == 0) {
        if (self.at_end_) return 0;
        BIO_set_retry_read(bio);
        return -1;
    }
    const auto n = std::min(have, static_cast<std::size_t>(count));
    std::memcpy(into, self.in_.data() + self.in_begin_, n);
    self.in_begin_ += n;
    if (self.in_begin_ == self.in_end_) self.in_begin_ = self.in_end_ = 0;
    return static_cast<int>(n);
}

int TlsStream::bio_write(bio_st* bio, const char* from, int count) {
    auto& self = *static_cast<TlsStream*>(BIO_get_data(bio));
    BIO_clear_retry_flags(bio);
    const auto n = static_cast<std::size_t>(count);
    if (out_room - self.out_end_ < n) {
        BIO_set_retry_write(bio);
        return -1;
    }
    std::memcpy(self.out_.data() + self.out_end_, from, n);
    self.out_end_ += n;
    return count;
}

long TlsStream::bio_control(bio_st* bio, int command, long number, void*) {
    if (command == BIO_CTRL_FLUSH) return 1;
    if (command == BIO_CTRL_EOF) return static_cast<TlsStream*>(BIO_get_data(bio))->at_end_ ? 1 : 0;
    return command == BIO_CTRL_SET_CLOSE ? number : 0;
}

int TlsStream::check_peer(X509_STORE_CTX* context, void*) {
    auto* ssl = static_cast<SSL*>(X509_STORE_CTX_get_ex_data(context, SSL_get_ex_data_X509_STORE_CTX_idx()));
    auto& self = *static_cast<TlsStream*>(SSL_get_app_data(ssl));
    auto* leaf = X509_STORE_CTX_get0_cert(context);
    X509_up_ref(leaf);
    self.peer_shown_ = true;
    auto verdict = self.check_(crypto::Certificate{leaf});
    if (verdict) return 1;
    self.failure_ = TlsFailure{Kind::untrusted, {}, verdict.error().detail, std::move(verdict).error()};
    X509_STORE_CTX_set_error(context, X509_V_ERR_CERT_UNTRUSTED);
    return 0;
}

void TlsStream::on_info(const ssl_st* ssl, int where, int value) {
    constexpr int fatal = 2;
    auto& self = *static_cast<TlsStream*>(SSL_get_app_data(ssl));
    const int alert = value & 0xff;
    if ((where & SSL_CB_READ_ALERT) == SSL_CB_READ_ALERT && (value >> 8) == fatal) self.alert_ = alert;
    if ((where & SSL_CB_WRITE_ALERT) == SSL_CB_WRITE_ALERT && alert == no_renegotiation)
        self.refused_renegotiation_ = true;
}

// --- moving octets ---

TlsStream::Fill TlsStream::fill() {
    if (in_begin_ > 0) {
        std::memmove(in_.data(), in_.data() + in_begin_, in_end_ - in_begin_);
        in_end_ -= std::exchange(in_begin_, 0);
    }
    if (in_end_ == in_.size()) return Fill::none;
    const auto got = recv(socket_.get(), in_.data() + in_end_, in_.size() - in_end_, 0);
    if (got > 0) {
        in_end_ += static_cast<std::size_t>(got);
        return Fill::some;
    }
    if (got == 0) {
        at_end_ = true;
        return Fill::end;
    }
    if (errno == EAGAIN || errno == EINTR) return Fill::none;
    failure_ = socket_failure(errno);
    return Fill::failed;
}

bool TlsStream::flush() {
    if (unsent()) {
        const auto sent = send(socket_.get(), out_.data() + out_begin_, out_end_ - out_begin_, MSG_NOSIGNAL);
        if (sent < 0) {
            if (errno == EAGAIN || errno == EINTR) return true;
            failure_ = socket_failure(errno);
            out_begin_ = out_end_ = 0;  // what the peer sent before can still be read
            return false;
        }
        out_begin_ += static_cast<std::size_t>(sent);
        if (out_begin_ == out_end_) out_begin_ = out_end_ = 0;
    }
    if (ending_ && !unsent()) shutdown(socket_.get(), SHUT_WR);
    return true;
}

Pulled TlsStream::pull(std::span<std::uint8_t> into) {
    if (later_ && !more_) return {*later_, 0};
    if (out_end_ > out_room - own_room) {
        // Room for a hundred answers beside a full push is used up.
        failure_ = {Kind::other, {}, "the peer asks for key updates and reads nothing", {}};
        later_ = Got::failed;
        return {Got::failed, 0};
    }
    // A record that came in two parts lies in OpenSSL's buffer, so a full buffer of ours may give more plain
    // text than `into` holds. The rest is fetched before anything new is received; part of a record is no
    // rest.
    auto count = std::exchange(more_, false) ? decrypt(into) : 0;
    if (count == 0 && !later_) {
        if (!at_end_ && fill() == Fill::failed) later_ = Got::failed;
        const bool fresh = in_end_ != in_begin_;
        count = decrypt(into);
        if (fresh && in_end_ == in_begin_ && !later_) heard_ = true;
    }
    if (count > 0) heard_ = true;
    if (unsent()) flush();  // a failure shows itself when all that came before it has been read
    if (count > 0) return {Got::octets, count};
    return {later_.value_or(Got::nothing), 0};
}

std::size_t TlsStream::decrypt(std::span<std::uint8_t> into) {
    std::size_t count = 0;
    while (count < into.size()) {
        std::size_t got = 0;
        if (SSL_read_ex(ssl_.get(), into.data() + count, into.size() - count, &got) == 1) {
            count += got;
            // Nothing is left of what was received: no need to hear that from OpenSSL.
            if (in_begin_ == in_end_ && !at_end_ && SSL_has_pending(ssl_.get()) == 0) return count;
            continue;
        }
        const int error = SSL_get_error(ssl_.get(), 0);
        if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE) return count;
        if (error == SSL_ERROR_ZERO_RETURN) {
            later_ = Got::ended;
        } else {
            failure_ = classify(error);
            later_ = failure_.kind == Kind::closed ? Got::torn : Got::failed;
        }
        return count;
    }
    more_ = true;
    return count;
}

bool TlsStream::push(ByteView octets) {
    while (!octets.empty()) {
        std::size_t written = 0;
        if (SSL_write_ex(ssl_.get(), octets.data(), octets.size(), &written) != 1) {
            failure_ = classify(SSL_get_error(ssl_.get(), 0));
            return false;
        }
        octets = octets.subspan(written);
    }
    return flush();
}

void TlsStream::end() {
    SSL_shutdown(ssl_.get());
    ERR_clear_error();
    ending_ = true;
    flush();
}

// --- as a coroutine ---

Task<TlsStream::TlsResult<std::unique_ptr<TlsStream>>> TlsStream::connect(Loop& loop, os::Fd socket,
                                                                          const crypto::TlsContext& context,
                                                                          PeerCheck check,
                                                                          std::chrono::milliseconds limit) {
    std::unique_ptr<TlsStream> stream{new TlsStream{std::move(socket), context, std::move(check)}};
    auto clock = sleep_task(loop, Steady::now() + limit);
    auto race = first_of(stream->handshake(loop), std::move(clock));
    auto outcome = co_await std::move(race);
    if (outcome.index() == 1) {
        co_return no(TlsFailure{Kind::silent,
                                {},
                                fmt::format("handshake not finished within {} ms", limit.count()),
                                {},
                                stream->agreed()});
    }
    auto& done = std::get<0>(outcome);
    if (!done) co_return no(std::move(done).error());
    co_return stream;
}

Task<TlsStream::TlsResult<void>> TlsStream::handshake(Loop& loop) {
    bool first = true;
    for (;;) {
        const int done = SSL_do_handshake(ssl_.get());
        const int error = SSL_get_error(ssl_.get(), done);
        TlsFailure failed{Kind::other, {}, {}, {}};
        if (done != 1 && error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE) {
            failed = classify(error);
            flush();  // our alert, as far as the socket takes it
            co_return no(std::move(failed));
        }
        auto sending = send_all(loop);
        auto sent = co_await std::move(sending);
        if (!sent) co_return no(std::move(sent).error());
        if (done == 1) co_return TlsResult<void>{};
        co_await readable(loop, socket_.get());
        const auto filled = fill();
        if (filled == Fill::failed) {
            failed = failure_;
            failed.agreed = agreed();
            co_return no(std::move(failed));
        }
        if (filled != Fill::some || !std::exchange(first, false)) continue;
        if (const auto other = other_protocol({in_.data() + in_begin_, in_end_ - in_begin_}))
            co_return no(TlsFailure{Kind::not_tls, {}, *other, {}, {}});
        note_server_hello();
    }
}

Task<TlsStream::TlsResult<void>> TlsStream::send_all(Loop& loop) {
    while (unsent()) {
        if (!flush()) co_return no(failure_);
        if (unsent()) co_await writable(loop, socket_.get());
    }
    co_return TlsResult<void>{};
}

Task<TlsStream::TlsResult<std::size_t>> TlsStream::read(Loop& loop, std::span<std::uint8_t> into) {
    for (;;) {
        std::size_t got = 0;
        if (SSL_read_ex(ssl_.get(), into.data(), into.size(), &got) == 1) co_return got;
        const int error = SSL_get_error(ssl_.get(), 0);
        if (error == SSL_ERROR_ZERO_RETURN) co_return std::size_t{0};
        if (error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE) co_return no(classify(error));
        auto sending = send_all(loop);
        auto sent = co_await std::move(sending);
        if (!sent) co_return no(std::move(sent).error());
        co_await readable(loop, socket_.get());
        if (fill() == Fill::failed) co_return no(failure_);
    }
}

Task<TlsStream::TlsResult<void>> TlsStream::write(Loop& loop, ByteView octets) {
    while (!octets.empty()) {
        const auto part = octets.first(std::min(octets.size(), push_room));
        if (!push(part)) co_return no(failure_);
        octets = octets.subspan(part.size());
        auto sending = send_all(loop);
        auto sent = co_await std::move(sending);
        if (!sent) co_return no(std::move(sent).error());
    }
    co_return TlsResult<void>{};
}

// --- what went wrong ---

/// Record type, its version and length; handshake type, its length and version (RFC 5246, section 7.4.1.3).
void TlsStream::note_server_hello() {
    const auto* first = in_.data() + in_begin_;
    if (in_end_ - in_begin_ < 11 || first[0] != SSL3_RT_HANDSHAKE || first[5] != SSL3_MT_SERVER_HELLO) return;
    chosen_ = first[9] << 8 | first[10];
}

/// "it chose TLSv1, offered were TLSv1.2 to TLSv1.3"
std::string TlsStream::versions_text() const {
    const auto lowest = SSL_get_min_proto_version(ssl_.get());
    const auto highest = SSL_get_max_proto_version(ssl_.get());
    auto text = "offered were " + version_text(static_cast<int>(lowest));
    if (highest != lowest) text += " to " + version_text(static_cast<int>(highest));
    return chosen_ ? fmt::format("it chose {}, {}", version_text(*chosen_), text) : text;
}

std::optional<TlsAgreed> TlsStream::agreed() const {
    if (!peer_shown_) return std::nullopt;
    const auto* suite = SSL_get_current_cipher(ssl_.get());
    if (suite == nullptr) suite = SSL_get_pending_cipher(ssl_.get());
    return TlsAgreed{version(), suite != nullptr ? SSL_CIPHER_get_name(suite) : ""};
}

TlsFailure TlsStream::classify(int ssl_error) {
    auto failure = classify_alone(ssl_error);
    failure.agreed = agreed();
    return failure;
}

TlsFailure TlsStream::classify_alone(int ssl_error) {
    if (failure_.kind == Kind::untrusted) {
        ERR_clear_error();
        return failure_;
    }
    const auto code = ERR_peek_error();
    const int reason = ERR_GET_REASON(code);
    if (alert_) {
        ERR_clear_error();
        auto text = "alert " + alert_text(*alert_);
        if (refused_renegotiation_)
            return {
                Kind::renegotiation, {}, "it asked for a renegotiation, was refused, and sent " + text, {}};
        if (alert_ == protocol_version) text += "; " + versions_text();
        const bool no_request = alert_ == internal_error && certificate_request_is_next(ssl_.get());
        return {no_request ? Kind::authority_list : Kind::alert, alert_, std::move(text), {}};
    }
    if (ssl_error == SSL_ERROR_SYSCALL || reason == SSL_R_UNEXPECTED_EOF_WHILE_READING) {
        ERR_clear_error();
        if (failure_.kind == Kind::reset || failure_.kind == Kind::dead) return failure_;
        return {Kind::closed, {}, "the connection was closed without a word", {}};
    }
    const auto text = crypto::drain_errors();
    switch (reason) {
        case SSL_R_WRONG_VERSION_NUMBER:
        case SSL_R_HTTP_REQUEST:
        case SSL_R_RECORD_LENGTH_MISMATCH:
        case SSL_R_PACKET_LENGTH_TOO_LONG: return {Kind::not_tls, {}, text, {}};
        case SSL_R_UNSUPPORTED_PROTOCOL:
        case SSL_R_WRONG_SSL_VERSION:
        case SSL_R_NO_PROTOCOLS_AVAILABLE:
        case SSL_R_VERSION_TOO_LOW:
            return {Kind::version, {}, fmt::format("{}: {}", text, versions_text()), {}};
        case SSL_R_NO_SHARED_CIPHER:
        case SSL_R_NO_CIPHERS_AVAILABLE:
        case SSL_R_WRONG_CIPHER_RETURNED:
        case SSL_R_UNKNOWN_CIPHER_RETURNED:
        case SSL_R_DH_KEY_TOO_SMALL:
        case SSL_R_EE_KEY_TOO_SMALL:
        case SSL_R_CA_MD_TOO_WEAK:
        case SSL_R_NO_SUITABLE_SIGNATURE_ALGORITHM:
        case SSL_R_WRONG_SIGNATURE_TYPE: return {Kind::suite, {}, text, {}};
        case SSL_R_EXCESSIVE_MESSAGE_SIZE:
            return {Kind::chain_too_large,
                    {},
                    fmt::format("{}; we read up to {} octets", text, crypto::tls_chain_limit),
                    {}};
        case SSL_R_LENGTH_MISMATCH:
        case SSL_R_CA_DN_LENGTH_MISMATCH: return {Kind::authority_list, {}, text, {}};
        case SSL_R_NO_RENEGOTIATION:
        case SSL_R_UNSAFE_LEGACY_RENEGOTIATION_DISABLED: return {Kind::renegotiation, {}, text, {}};
        default: return {Kind::other, {}, text, {}};
    }
}

std::string TlsStream::version() const { return SSL_get_version(ssl_.get()); }
std::string TlsStream::suite() const { return SSL_get_cipher_name(ssl_.get()); }
bool TlsStream::is_tls13() const { return SSL_version(ssl_.get()) == TLS1_3_VERSION; }

std::optional<crypto::Certificate> TlsStream::peer() const {
    auto* leaf = SSL_get1_peer_certificate(ssl_.get());
    if (leaf == nullptr) return std::nullopt;
    return crypto::Certificate{leaf};
}

}  // namespace tserver::net
