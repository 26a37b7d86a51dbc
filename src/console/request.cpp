#include "console/request.hpp"

#include <algorithm>

#include "base/text.hpp"

namespace tserver::console {
namespace {

using Parsed = tl::expected<Request, Refusal>;

constexpr Refusal misshapen{400, "not an HTTP/1.1 request"};

tl::unexpected<Refusal> refuse(Refusal refusal) { return tl::unexpected(refusal); }

bool is_token(std::string_view text) {
    constexpr std::string_view others = "!#$%&'*+-.^_`|~";
    return !text.empty() && std::ranges::all_of(text, [&](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               others.find(c) != std::string_view::npos;
    });
}

bool is_visible(std::string_view text) {
    return std::ranges::all_of(text, [](char c) { return c > ' ' && c < '\x7f'; });
}

/// "host", "host:port", "[::1]:port" without the port; nothing for anything else.
std::optional<std::string> host_of(std::string_view value) {
    auto end = value.starts_with('[') ? value.find(']') : value.find(':');
    if (value.starts_with('[')) {
        if (end == std::string_view::npos) return std::nullopt;
        ++end;
    }
    const auto name = value.substr(0, end);
    auto rest = end < value.size() ? value.substr(end) : std::string_view{};
    if (name.empty() || !is_visible(name)) return std::nullopt;
    if (!rest.empty() && (rest[0] != ':' || (rest.size() > 1 && !decimal(rest.substr(1), 0, 65535))))
        return std::nullopt;
    return lower_case(name);
}

Parsed request_line(std::string_view line) {
    const auto first = line.find(' ');
    const auto last = line.rfind(' ');
    if (first == std::string_view::npos || first == last) return refuse(misshapen);
    const auto method = line.substr(0, first);
    const auto target = line.substr(first + 1, last - first - 1);
    const auto version = line.substr(last + 1);
    if (!is_token(method) || target.empty() || !is_visible(target)) return refuse(misshapen);
    if (version != "HTTP/1.1" && version != "HTTP/1.0") return refuse({505, "HTTP/1.1 is spoken here"});
    if (method != "GET" && method != "HEAD")
        return refuse({405, "only GET and HEAD: nothing can be changed here"});
    if (target[0] != '/') return refuse({400, "the target is not a path"});
    const auto mark = target.find('?');
    Request out;
    out.head_only = method == "HEAD";
    out.path = target.substr(0, mark);
    if (mark != std::string_view::npos) out.query = target.substr(mark + 1);
    out.keep_alive = version == "HTTP/1.1";
    return out;
}

/// @return nothing to say, or why not
std::optional<Refusal> header(Request& request, std::string_view name, std::string_view value) {
    if (name == "host") {
        if (!request.host.empty()) return Refusal{400, "more than one Host"};
        const auto host = host_of(value);
        if (!host) return Refusal{400, "Host is not one"};
        request.host = *host;
    } else if (name == "content-length") {
        if (value != "0") return Refusal{413, "a request has no body here"};
    } else if (name == "transfer-encoding" || name == "expect" || name == "upgrade") {
        return Refusal{400, "a request has no body here, and HTTP/1.1 is all that is spoken"};
    } else if (name == "connection") {
        const auto wanted = lower_case(value);
        if (wanted.find("close") != std::string::npos) request.keep_alive = false;
    } else if (name == "last-event-id") {
        request.last_event = value;
    }
    return std::nullopt;
}

}  // namespace

std::optional<std::size_t> end_of_head(std::string_view received) {
    const auto end = received.find("\r\n\r\n");
    if (end == std::string_view::npos) return std::nullopt;
    return end + 4;
}

Parsed parse_request(std::string_view head) {
    if (head.size() > longest_head) return refuse({431, "the head is longer than 8 KiB"});
    if (!head.ends_with("\r\n\r\n") || end_of_head(head) != head.size()) return refuse(misshapen);
    head.remove_suffix(2);
    auto end = head.find("\r\n");
    auto request = request_line(head.substr(0, end));
    if (!request) return request;
    for (head.remove_prefix(end + 2); !head.empty(); head.remove_prefix(end + 2)) {
        end = head.find("\r\n");
        const auto line = head.substr(0, end);
        const auto colon = line.find(':');
        if (colon == std::string_view::npos || !is_token(line.substr(0, colon))) return refuse(misshapen);
        const auto value = trim(line.substr(colon + 1));
        // Neither a lone CR or LF nor any other control character: nobody may read two lines where we read
        // one.
        if (std::ranges::any_of(value, [](unsigned char c) { return (c < ' ' && c != '\t') || c == 0x7f; }))
            return refuse(misshapen);
        if (const auto why_not = header(*request, lower_case(line.substr(0, colon)), value))
            return refuse(*why_not);
    }
    if (request->host.empty()) return refuse({400, "Host is missing"});
    return request;
}

}  // namespace tserver::console
