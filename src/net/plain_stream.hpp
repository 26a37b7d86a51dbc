// A plain TCP connection to the CTIManager, behind the same steps as the TLS one.
#pragma once

#include "net/far_side.hpp"
#include "net/pages.hpp"
#include "os/fd.hpp"

namespace tserver::net {

class PlainStream final : public FarSide {
public:
    explicit PlainStream(os::Fd socket) : socket_{std::move(socket)}, out_{push_room} {}

    Pulled pull(std::span<std::uint8_t> into) override;
    [[nodiscard]] bool held_back() const noexcept override { return false; }
    bool push(ByteView octets) override;
    bool flush() override;
    [[nodiscard]] bool unsent() const noexcept override { return begin_ != end_; }
    void end() override;
    [[nodiscard]] int descriptor() const noexcept override { return socket_.get(); }
    [[nodiscard]] const TlsFailure& failure() const noexcept override { return failure_; }
    [[nodiscard]] bool answers_in_tls() const noexcept override { return answers_in_tls_; }

private:
    os::Fd socket_;
    Pages out_;
    std::size_t begin_ = 0, end_ = 0;
    bool ending_ = false;
    bool heard_ = false;
    bool answers_in_tls_ = false;
    TlsFailure failure_{TlsFailure::Kind::other, {}, {}, {}};
};

/// The failure that an errno of a socket stands for: given up by the system, or reset by the peer.
TlsFailure socket_failure(int error);

}  // namespace tserver::net
