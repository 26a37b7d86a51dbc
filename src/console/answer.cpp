#include "console/answer.hpp"

#include <fmt/format.h>

#include <boost/json.hpp>

namespace tserver::console {
namespace {

constexpr std::string_view guards =
    "Cache-Control: no-store\r\n"
    "X-Content-Type-Options: nosniff\r\n"
    "X-Frame-Options: DENY\r\n"
    "Content-Security-Policy: default-src 'none'; frame-ancestors 'none'\r\n"
    "Cross-Origin-Resource-Policy: same-origin\r\n"
    "Referrer-Policy: no-referrer\r\n";

}  // namespace

std::string_view status_words(int status) noexcept {
    switch (status) {
        case 200: return "OK";
        case 400: return "Bad Request";
        case 404: return "Not Found";
        case 405: return "Method Not Allowed";
        case 408: return "Request Timeout";
        case 413: return "Content Too Large";
        case 421: return "Misdirected Request";
        case 429: return "Too Many Requests";
        case 431: return "Request Header Fields Too Large";
        case 503: return "Service Unavailable";
        case 505: return "HTTP Version Not Supported";
        default: return "Error";
    }
}

std::string rendered(const Answer& answer, After after, bool head_only) {
    auto out =
        fmt::format("HTTP/1.1 {} {}\r\nContent-Type: {}\r\nContent-Length: {}\r\nConnection: {}\r\n{}{}\r\n",
                    answer.status, status_words(answer.status), answer.type, answer.body.size(),
                    after == After::keep ? "keep-alive" : "close", guards, answer.more_headers);
    if (!head_only) out += answer.body;
    return out;
}

std::string stream_head() {
    return fmt::format("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n{}\r\n",
                       guards);
}

Answer refusal(int status, std::string_view why) {
    const boost::json::string detail{why.data(), why.size()};
    const boost::json::object error{{"status", status}, {"detail", detail}};
    const boost::json::object body{{"error", error}};
    std::string_view more;
    if (status == 405) more = "Allow: GET, HEAD\r\n";
    if (status == 429 || status == 503) more = "Retry-After: 1\r\n";
    return {status, "application/json", boost::json::serialize(body) + "\n", more};
}

std::string stream_event(std::string_view name, std::string_view id, std::string_view data) {
    return fmt::format("id: {}\nevent: {}\ndata: {}\n\n", id, name, data);
}

}  // namespace tserver::console
