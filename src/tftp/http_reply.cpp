#include "tftp/http_reply.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "base/text.hpp"

namespace tserver::tftp {
namespace {

constexpr std::size_t largest_head = 16U << 10U;

tl::unexpected<Error> bad_reply(std::string detail) { return fail(Fault::TFTP_PROTOCOL, std::move(detail)); }

/// Takes the next line off the front, without its line end.
std::string_view next_line(std::string_view& text) {
    const auto end = text.find('\n');
    auto line = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    if (line.ends_with('\r')) line.remove_suffix(1);
    return line;
}

}  // namespace

Result<void> HttpReply::feed(ByteView octets) {
    if (complete_) return {};
    if (in_body_) return feed_body(octets);
    const auto room = std::min(octets.size(), largest_head - head_.size());
    head_ += as_text(octets.first(room));
    auto end = head_.find("\r\n\r\n");
    if (end == std::string::npos) {
        if (head_.size() == largest_head)
            return bad_reply(fmt::format("HTTP headers above {} octets", largest_head));
        // Something else than HTTP is known by its first octets; it may never send an empty line.
        const auto seen = std::string_view{head_}.substr(0, 5);
        if (!std::string_view{"HTTP/"}.starts_with(seen)) {
            return bad_reply(fmt::format("not HTTP: \"{}\"", escape(head_, 40)));
        }
        return {};
    }
    end += 4;
    const auto behind = octets.subspan(room - (head_.size() - end));
    head_.resize(end);
    in_body_ = true;
    CHECK(read_head(head_));
    complete_ = status_ != 200 || length_ == std::size_t{0};
    return complete_ ? Result<void>{} : feed_body(behind);
}

Result<void> HttpReply::read_head(std::string_view head) {
    CHECK(read_status(next_line(head)));
    while (!head.empty()) CHECK(read_header(next_line(head)));
    return {};
}

Result<void> HttpReply::read_status(std::string_view line) {
    // HTTP/1.1 200 OK
    constexpr std::size_t status_at = 9;
    const auto status =
        line.size() >= status_at + 3 ? decimal(line.substr(status_at, 3), 100, 999) : std::nullopt;
    if (!line.starts_with("HTTP/1.") || line[status_at - 1] != ' ' || !status) {
        return bad_reply(fmt::format("not an HTTP/1 status line: \"{}\"", escape(line, 80)));
    }
    status_ = static_cast<int>(*status);
    words_ = escape(trim(line.substr(status_at + 3)), 80);
    return {};
}

Result<void> HttpReply::read_header(std::string_view line) {
    if (line.empty()) return {};
    const auto colon = line.find(':');
    if (colon == std::string_view::npos)
        return bad_reply(fmt::format("HTTP header \"{}\"", escape(line, 80)));
    const auto name = lower_case(line.substr(0, colon));
    const auto value = trim(line.substr(colon + 1));
    if (name == "transfer-encoding" || name == "content-encoding") {
        if (lower_case(value) == "identity") return {};
        return bad_reply(fmt::format("a body in the encoding \"{}\"", escape(value, 40)));
    }
    if (name != "content-length") return {};
    const auto length = decimal(value, 0, std::numeric_limits<long>::max());
    if (!length || (length_ && *length_ != static_cast<std::size_t>(*length))) {
        return bad_reply(fmt::format("Content-Length \"{}\"", escape(value, 40)));
    }
    length_ = static_cast<std::size_t>(*length);
    if (status_ == 200 && *length_ > largest_) {
        return fail(Fault::CTL_TOO_LARGE,
                    fmt::format("a file of {} octets, {} are taken at most", *length_, largest_));
    }
    return {};
}

Result<void> HttpReply::feed_body(ByteView octets) {
    const auto wanted = length_ ? std::min(octets.size(), *length_ - body_.size()) : octets.size();
    if (wanted > largest_ - body_.size()) {
        return fail(Fault::CTL_TOO_LARGE, fmt::format("a file of more than {} octets", largest_));
    }
    body_.insert(body_.end(), octets.begin(), octets.begin() + static_cast<std::ptrdiff_t>(wanted));
    complete_ = length_ == body_.size();
    return {};
}

Result<void> HttpReply::end() {
    if (complete_) return {};
    if (!in_body_)
        return bad_reply(fmt::format("the connection ended after {} octets of headers", head_.size()));
    if (length_) {
        return bad_reply(fmt::format("the connection ended after {} of {} octets", body_.size(), *length_));
    }
    complete_ = true;
    return {};
}

}  // namespace tserver::tftp
