// The control socket: a Unix socket that speaks lines of JSON. One line asks, one line answers, any number of
// times:
//
//   {"command":"status"}                          {"ok":true,"status":{…}}
//   {"command":"link","link":"a","do":"stop"}     {"ok":false,"error":{"fault":…,"detail":…,"action":…}}
//
// Who may connect: the user tserver runs as, and root (mode 0600, and the kernel is asked who it is).
#pragma once

#include <sys/types.h>
#include <boost/json.hpp>
#include <memory>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "net/wait.hpp"
#include "os/fd.hpp"
#include "os/lock.hpp"

namespace tserver::control {

/// Every answer begins so.
boost::json::object good_answer();
boost::json::object bad_answer(const Error& error);

/// What the server asks for answers. Calls of several clients may be under way at once.
class Responder {
public:
    /// @param request  a secret in it is overwritten by whoever takes it out
    virtual net::Task<boost::json::object> answer(boost::json::object request) = 0;

protected:
    ~Responder() = default;
};

/// A listening Unix socket at a path. Its file is removed at the end if it is still ours (same device and
/// inode). A lock beside it ("<path>.lock") tells a living owner from a file that a killed one left behind.
class SocketFile {
public:
    /// Makes the last directory of the path if it is missing.
    /// @return CONTROL_IN_USE (another tserver serves there, or the path is no socket), PERMISSION,
    /// CONFIG_VALUE (path too long)
    static Result<SocketFile> open(const std::string& path);
    SocketFile(SocketFile&&) = default;
    SocketFile& operator=(SocketFile&&) = delete;
    ~SocketFile();

    [[nodiscard]] int descriptor() const noexcept { return socket_.get(); }
    [[nodiscard]] const std::string& path() const noexcept { return path_; }

private:
    SocketFile(std::string path, os::Lock lock, os::Fd socket, dev_t device, ino_t inode);

    std::string path_;
    os::Lock lock_;
    os::Fd socket_;
    dev_t device_;
    ino_t inode_;
};

class Server {
public:
    static constexpr std::size_t most_clients = 32;
    static constexpr std::size_t longest_request = std::size_t{64} * 1024;

    struct Limits {
        std::chrono::milliseconds idle{60'000};   ///< between a client's requests
        std::chrono::milliseconds write{10'000};  ///< for a client to take its answer
    };

    Server(net::Loop& loop, SocketFile socket, Responder& responder)
        : Server{loop, std::move(socket), responder, Limits{}} {}
    Server(net::Loop& loop, SocketFile socket, Responder& responder, Limits limits);

    [[nodiscard]] const std::string& path() const noexcept { return socket_.path(); }

private:
    net::Task<void> accept();
    net::Task<void> serve(os::Fd accepted);

    net::Loop& loop_;
    SocketFile socket_;
    Responder& responder_;
    Limits limits_;
    std::vector<std::unique_ptr<net::Job>> clients_;
    net::Job accepting_;
};

/// The other side. Each wait ends at its deadline.
class Client {
public:
    static constexpr std::size_t longest_answer = std::size_t{16} << 20U;

    /// @return DAEMON_UNREACHABLE, PERMISSION
    static Result<Client> connect(net::Loop& loop, const std::string& path);

    /// One request, its answer if that is good.
    /// @return the error inside a bad answer; DAEMON_UNREACHABLE (gone, or silent), CONTROL_PROTOCOL
    net::Task<Result<boost::json::object>> ask(boost::json::object request, std::chrono::milliseconds limit);
    /// The same, with the bad answer as it came.
    net::Task<Result<boost::json::object>> exchange(boost::json::object request,
                                                    std::chrono::milliseconds limit);

private:
    Client(net::Loop& loop, os::Fd socket) : loop_{&loop}, socket_{std::move(socket)} {}

    net::Loop* loop_;
    os::Fd socket_;
    std::string received_;
};

}  // namespace tserver::control
