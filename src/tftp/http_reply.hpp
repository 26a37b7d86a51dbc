// Reads the answer to one HTTP GET, fed as it comes. Pure. Only what Cisco TFTP sends: a status line,
// headers, a body of known length or up to the end of the connection. Source: doc/protocols/tftp.md, section
// 6; RFC 9112.
#pragma once

#include "base/bytes.hpp"
#include "base/result.hpp"

namespace tserver::tftp {

class HttpReply {
public:
    explicit HttpReply(std::size_t largest_body) : largest_{largest_body} {}

    /// @return TFTP_PROTOCOL (not HTTP/1.x, headers above 16 KiB, an encoding of the body), CTL_TOO_LARGE
    Result<void> feed(ByteView octets);
    /// The connection has ended.  @return TFTP_PROTOCOL when the answer is not whole
    Result<void> end();

    /// Nothing more is needed. An answer other than 200 is complete with its headers.
    [[nodiscard]] bool complete() const noexcept { return complete_; }
    [[nodiscard]] int status() const noexcept { return status_; }                 ///< 0 before the headers
    [[nodiscard]] const std::string& words() const noexcept { return words_; }    ///< escaped: "Not Found"
    [[nodiscard]] std::size_t received() const noexcept { return body_.size(); }  ///< octets of the body
    [[nodiscard]] Bytes take_body() { return std::move(body_); }

private:
    Result<void> read_head(std::string_view head);
    Result<void> read_status(std::string_view line);
    Result<void> read_header(std::string_view line);
    Result<void> feed_body(ByteView octets);

    std::size_t largest_;
    std::string head_;
    bool in_body_ = false;
    bool complete_ = false;
    int status_ = 0;
    std::string words_;
    std::optional<std::size_t> length_;
    Bytes body_;
};

}  // namespace tserver::tftp
