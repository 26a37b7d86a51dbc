// links: control
// Frames and JSON from the other end of the channel: refused, or understood so that they survive a round
// trip.
#include <boost/json.hpp>
#include <cstdlib>

#include "control/channel.hpp"

using namespace tserver;

namespace {

bool same(const control::Frame& a, const control::Frame& b) {
    return a.type == b.type && a.payload == b.payload;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) return 0;
    const control::Frame frame{static_cast<control::FrameType>(data[0]),
                               Secret{as_text({data + 1, size - 1})}};
    if (const auto message = control::to_link(frame); message && !same(control::frame(*message), frame))
        std::abort();
    const auto message = control::from_link(frame);
    if (!message) return 0;
    const auto once = control::frame(*message);  // JSON has many spellings; ours is one of them
    const auto again = control::from_link(once);
    if (!again || !same(control::frame(*again), once)) std::abort();
    return 0;
}
