// links: tftp
// An HTTP answer is read alike whole and in pieces, and its body stays within the cap.
#include <cstdlib>

#include "tftp/http_reply.hpp"

namespace {

using namespace tserver;
constexpr std::size_t cap = 300;

struct Reading {
    std::string outcome;
    Bytes body;
    friend bool operator==(const Reading&, const Reading&) = default;
};

Reading read(ByteView answer, std::size_t step) {
    tftp::HttpReply reply{cap};
    Result<void> fed;
    for (std::size_t at = 0; at < answer.size() && fed && !reply.complete(); at += step) {
        fed = reply.feed(answer.subspan(at, std::min(step, answer.size() - at)));
    }
    if (fed) fed = reply.end();
    if (!fed) return {std::string{id(fed.error().fault)}, {}};
    return {std::to_string(reply.status()) + reply.words(), reply.take_body()};
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) return 0;
    const ByteView answer{data + 1, size - 1};
    const auto whole = read(answer, std::max<std::size_t>(answer.size(), 1));
    const auto pieces = read(answer, 1U + data[0] % 16U);
    if (whole.body.size() > cap || !(whole == pieces)) std::abort();
    return 0;
}
