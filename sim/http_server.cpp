#include "sim/http_server.hpp"

#include <fmt/format.h>

#include "base/text.hpp"

namespace tserver::sim {
namespace {

constexpr std::chrono::seconds http_patience{30};
constexpr std::size_t longest_request = 8192;

/// Everything up to the blank line; nothing if it does not come.
std::optional<std::string> read_head(Stream& stream, const Stop& stop) {
    std::string head;
    std::array<std::uint8_t, 1024> octets{};
    while (head.find("\r\n\r\n") == std::string::npos) {
        const auto got = read_some(stream, octets, stop, Steady::now() + http_patience);
        if (!got || *got == 0 || head.size() > longest_request) return std::nullopt;
        head += as_text(ByteView{octets}.first(*got));
    }
    return head;
}

std::string head_of(std::string_view status, std::size_t length, std::string_view more = "") {
    return fmt::format(
        "HTTP/1.1 {}\r\nContent-Type: application/octet-stream\r\nContent-Length: {}\r\n{}Connection: "
        "close\r\n\r\n",
        status, length, more);
}

}  // namespace

Result<void> HttpServer::start(const Address& address) {
    TRY(port, listen_tcp(address));
    port_ = std::move(port);
    address_ = Address::local_of(port_.get());
    listener_ = std::make_unique<Workers>();
    listener_->start([this, fd = port_.get()](const Stop& stop) {
        accept_each(fd, stop, [this](Fd client, const Address&) {
            auto stream = std::make_shared<Stream>(std::move(client));
            workers_.start([this, stream](const Stop& ending) { serve(std::move(*stream), ending); });
        });
    });
    return {};
}

void HttpServer::stop() {
    listener_.reset();
    port_ = Fd{};
    workers_.stop();
}

void HttpServer::serve(Stream stream, const Stop& stop) {
    auto& faults = cluster_.faults;
    const auto head = read_head(stream, stop);
    if (!head) return;
    ++cluster_.counters.http_requests;
    const auto line = std::string_view{*head}.substr(0, head->find("\r\n"));
    cluster_.notes.line("http", escape(line));
    if (faults.use("http-hang")) {
        [[maybe_unused]] const bool whole = pause(std::chrono::hours{1}, stop);
        return;
    }
    const auto words = split(line, ' ');
    std::string answer;
    Bytes content;
    if (words.size() != 3 || words[0] != "GET" || !words[1].starts_with('/')) {
        answer = head_of("400 Bad Request", 0);
    } else if (faults.use("http-busy")) {
        answer = head_of("503 Service Unavailable", 0, "Retry-After: 1\r\n");
    } else if (faults.use("http-redirect")) {
        answer = head_of("302 Found", 0, "Location: http://192.0.2.1:6970/CTLFile.tlv\r\n");
    } else if (auto file = cluster_.file(std::string{words[1].substr(1)})) {
        content = *std::move(file);
        answer = head_of("200 OK", content.size());
        if (faults.use("http-short")) content.resize(content.size() / 2);
    } else {
        answer = head_of("404 Not Found", 0);
    }
    const auto deadline = Steady::now() + http_patience;
    if (write_all(stream, as_bytes(answer), stop, deadline) && write_all(stream, content, stop, deadline))
        stream.finish_writing();
}

}  // namespace tserver::sim
