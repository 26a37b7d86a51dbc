// links: control
// What comes over the channel, in pieces whose size octet 0 chooses: frames are cut as they were written
// whatever the pieces, and each is refused, or understood so that it survives a round trip.
#include <algorithm>
#include <cstdlib>

#include "control/frame.hpp"

using namespace tserver;

namespace {

bool same(const control::Frame& a, const control::Frame& b) {
    return a.type == b.type && a.payload == b.payload;
}

void require(bool held) {
    if (!held) std::abort();
}

void check_message(const control::Frame& frame) {
    const auto to = control::to_link(frame);
    require(to ? same(control::frame(*to), frame) : !to.error().detail.empty());
    const auto from = control::from_link(frame);
    if (!from) {
        require(from.error().fault == Fault::CONTROL_PROTOCOL && !from.error().detail.empty());
        return;
    }
    const auto once = control::frame(*from);  // JSON has many spellings; ours is one of them
    const auto again = control::from_link(once);
    require(again && same(control::frame(*again), once));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) return 0;
    const std::size_t piece = data[0] == 0 ? size : data[0];
    const ByteView all{data + 1, size - 1};
    control::FrameReader reader;
    std::size_t read = 0;
    for (std::size_t at = 0; at < all.size(); at += piece) {
        reader.add(all.subspan(at, std::min(piece, all.size() - at)));
        for (;;) {
            const auto next = reader.next();
            if (!next) {
                require(next.error().fault == Fault::CONTROL_PROTOCOL);
                return 0;
            }
            if (!*next) break;
            const auto written = control::octets_of(**next);
            const auto octets = as_bytes(written.reveal());
            require(octets.size() <= all.size() - read);
            require(std::ranges::equal(octets, all.subspan(read, octets.size())));
            read += octets.size();
            check_message(**next);
        }
    }
    require(reader.empty() == (read == all.size()));
    return 0;
}
