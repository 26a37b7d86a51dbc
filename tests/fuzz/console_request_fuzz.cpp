// links: console
// Property: a head is taken only if it is one request whose parts, written down again, are the same request;
// and its end is where the next one begins.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "base/bytes.hpp"
#include "console/request.hpp"
#include "console/server.hpp"

using namespace tserver;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto text = as_text(ByteView{data, size});
    if (const auto cursor = console::cursor_of(text)) {
        const auto again = cursor->run + ":" + std::to_string(cursor->last);
        if (console::cursor_of(again) != cursor) std::abort();
    }
    const auto end = console::end_of_head(text);
    const auto request = console::parse_request(text);
    if (!request) {
        if (request.error().status < 400 || request.error().why.empty()) std::abort();
        return 0;
    }
    if (end != size || size > console::longest_head) std::abort();
    if (request->path.empty() || request->path[0] != '/' || request->host.empty()) std::abort();
    for (const auto* part : {&request->path, &request->query, &request->host, &request->last_event}) {
        if (part->find_first_of(std::string_view{"\r\n\0", 3}) != std::string::npos) std::abort();
    }
    std::string again = request->head_only ? "HEAD " : "GET ";
    again += request->path;
    if (!request->query.empty()) again += "?" + request->query;
    again += request->keep_alive ? " HTTP/1.1\r\n" : " HTTP/1.0\r\n";
    again += "Host: " + request->host + "\r\n";
    if (!request->last_event.empty()) again += "Last-Event-ID: " + request->last_event + "\r\n";
    const auto second = console::parse_request(again + "\r\n");
    if (!second || second->path != request->path || second->query != request->query ||
        second->host != request->host || second->last_event != request->last_event ||
        second->head_only != request->head_only || second->keep_alive != request->keep_alive) {
        std::abort();
    }
    return 0;
}
