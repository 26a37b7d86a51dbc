#include "net/relay.hpp"

#include <linux/sockios.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>

#include "net/tcp.hpp"

namespace tserver::net {

namespace {

/// Handshake record, version 3.x, ClientHello, client version 3.x (RFC 8446, sections 5.1 and 4.1.2).
bool is_client_hello(ByteView octets) {
    return octets.size() > 10 && octets[0] == 0x16 && octets[1] == 3 && octets[2] <= 4 && octets[5] == 1 &&
           octets[9] == 3 && octets[10] <= 4;
}

}  // namespace

Relay::Relay(Loop& loop, os::Fd application, FarSide& far, ByteView early, RelayCount& count, Limits limits)
    : loop_{loop},
      application_{std::move(application)},
      far_{far},
      count_{count},
      limits_{limits},
      up_{FarSide::push_room},
      down_{FarSide::pull_room},
      over_{loop} {
    down_end_ = std::min(early.size(), down_.size());
    std::ranges::copy(early.first(down_end_), down_.data());
}

Relay::~Relay() {
    if (application_) reset_on_close(application_.get());  // cancelled before its end
    unwatch(application_half_, application_.get());
    unwatch(far_half_, far_.descriptor());
}

void Relay::Half::ready(std::uint32_t events) {
    if (side == Side::application) {
        relay.application_ready(events);
    } else {
        relay.far_ready(events);
    }
}

// --- the way of a message ---

void Relay::application_ready(std::uint32_t events) {
    if ((events & EPOLLOUT) != 0 && deliver_down() == Delivered::all) read_far();
    constexpr std::uint32_t gone = EPOLLERR | EPOLLHUP;
    if (!end_ && !up_ended_ && !far_.unsent() && !broken_ && (events & (EPOLLIN | gone)) != 0) {
        read_application();
    } else if (!end_ && (events & gone) != 0) {
        application_gone();
    }
    if (!end_) update_interest();
}

/// With both directions closed the system reports that without end; the last octets of the application are
/// read when the far side has room for them.
void Relay::application_gone() {
    const int error = pending_error(application_.get());
    if (error == 0 && down_ended_ && !up_ended_ && far_.unsent()) {
        unwatch(application_half_, application_.get());
    } else {
        finish(RelayEnd::How::application_left, os::reason(error));
    }
}

void Relay::far_ready(std::uint32_t events) {
    constexpr std::uint32_t gone = EPOLLERR | EPOLLHUP;
    if ((events & EPOLLOUT) != 0 && !far_.flush()) far_broken();
    if (!end_ && (events & (EPOLLIN | gone)) != 0) {
        if (down_ended_) {
            if ((events & gone) != 0) far_gone(Got::failed);
        } else if (down_begin_ == down_end_) {
            read_far();
        } else if ((events & gone) != 0) {
            // What it sent before stays readable: it is read when the application has taken the rest.
            unwatch(far_half_, far_.descriptor());
        }
    }
    if (!end_) update_interest();
}

void Relay::read_application() {
    const auto got = recv(application_.get(), up_.data(), up_.size(), 0);
    if (got > 0) {
        const auto n = static_cast<std::size_t>(got);
        if (std::exchange(first_, false) && is_client_hello({up_.data(), n})) {
            return finish(RelayEnd::How::speaks_tls, "a TLS ClientHello on the plain port");
        }
        count_.to_ctimanager += n;
        if (!far_.push({up_.data(), n})) far_broken();
    } else if (got == 0) {
        up_ended_ = true;
        if (application_ended) application_ended();
        far_.end();
        side_closed();
    } else if (errno != EAGAIN && errno != EINTR) {
        finish(RelayEnd::How::application_left, os::reason(errno));
    }
}

/// Only when the application has taken all that came before. A far side that is no longer watched is read to
/// its end.
void Relay::read_far() {
    do {
        const auto [got, count] = far_.pull(down_.span());
        if (got == Got::nothing && !broken_) return;
        if (got != Got::octets) return far_gone(got);
        down_begin_ = 0;
        down_end_ = count;
        if (deliver_down() != Delivered::all) return;
    } while (far_.held_back() || !far_half_.watched);
}

Relay::Delivered Relay::deliver_down() {
    if (down_begin_ == down_end_) return Delivered::all;
    const auto sent =
        send(application_.get(), down_.data() + down_begin_, down_end_ - down_begin_, MSG_NOSIGNAL);
    if (sent < 0) {
        if (errno == EAGAIN || errno == EINTR) return Delivered::some;
        finish(RelayEnd::How::application_left, os::reason(errno));
        return Delivered::gone;
    }
    count_.to_application += static_cast<std::uint64_t>(sent);
    down_begin_ += static_cast<std::size_t>(sent);
    return down_begin_ == down_end_ ? Delivered::all : Delivered::some;
}

// --- ends ---

/// Nothing can be sent to the far side any more; what it sent before is read and delivered first.
void Relay::far_broken() {
    broken_ = far_.failure();
    unwatch(far_half_, far_.descriptor());
    if (down_ended_) {
        far_gone(Got::failed);
    } else if (down_begin_ == down_end_) {
        read_far();
    }
}

void Relay::far_gone(Got got) {
    if (got == Got::torn) ++count_.unclean_closes;
    const bool cut = broken_ || got == Got::failed;
    if (got == Got::ended && !cut && !up_ended_) {
        down_ended_ = true;
        shutdown(application_.get(), SHUT_WR);
        return side_closed();
    }
    const auto failure = broken_ ? *broken_ : far_.failure();
    if (up_ended_) {
        finish(RelayEnd::How::application_left, "closed by the application");
    } else {
        finish(cut ? RelayEnd::How::ctimanager_failed : RelayEnd::How::ctimanager_torn, failure.detail);
    }
    if (cut) end_->failure = failure;
}

void Relay::side_closed() {
    if (up_ended_ && down_ended_) return finish(RelayEnd::How::ctimanager_left, "closed by the CTIManager");
    half_open_.moved = count_.to_application + count_.to_ctimanager;
    half_open_.arm(Steady::now() + limits_.half_open);
    if (half_closed) half_closed(up_ended_ ? Side::application : Side::far);
}

void Relay::half_open_due() {
    const auto moved = count_.to_application + count_.to_ctimanager;
    if (moved == half_open_.moved) {
        return finish(RelayEnd::How::half_open, fmt::format("{} closed its side and nothing moved for {} s",
                                                            up_ended_ ? "the application" : "the CTIManager",
                                                            limits_.half_open.count()));
    }
    half_open_.moved = moved;
    half_open_.arm(Steady::now() + limits_.half_open);
}

void Relay::finish(RelayEnd::How how, std::string detail) {
    if (end_) return;
    end_ = RelayEnd{how, std::move(detail), {}};
    half_open_.disarm();
    unwatch(application_half_, application_.get());
    unwatch(far_half_, far_.descriptor());
    over_.set();
}

void Relay::stop() { finish(RelayEnd::How::stopped, "stopped"); }

// --- interest: changed only when back-pressure starts or ends ---

void Relay::update_interest() {
    const bool down_blocked = down_begin_ != down_end_;
    const bool up_blocked = far_.unsent();
    if (!application_half_.watched && !up_blocked) watch(application_half_, application_.get());
    if (application_half_.watched) {
        set_interest(application_half_, application_.get(),
                     (up_ended_ || up_blocked || broken_ ? 0U : EPOLLIN) | (down_blocked ? EPOLLOUT : 0U));
    }
    if (far_half_.watched) {
        set_interest(far_half_, far_.descriptor(),
                     (down_ended_ || down_blocked ? 0U : EPOLLIN) | (up_blocked ? EPOLLOUT : 0U));
    }
}

void Relay::set_interest(Half& half, int descriptor, std::uint32_t interest) {
    if (half.interest == interest) return;
    half.interest = interest;
    loop_.change(descriptor, half, interest);
}

void Relay::watch(Half& half, int descriptor) {
    half.watched = true;
    half.interest = EPOLLIN;
    loop_.add(descriptor, half, EPOLLIN);
}

void Relay::unwatch(Half& half, int descriptor) noexcept {
    if (!half.watched) return;
    half.watched = false;
    loop_.remove(descriptor, half);
}

// --- the whole session ---

Task<RelayEnd> Relay::run() {
    watch(application_half_, application_.get());
    watch(far_half_, far_.descriptor());
    if (deliver_down() == Delivered::all && far_.held_back()) read_far();
    if (!end_) update_interest();
    co_await over_.wait();

    using How = RelayEnd::How;
    const auto how = end_->how;
    if (how != How::ctimanager_torn && how != How::ctimanager_failed && how != How::ctimanager_left) {
        far_.end();  // close_notify goes out before FIN, as far as it can (F49)
        auto parting = bounded(drain_far(), limits_.farewell);
        co_await std::move(parting);
    }
    if (how == How::ctimanager_left) {
        // The far side ended first and reads on: the application's last octets are still its own.
        auto parting = bounded(drain_far(), limits_.half_open);
        co_await std::move(parting);
    }
    if (how == How::ctimanager_torn || end_->failure) {
        auto parting = bounded(drain_application(), limits_.half_open);
        co_await std::move(parting);
    }
    if (how == How::ctimanager_torn) {
        shutdown(application_.get(), SHUT_WR);
        auto parting = bounded(outwait_application(), limits_.farewell);
        co_await std::move(parting);
    } else if (end_->failure || (how != How::application_left && how != How::ctimanager_left)) {
        reset_on_close(application_.get());
    }
    application_.reset();
    co_return std::move(*end_);
}

Task<void> Relay::bounded(Task<std::monostate> work, std::chrono::milliseconds limit) {
    auto clock = sleep_task(loop_, Steady::now() + limit);
    auto race = first_of(std::move(work), std::move(clock));
    co_await std::move(race);
}

Task<std::monostate> Relay::drain_far() {
    while (far_.unsent() && far_.flush()) {
        if (far_.unsent()) co_await writable(loop_, far_.descriptor());
    }
    co_return std::monostate{};
}

/// Sends the rest, and waits until the application's host has taken it: a reset would throw it away.
Task<std::monostate> Relay::drain_application() {
    for (auto state = deliver_down(); state != Delivered::all; state = deliver_down()) {
        if (state == Delivered::gone) co_return std::monostate{};
        co_await writable(loop_, application_.get());
    }
    // After a reset the count stays where it was, and nobody takes the rest any more.
    const auto gone = [this] {
        pollfd application{application_.get(), 0, 0};
        return poll(&application, 1, 0) > 0;
    };
    for (int left = 1; ioctl(application_.get(), SIOCOUTQ, &left) == 0 && left > 0 && !gone();) {
        co_await sleep(loop_, std::chrono::milliseconds{5});  // no event tells of an emptied send queue
    }
    co_return std::monostate{};
}

/// Reads on until the application closes too: closing with unread octets would turn our FIN into a reset.
Task<std::monostate> Relay::outwait_application() {
    for (;;) {
        co_await readable(loop_, application_.get());
        const auto got = recv(application_.get(), up_.data(), up_.size(), 0);
        if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR)) co_return std::monostate{};
    }
}

}  // namespace tserver::net
