// What the console sends back: status line, headers that let a browser do nothing with it but show it, body.
#pragma once

#include <string>
#include <string_view>

#include "console/request.hpp"

namespace tserver::console {

struct Answer {
    int status = 200;
    std::string_view type = "application/json";
    std::string body;
    std::string_view more_headers{};  ///< whole lines
};

std::string_view status_words(int status) noexcept;

enum class After : std::uint8_t { keep, close };
/// The whole answer; without its body for HEAD.
std::string rendered(const Answer& answer, After after, bool head_only);
/// The head of an event stream, which has no length.
std::string stream_head();

/// {"error":{"status":404,"detail":"…"}}
Answer refusal(int status, std::string_view why);

/// One server-sent event. `id` and `data` are of one line.
std::string stream_event(std::string_view name, std::string_view id, std::string_view data);

}  // namespace tserver::console
