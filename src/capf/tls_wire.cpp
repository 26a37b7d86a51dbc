#include "capf/tls_wire.hpp"

#include "net/wait.hpp"

namespace tserver::capf {
namespace {

/// An end without close_notify is an end like any other here (section 1).
Task<Result<std::size_t>> read_some(net::Loop& loop, net::TlsStream& stream, std::span<std::uint8_t> into) {
    auto reading = stream.read(loop, into);
    auto got = co_await std::move(reading);
    if (got) co_return *got;
    if (got.error().kind == net::Kind::closed) co_return std::size_t{0};
    co_return tl::unexpected<Error>(net::as_capf_error(got.error()));
}

Task<Result<void>> write_all(net::Loop& loop, net::TlsStream& stream, ByteView octets) {
    auto writing = stream.write(loop, octets);
    auto done = co_await std::move(writing);
    if (done) co_return Result<void>{};
    co_return tl::unexpected<Error>(net::as_capf_error(done.error()));
}

template <class T>
Result<T> late_is_stalled(Result<T> result, std::string_view what) {
    if (result || result.error().fault != Fault::TIMED_OUT) return result;
    return fail(Fault::CAPF_STALLED, fmt::format("{}: {}", what, result.error().detail));
}

}  // namespace

Task<Result<std::size_t>> TlsWire::read(std::span<std::uint8_t> into, std::chrono::milliseconds limit) {
    auto reading = net::within(loop_, limit, read_some(loop_, *stream_, into));
    auto got = co_await std::move(reading);
    co_return late_is_stalled(std::move(got), "nothing came");
}

Task<Result<void>> TlsWire::write(ByteView octets, std::chrono::milliseconds limit) {
    auto writing = net::within(loop_, limit, write_all(loop_, *stream_, octets));
    auto done = co_await std::move(writing);
    co_return late_is_stalled(std::move(done), "the server takes nothing");
}

}  // namespace tserver::capf
