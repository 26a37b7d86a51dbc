#include "control/socket.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>

#include "base/secret.hpp"
#include "control/status.hpp"
#include "net/octets.hpp"
#include "os/refusal.hpp"

namespace tserver::control {

namespace json = boost::json;

namespace {

constexpr std::size_t socket_chunk = std::size_t{16} * 1024;

Result<sockaddr_un> address_of(const std::string& path) {
    sockaddr_un out{};
    out.sun_family = AF_UNIX;
    if (path.empty() || path.size() >= sizeof out.sun_path) {
        return fail(Fault::CONFIG_VALUE,
                    fmt::format("control socket: a path has 1 to {} octets, \"{}\" has {}",
                                sizeof out.sun_path - 1, path, path.size()));
    }
    std::memcpy(out.sun_path, path.data(), path.size());
    return out;
}

const sockaddr* raw(const sockaddr_un& address) { return reinterpret_cast<const sockaddr*>(&address); }

os::Fd unix_socket() { return os::Fd{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)}; }

tl::unexpected<Error> taken(const std::string& path) {
    return fail(Fault::CONTROL_IN_USE, path + ": another tserver serves this control socket");
}

/// The lock file itself may be removed by its last owner, so what we locked must still be what has the name.
Result<os::Lock> lock_beside(const std::string& path) {
    const auto name = path + ".lock";
    for (;;) {
        os::Fd file{::open(name.c_str(), O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600)};
        if (!file) return os::refused_path(name, errno, Fault::PERMISSION);
        struct stat ours {};
        struct stat named {};
        ::fstat(file.get(), &ours);
        TRY(lock, os::Lock::take(std::move(file), name));
        if (!lock) return taken(path);
        if (::stat(name.c_str(), &named) == 0 && named.st_ino == ours.st_ino && named.st_dev == ours.st_dev)
            return *std::move(lock);
    }
}

/// Removes a socket nobody answers on; anything else at the path stays.
Result<void> clear_stale(const std::string& path, const sockaddr_un& address) {
    struct stat seen {};
    if (::lstat(path.c_str(), &seen) != 0) return {};
    if (!S_ISSOCK(seen.st_mode)) return fail(Fault::CONTROL_IN_USE, path + " exists and is no socket");
    const auto probe = unix_socket();
    if (::connect(probe.get(), raw(address), sizeof address) == 0 || errno != ECONNREFUSED)
        return taken(path);
    if (::unlink(path.c_str()) != 0) return os::failed(path, errno, Fault::PERMISSION);
    return {};
}

struct Line {
    std::optional<std::string> text;  ///< nothing: the peer has closed
};

/// The next line, without its end. `kept` holds what came behind it.
net::Task<Result<Line>> read_line(net::Loop& loop, int socket, std::string& kept, std::size_t most) {
    std::size_t searched = 0;
    std::array<char, socket_chunk> part;  // NOLINT(cppcoreguidelines-pro-type-member-init)
    for (;;) {
        if (const auto end = kept.find('\n', searched); end != std::string::npos && end <= most) {
            Line line{kept.substr(0, end)};
            auto rest = kept.substr(end + 1);
            wipe(kept);
            kept = std::move(rest);
            co_return line;
        }
        searched = kept.size();
        if (kept.size() > most)
            co_return fail(Fault::CONTROL_PROTOCOL, fmt::format("a line is longer than {} octets", most));
        const auto got = ::recv(socket, part.data(), part.size(), 0);
        if (got == 0 || (got < 0 && errno == ECONNRESET)) co_return Line{};
        if (got > 0) {
            kept.append(part.data(), static_cast<std::size_t>(got));
        } else if (errno == EAGAIN) {
            co_await net::readable(loop, socket);
        } else if (errno != EINTR) {
            co_return os::failed("control socket", errno, Fault::DAEMON_UNREACHABLE);
        }
    }
}

/// Ends when the client has closed its socket; one that only ended its side waits for its answer.
net::Task<std::monostate> hung_up(net::Loop& loop, int socket) {
    co_await net::ready_for(loop, socket, 0);  // EPOLLHUP and EPOLLERR come unasked
    co_return std::monostate{};
}

Result<json::object> object_in(std::string_view line) {
    json::error_code error;
    auto value = json::parse(json::string_view{line.data(), line.size()}, error);
    if (error) return fail(Fault::CONTROL_PROTOCOL, "not JSON: " + error.message());
    if (!value.is_object()) return fail(Fault::CONTROL_PROTOCOL, "not a JSON object");
    return std::move(value.get_object());
}

/// The client must be us or root.
Result<void> check_peer(int client) {
    ucred peer{};
    socklen_t length = sizeof peer;
    if (::getsockopt(client, SOL_SOCKET, SO_PEERCRED, &peer, &length) != 0)
        return os::failed("SO_PEERCRED", errno, Fault::PERMISSION);
    if (peer.uid == 0 || peer.uid == ::geteuid()) return {};
    return fail(Fault::PERMISSION,
                fmt::format("uid {} may not control a tserver of uid {}", peer.uid, ::geteuid()));
}

}  // namespace

json::object good_answer() { return {{"ok", true}}; }
json::object bad_answer(const Error& error) { return {{"ok", false}, {"error", to_json(error)}}; }

SocketFile::SocketFile(std::string path, os::Lock lock, os::Fd socket, dev_t device, ino_t inode)
    : path_{std::move(path)},
      lock_{std::move(lock)},
      socket_{std::move(socket)},
      device_{device},
      inode_{inode} {}

Result<SocketFile> SocketFile::open(const std::string& path) {
    TRY(address, address_of(path));
    std::error_code ignored;  // what cannot be made shows in the next step, with its reason
    std::filesystem::create_directory(std::filesystem::path{path}.parent_path(), ignored);
    TRY(lock, lock_beside(path));
    CHECK(clear_stale(path, address));
    auto socket = unix_socket();
    if (!socket) return os::failed("socket", errno);
    // The mode of the socket becomes the mode of its file (unix(7)): there is no moment with a wider one.
    if (::fchmod(socket.get(), 0600) != 0 || ::bind(socket.get(), raw(address), sizeof address) != 0)
        return os::refused_path(path, errno, Fault::CONTROL_IN_USE);
    struct stat made {};
    if (::lstat(path.c_str(), &made) != 0) return os::failed(path, errno, Fault::CONTROL_IN_USE);
    SocketFile out{path, std::move(lock), std::move(socket), made.st_dev, made.st_ino};
    if (::listen(out.descriptor(), 64) != 0) return os::failed(path, errno, Fault::CONTROL_IN_USE);
    return out;
}

SocketFile::~SocketFile() {
    if (!socket_) return;  // moved from
    struct stat named {};
    if (::lstat(path_.c_str(), &named) == 0 && named.st_dev == device_ && named.st_ino == inode_) {
        ::unlink(path_.c_str());
        ::unlink((path_ + ".lock").c_str());
    }
}

Server::Server(net::Loop& loop, SocketFile socket, Responder& responder, Limits limits)
    : loop_{loop}, socket_{std::move(socket)}, responder_{responder}, limits_{limits}, accepting_{accept()} {}

net::Task<void> Server::accept() {
    for (;;) {
        co_await net::readable(loop_, socket_.descriptor());
        std::erase_if(clients_, [](const auto& client) { return !client->running(); });
        os::Fd client{::accept4(socket_.descriptor(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK)};
        if (!client) {
            if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED)
                co_await net::sleep(loop_, std::chrono::seconds{1});
            continue;
        }
        auto admitted = check_peer(client.get());
        if (admitted && clients_.size() >= most_clients) {
            admitted = fail(Fault::OUT_OF_RESOURCES,
                            fmt::format("{} clients are connected to the control socket", most_clients));
        }
        if (admitted) {
            clients_.push_back(std::make_unique<net::Job>(serve(std::move(client))));
        } else {
            const auto refusal = json::serialize(bad_answer(admitted.error())) + '\n';
            ::send(client.get(), refusal.data(), refusal.size(), MSG_NOSIGNAL);
        }
    }
}

net::Task<void> Server::serve(os::Fd accepted) {
    const auto client =
        std::move(accepted);  // closed at the end of the body; a parameter lives as long as the frame
    std::string received;
    for (bool more = true; more;) {
        auto line = co_await net::within(loop_, limits_.idle,
                                         read_line(loop_, client.get(), received, longest_request));
        json::object reply;
        if (!line) {
            if (line.error().fault != Fault::CONTROL_PROTOCOL) co_return;
            reply = bad_answer(line.error());
            more = false;
        } else if (!line->text) {
            co_return;
        } else if (auto request = object_in(*line->text)) {
            wipe(*line->text);
            auto race = net::first_of(responder_.answer(*std::move(request)), hung_up(loop_, client.get()));
            auto answered = co_await std::move(race);
            if (answered.index() == 1) co_return;
            reply = std::get<0>(std::move(answered));
        } else {
            reply = bad_answer(request.error());
        }
        const auto text = json::serialize(reply) + '\n';
        const auto sent = co_await net::within(
            loop_, limits_.write, net::send_all(loop_, client.get(), text, Fault::DAEMON_UNREACHABLE));
        more = more && sent;
    }
}

namespace {

/// The connection stands in the socket's queue, whether or not somebody serves it.
template <class T>
Result<T> late_is_unreachable(Result<T> result) {
    if (result || result.error().fault != Fault::TIMED_OUT) return result;
    return fail(Fault::DAEMON_UNREACHABLE,
                "it takes the connection and does not answer: " + result.error().detail);
}

}  // namespace

Result<Client> Client::connect(net::Loop& loop, const std::string& path) {
    TRY(address, address_of(path));
    auto socket = unix_socket();
    if (!socket) return os::failed("socket", errno);
    if (::connect(socket.get(), raw(address), sizeof address) != 0)
        return os::failed(path, errno == EAGAIN ? ECONNREFUSED : errno, Fault::DAEMON_UNREACHABLE);
    return Client{loop, std::move(socket)};
}

net::Task<Result<json::object>> Client::exchange(json::object request, std::chrono::milliseconds limit) {
    const auto until = Steady::now() + limit;
    auto text = json::serialize(request) + '\n';
    auto sent = co_await net::within(*loop_, limit,
                                     net::send_all(*loop_, socket_.get(), text, Fault::DAEMON_UNREACHABLE));
    wipe(text);
    CO_CHECK("ask tserver", late_is_unreachable(std::move(sent)));
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - Steady::now());
    auto line =
        co_await net::within(*loop_, left, read_line(*loop_, socket_.get(), received_, longest_answer));
    CO_TRY(answer, "ask tserver", late_is_unreachable(std::move(line)));
    if (!answer.text) co_return fail(Fault::DAEMON_UNREACHABLE, "tserver closed the control connection");
    co_return object_in(*answer.text);
}

net::Task<Result<json::object>> Client::ask(json::object request, std::chrono::milliseconds limit) {
    auto told = co_await exchange(std::move(request), limit);
    if (!told) co_return told;
    auto& answer = *told;
    const auto* ok = answer.if_contains("ok");
    if (ok != nullptr && ok->is_bool() && ok->get_bool()) co_return std::move(answer);
    const auto* error = answer.if_contains("error");
    if (error == nullptr) co_return fail(Fault::CONTROL_PROTOCOL, "an answer without ok and error");
    auto known = error_from_json(*error);
    co_return tl::unexpected<Error>(known ? *std::move(known) : std::move(known).error());
}

}  // namespace tserver::control
