// The head of one HTTP request, as strict as a server may be that only shows something: GET or HEAD, no body,
// no continuation lines, one Host. Pure. Source: RFC 9112.
//
// A parser of our own and not Boost.Beast's: there is no Asio in this tree, what has to be read is a request
// line and four headers, and the rules that keep a proxy and us of one mind are easier to check where there
// is nothing else.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <tl/expected.hpp>

namespace tserver::console {

inline constexpr std::size_t longest_head = 8192;

struct Request {
    bool head_only = false;  ///< HEAD
    std::string path;        ///< "/api/v1/status", as sent: nothing we serve needs decoding
    std::string query;       ///< behind the '?'
    std::string host;        ///< without the port, lower case
    std::string last_event;  ///< Last-Event-ID
    bool keep_alive = true;
};

/// Why a request is not served; the connection is closed behind the answer.
struct Refusal {
    int status;
    std::string_view why;
};

/// The end of the head in what has been received: the octet behind its empty line; nothing if it is not
/// complete.
std::optional<std::size_t> end_of_head(std::string_view received);

/// @param head  with its empty line
tl::expected<Request, Refusal> parse_request(std::string_view head);

}  // namespace tserver::console
