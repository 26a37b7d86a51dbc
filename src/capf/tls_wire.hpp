// The TLS connection under a dialogue with a CAPF server.
#pragma once

#include <memory>

#include "capf/dialogue.hpp"
#include "net/tls_stream.hpp"

namespace tserver::capf {

class TlsWire final : public Wire {
public:
    TlsWire(net::Loop& loop, std::unique_ptr<net::TlsStream> stream)
        : loop_{loop}, stream_{std::move(stream)} {}
    Task<Result<std::size_t>> read(std::span<std::uint8_t> into, std::chrono::milliseconds limit) override;
    Task<Result<void>> write(ByteView octets, std::chrono::milliseconds limit) override;
    void end() { stream_->end(); }

private:
    net::Loop& loop_;
    std::unique_ptr<net::TlsStream> stream_;
};

}  // namespace tserver::capf
