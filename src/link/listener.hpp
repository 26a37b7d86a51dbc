// The link's local address. One application at a time: who comes while one is there is reset.
#pragma once

#include <functional>

#include "net/tcp.hpp"

namespace tserver::link {

class Listener final : net::Watch {
public:
    struct Events {
        std::function<void()> refused;             ///< an application was reset because another one is there
        std::function<void(const Error&)> paused;  ///< one cannot be taken, nobody is for a second
    };
    /// @return PORT_IN_USE, PERMISSION, CONFIG_VALUE, NAME_RESOLUTION
    static Result<std::unique_ptr<Listener>> open(net::Loop& loop, const Endpoint& at, Events events);
    ~Listener();
    Listener(const Listener&) = delete;
    Listener& operator=(const Listener&) = delete;

    /// The next application. From then on others are reset, until hold() or the next next().
    net::Task<os::Fd> next();
    /// Nobody is accepted and nobody reset: who comes waits in the backlog.
    void hold() noexcept;

private:
    enum class Mode : std::uint8_t { holding, offering, refusing };
    struct Pause final : net::Timer {
        Pause(net::Loop& loop, Listener& owner) : Timer{loop}, listener{owner} {}
        void due() override { listener.watch(); }
        Listener& listener;
    };

    Listener(net::Loop& loop, os::Fd socket, Events events);
    void ready(std::uint32_t events) override;
    void watch();
    void unwatch() noexcept;

    net::Loop& loop_;
    os::Fd socket_;
    Events events_;
    Mode mode_ = Mode::holding;
    bool watched_ = false;
    os::Fd accepted_;
    net::Event came_;
    Pause pause_;
};

}  // namespace tserver::link
