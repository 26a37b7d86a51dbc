#include "net/plain_stream.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "net/other_protocol.hpp"

namespace tserver::net {

TlsFailure socket_failure(int error) {
    const bool dead = error == ETIMEDOUT || error == EHOSTUNREACH || error == ENETUNREACH;
    return {dead ? Kind::dead : Kind::reset, {}, os::reason(error), {}};
}

Pulled PlainStream::pull(std::span<std::uint8_t> into) {
    const auto got = recv(socket_.get(), into.data(), into.size(), 0);
    if (got > 0) {
        const auto count = static_cast<std::size_t>(got);
        if (!std::exchange(heard_, true)) answers_in_tls_ = is_tls_alert(into.first(count));
        return {Got::octets, count};
    }
    if (got == 0) return {Got::ended, 0};
    if (errno == EAGAIN || errno == EINTR) return {Got::nothing, 0};
    failure_ = socket_failure(errno);
    return {Got::failed, 0};
}

bool PlainStream::push(ByteView octets) {
    const auto sent = send(socket_.get(), octets.data(), octets.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno != EAGAIN && errno != EINTR) {
        failure_ = socket_failure(errno);
        return false;
    }
    const auto rest = octets.subspan(static_cast<std::size_t>(std::max<ssize_t>(sent, 0)));
    std::ranges::copy(rest, out_.data());
    begin_ = 0;
    end_ = rest.size();
    return true;
}

bool PlainStream::flush() {
    if (unsent()) {
        const auto sent = send(socket_.get(), out_.data() + begin_, end_ - begin_, MSG_NOSIGNAL);
        if (sent < 0) {
            if (errno == EAGAIN || errno == EINTR) return true;
            failure_ = socket_failure(errno);
            return false;
        }
        begin_ += static_cast<std::size_t>(sent);
    }
    if (ending_ && !unsent()) shutdown(socket_.get(), SHUT_WR);
    return true;
}

void PlainStream::end() {
    ending_ = true;
    flush();
}

}  // namespace tserver::net
