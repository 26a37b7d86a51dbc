#include "sim/tftp.hpp"

#include <fmt/format.h>
#include <poll.h>

#include "base/text.hpp"
#include "sim/tftp_transfer.hpp"

namespace tserver::sim {
namespace {

/// Text up to its NUL; nothing if there is no NUL.
std::optional<std::string> field(Reader& reader, ByteView packet) {
    const auto rest = as_text(packet.subspan(reader.offset()));
    const auto end = rest.find('\0');
    if (end == std::string_view::npos) return std::nullopt;
    reader.take(end + 1);
    return std::string{rest.substr(0, end)};
}

bool is_listed_name(std::string_view name) {
    return !name.empty() && name.find_first_of("/\\") == std::string_view::npos &&
           name.find("..") == std::string_view::npos;
}

/// A socket on the request port that gets only this client's packets.
Result<Fd> shared_port(const Address& port, const Address& client) {
    Fd fd{::socket(port.family(), SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
    const int on = 1;
    ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (::bind(fd.get(), port.raw(), port.length()) != 0 ||
        ::connect(fd.get(), client.raw(), client.length()) != 0)
        return fail(Fault::PORT_IN_USE, port.str());
    return fd;
}

}  // namespace

std::variant<TftpRequest, TftpRefusal> parse_request(ByteView packet) {
    if (packet.size() > 512) return TftpRefusal{4, "request longer than 512 octets"};
    Reader reader{packet};
    const auto op = reader.u16();
    if (op == 2) return TftpRefusal{2, "read only"};
    if (op != 1) return TftpRefusal{4, "not a read request"};
    auto name = field(reader, packet);
    const auto mode = field(reader, packet);
    if (!name || !mode) return TftpRefusal{4, "request without NUL"};
    if (lower_case(*mode) != "octet") return TftpRefusal{4, "mode is octet only"};
    if (!is_listed_name(*name)) return TftpRefusal{2, "access violation"};
    TftpRequest request{std::move(*name), {}};
    while (!reader.done()) {
        auto option = field(reader, packet);
        auto value = field(reader, packet);
        if (!option || !value) return TftpRefusal{4, "option without NUL"};
        request.options.emplace_back(lower_case(*option), std::move(*value));
    }
    return request;
}

Result<void> TftpServer::start(const Address& address) {
    address_ = address;
    CHECK(listen());
    if (cluster_.faults.on("tftp-down")) close_port();
    return {};
}

Result<void> TftpServer::open_port() {
    return listener_ || cluster_.faults.on("tftp-down") ? Result<void>{} : listen();
}

Result<void> TftpServer::listen() {
    TRY(port, bind_udp(*address_));
    // Lets a transfer answer from this very port (fault tftp-from-69).
    const int on = 1;
    ::setsockopt(port.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    port_ = std::move(port);
    address_ = Address::local_of(port_.get());
    listener_ = std::make_unique<Workers>();
    listener_->start([this, fd = port_.get()](const Stop& stop) { serve(fd, stop); });
    return {};
}

void TftpServer::close_port() {
    listener_.reset();
    port_ = Fd{};
}

void TftpServer::stop() {
    close_port();
    workers_.stop();
}

void TftpServer::serve(int fd, const Stop& stop) {
    Bytes packet(2048);
    while (wait(fd, POLLIN, stop, std::nullopt) == Woken::ready) {
        sockaddr_storage storage{};
        socklen_t length = sizeof storage;
        const auto got =
            ::recvfrom(fd, packet.data(), packet.size(), 0, reinterpret_cast<sockaddr*>(&storage), &length);
        if (got < 0) continue;
        answer(fd, Address{reinterpret_cast<sockaddr*>(&storage), length},
               ByteView{packet}.first(static_cast<std::size_t>(got)));
    }
}

std::optional<Bytes> TftpServer::find(const std::string& name) {
    if (const auto size = cluster_.faults.use_number("tftp-size")) {
        Bytes content(static_cast<std::size_t>(*size));
        for (std::size_t i = 0; i < content.size(); ++i) content[i] = static_cast<std::uint8_t>(i % 251);
        return content;
    }
    return cluster_.file(name);
}

void TftpServer::answer(int fd, const Address& client, ByteView packet) {
    auto& faults = cluster_.faults;
    const auto parsed = parse_request(packet);
    // A late packet of a transfer that used this port: not a request, and no reason to answer.
    if (packet.size() >= 2 && packet[1] >= 3) return;
    ++cluster_.counters.tftp_requests;
    const auto* request = std::get_if<TftpRequest>(&parsed);
    cluster_.notes.line("tftp", fmt::format("request from={} file={} octets={}", client.str(),
                                            request != nullptr ? escape(request->file) : "-", packet.size()));
    if (faults.use("tftp-silent")) return;

    const auto own = Address::local_of(fd);
    const bool same_port = faults.use("tftp-from-69").has_value();
    const auto from = faults.use("tftp-other-address") ? own.neighbour() : own;
    auto socket = same_port ? shared_port(own, client) : bind_udp(from.with_port(0));
    if (!socket) {
        cluster_.notes.line("tftp", socket.error().text());
        return;
    }
    auto transfer = std::make_shared<TftpTransfer>(cluster_, *std::move(socket), same_port, client,
                                                   cluster_.settings.seed + transfers_++);
    if (const auto code = faults.use_number("tftp-error")) {
        transfer->send_error(static_cast<std::uint16_t>(*code), "fault tftp-error");
        return;
    }
    if (faults.use("tftp-error-no-nul")) {
        transfer->send_error(1, "File not found", false);
        return;
    }
    if (const auto* refusal = std::get_if<TftpRefusal>(&parsed)) {
        transfer->send_error(refusal->code, refusal->text);
        return;
    }
    auto content = find(request->file);
    if (!content) {
        transfer->send_error(1, "File not found");
        return;
    }
    workers_.start([transfer, request = *request, content = *std::move(content)](const Stop& stop) {
        transfer->send_file(request, content, stop);
    });
}

}  // namespace tserver::sim
