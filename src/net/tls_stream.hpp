// A TLS connection on a non-blocking descriptor: OpenSSL encrypts and decrypts in buffers of ours, we move
// octets with one recv or send each. Two ways to use it: as a coroutine (handshake, CAPF) and step by step
// (the relay).
#pragma once

#include <array>
#include <functional>
#include <memory>

#include "crypto/tls_context.hpp"
#include "net/tcp.hpp"
#include "net/tls_failure.hpp"

struct ssl_st;
struct bio_st;
struct x509_store_ctx_st;

namespace tserver::net {

/// Says whether the certificate that the server shows is one we know. Called once, during the handshake.
using PeerCheck = std::function<Result<void>(const crypto::Certificate& leaf)>;

class TlsStream {
public:
    template <class T>
    using TlsResult = tl::expected<T, TlsFailure>;

    /// A client handshake within `limit`. No SNI, no ALPN, as Cisco's own client (doc/protocols/session.md).
    static Task<TlsResult<std::unique_ptr<TlsStream>>> connect(Loop& loop, os::Fd socket,
                                                               const crypto::TlsContext& context,
                                                               PeerCheck check,
                                                               std::chrono::milliseconds limit);
    ~TlsStream();
    TlsStream(const TlsStream&) = delete;
    TlsStream& operator=(const TlsStream&) = delete;

    // --- as a coroutine ---
    /// At least one octet, or 0 when the peer has ended its side with close_notify.
    Task<TlsResult<std::size_t>> read(Loop& loop, std::span<std::uint8_t> into);
    /// All of it, in as few records as it fits.
    Task<TlsResult<void>> write(Loop& loop, ByteView octets);

    // --- step by step; none of these waits ---
    enum class Got : std::uint8_t {
        octets,   ///< some plain text was written
        nothing,  ///< no complete record yet
        ended,    ///< close_notify: the peer will send no more
        torn,     ///< the connection ended without close_notify
        failed,   ///< alert, reset, or a record that cannot be read; failure() says what
    };
    struct Pulled {
        Got got;
        std::size_t count;
    };
    /// One recv, then every complete record decrypted into `into`, which has room for `pull_room` octets.
    /// With octets and an end in the same go, the octets come first and the end with the next call.
    Pulled pull(std::span<std::uint8_t> into);
    static constexpr std::size_t pull_room = 64 * 1024;

    /// Encrypts all of `octets` (at most `push_room`), then one send. Only when nothing is unsent.
    /// @return false when the connection has failed
    bool push(ByteView octets);
    static constexpr std::size_t push_room = 64 * 1024;

    /// One send of what is left.  @return false when the connection has failed
    bool flush();
    [[nodiscard]] bool unsent() const noexcept { return out_begin_ != out_end_; }
    /// True when a decrypted or undecrypted remainder waits that no descriptor will announce.
    [[nodiscard]] bool held_back() const noexcept;

    /// close_notify, sent as far as the socket takes it at once.
    void end();

    [[nodiscard]] int descriptor() const noexcept { return socket_.get(); }
    [[nodiscard]] const TlsFailure& failure() const noexcept { return failure_; }
    [[nodiscard]] std::string version() const;
    [[nodiscard]] std::string suite() const;
    [[nodiscard]] bool is_tls13() const;
    [[nodiscard]] std::optional<crypto::Certificate> peer() const;

private:
    TlsStream(os::Fd socket, const crypto::TlsContext& context, PeerCheck check);

    Task<TlsResult<void>> handshake(Loop& loop);
    Task<TlsResult<void>> send_all(Loop& loop);
    enum class Fill : std::uint8_t { some, none, end, failed };
    Fill fill();
    TlsFailure classify(int ssl_error);
    void note_error(int error);

    static int bio_read(bio_st* bio, char* into, int count);
    static int bio_write(bio_st* bio, const char* from, int count);
    static long bio_control(bio_st* bio, int command, long number, void* pointer);
    static int check_peer(x509_store_ctx_st* context, void* stream);
    static void on_info(const ssl_st* ssl, int where, int value);

    struct SslFree {
        void operator()(ssl_st* ssl) const noexcept;
    };
    struct Buffers;

    os::Fd socket_;
    PeerCheck check_;
    std::unique_ptr<Buffers> buffers_;
    std::size_t in_begin_ = 0, in_end_ = 0;    ///< received, not yet decrypted
    std::size_t out_begin_ = 0, out_end_ = 0;  ///< encrypted, not yet sent
    bool at_end_ = false;                      ///< recv has returned 0
    bool ended_ = false;                       ///< close_notify was seen
    TlsFailure failure_{Kind::other, {}, {}, {}};
    std::optional<int> alert_;
    std::unique_ptr<ssl_st, SslFree> ssl_;
};

}  // namespace tserver::net
