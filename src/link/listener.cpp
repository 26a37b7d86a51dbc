#include "link/listener.hpp"

namespace tserver::link {

Result<std::unique_ptr<Listener>> Listener::open(net::Loop& loop, const Endpoint& at, Events events) {
    TRY(address, net::Address::literal(at));
    TRY(socket, net::listen(address));
    return std::unique_ptr<Listener>{new Listener{loop, std::move(socket), std::move(events)}};
}

Listener::Listener(net::Loop& loop, os::Fd socket, Events events)
    : loop_{loop}, socket_{std::move(socket)}, events_{std::move(events)}, came_{loop}, pause_{loop, *this} {}

Listener::~Listener() { unwatch(); }

net::Task<os::Fd> Listener::next() {
    struct HoldUnlessTaken {
        Listener& listener;
        bool taken = false;
        ~HoldUnlessTaken() {
            if (!taken) listener.hold();
        }
    } guard{*this};
    came_.clear();
    mode_ = Mode::offering;
    watch();
    co_await came_.wait();
    guard.taken = true;
    co_return std::move(accepted_);
}

void Listener::hold() noexcept {
    mode_ = Mode::holding;
    accepted_.reset();
    unwatch();
}

void Listener::ready(std::uint32_t) {
    auto socket = net::accept_now(socket_.get());
    if (!socket) {
        if (socket.error().fault != Fault::OUT_OF_RESOURCES) return;
        // Out of descriptors: accepting again at once would spin (F65).
        unwatch();
        pause_.arm(Steady::now() + std::chrono::seconds{1});
        events_.paused(socket.error());
        return;
    }
    if (mode_ == Mode::offering) {
        accepted_ = *std::move(socket);
        mode_ = Mode::refusing;
        came_.set();
        return;
    }
    net::reset_on_close(socket->get());
    events_.refused();
}

void Listener::watch() {
    if (watched_ || mode_ == Mode::holding) return;
    loop_.add(socket_.get(), *this, EPOLLIN);
    watched_ = true;
}

void Listener::unwatch() noexcept {
    pause_.disarm();
    if (!watched_) return;
    loop_.remove(socket_.get(), *this);
    watched_ = false;
}

}  // namespace tserver::link
