// A TLS connection on a non-blocking descriptor: OpenSSL encrypts and decrypts in buffers of ours, we move
// octets with one recv or send each. Two ways to use it: as a coroutine (handshake, CAPF) and step by step
// (the relay).
#pragma once

#include <functional>
#include <memory>

#include "crypto/tls_context.hpp"
#include "net/far_side.hpp"
#include "net/pages.hpp"
#include "net/tcp.hpp"
#include "net/tls_failure.hpp"

struct ssl_st;
struct bio_st;
struct x509_store_ctx_st;

namespace tserver::net {

/// Says whether the certificate that the server shows is one we know. Called once, during the handshake.
using PeerCheck = std::function<Result<void>(const crypto::Certificate& leaf)>;

class TlsStream final : public FarSide {
public:
    template <class T>
    using TlsResult = tl::expected<T, TlsFailure>;

    /// A client handshake within `limit`. No SNI, no ALPN, as Cisco's own client (doc/protocols/session.md).
    static Task<TlsResult<std::unique_ptr<TlsStream>>> connect(Loop& loop, os::Fd socket,
                                                               const crypto::TlsContext& context,
                                                               PeerCheck check,
                                                               std::chrono::milliseconds limit);
    /// close_notify goes out if the handshake was finished and the socket takes it at once.
    ~TlsStream() override;
    TlsStream(const TlsStream&) = delete;
    TlsStream& operator=(const TlsStream&) = delete;

    // --- as a coroutine ---
    /// At least one octet, or 0 when the peer has ended its side with close_notify.
    Task<TlsResult<std::size_t>> read(Loop& loop, std::span<std::uint8_t> into);
    /// All of it, in as few records as it fits.
    Task<TlsResult<void>> write(Loop& loop, ByteView octets);

    // --- step by step ---
    Pulled pull(std::span<std::uint8_t> into) override;
    [[nodiscard]] bool held_back() const noexcept override {
        return more_ || later_ || in_begin_ != in_end_;  // a handshake may leave the next record behind
    }
    bool push(ByteView octets) override;
    bool flush() override;
    [[nodiscard]] bool unsent() const noexcept override { return out_begin_ != out_end_; }
    void end() override;
    [[nodiscard]] int descriptor() const noexcept override { return socket_.get(); }
    [[nodiscard]] const TlsFailure& failure() const noexcept override { return failure_; }

    [[nodiscard]] std::string version() const;
    [[nodiscard]] std::string suite() const;
    [[nodiscard]] bool is_tls13() const;
    /// A whole record came after the handshake. With TLS 1.3 only this, or some quiet time, shows that the
    /// server has accepted our certificate (RFC 8446, section 4.4.2: it may still send an alert after our
    /// Finished).
    [[nodiscard]] bool heard() const noexcept { return heard_; }
    [[nodiscard]] std::optional<crypto::Certificate> peer() const;

private:
    TlsStream(os::Fd socket, const crypto::TlsContext& context, PeerCheck check);

    Task<TlsResult<void>> handshake(Loop& loop);
    Task<TlsResult<void>> send_all(Loop& loop);
    enum class Fill : std::uint8_t { some, none, end, failed };
    Fill fill();
    std::size_t decrypt(std::span<std::uint8_t> into);
    TlsFailure classify(int ssl_error);
    TlsFailure classify_alone(int ssl_error);
    [[nodiscard]] std::optional<TlsAgreed> agreed() const;
    void note_server_hello();
    [[nodiscard]] std::string versions_text() const;

    static int bio_read(bio_st* bio, char* into, int count);
    static int bio_write(bio_st* bio, const char* from, int count);
    static long bio_control(bio_st* bio, int command, long number, void* pointer);
    static int check_peer(x509_store_ctx_st* context, void* stream);
    static void on_info(const ssl_st* ssl, int where, int value);

    struct SslFree {
        void operator()(ssl_st* ssl) const noexcept;
    };

    os::Fd socket_;
    PeerCheck check_;
    Pages in_;  ///< an idle link has touched a page of each
    Pages out_;
    std::size_t in_begin_ = 0, in_end_ = 0;    ///< received, not yet decrypted
    std::size_t out_begin_ = 0, out_end_ = 0;  ///< encrypted, not yet sent
    bool heard_ = false;                       ///< a record was read after the handshake
    bool peer_shown_ = false;                  ///< the server has shown its certificate
    bool at_end_ = false;                      ///< recv has returned 0
    bool ending_ = false;                      ///< end() was called: FIN follows the last octet
    bool more_ = false;                        ///< the last pull() ended for want of room, not of records
    std::optional<Got> later_;  ///< an end that was seen behind octets, and every end from then on
    TlsFailure failure_{Kind::other, {}, {}, {}};
    std::optional<int> alert_;
    std::optional<int> chosen_;  ///< version of the ServerHello, as far as the first octets show it
    bool refused_renegotiation_ = false;
    std::unique_ptr<ssl_st, SslFree> ssl_;
};

}  // namespace tserver::net
