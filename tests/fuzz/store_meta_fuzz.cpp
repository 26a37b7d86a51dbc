// links: store
// Property: a JSON file of the store is refused as damaged, with what is wrong in it, or what was read is
// written so that it is read again as the same. Octet 0 chooses the file.
#include <cstdint>
#include <cstdlib>

#include "store/meta.hpp"

using namespace tserver;

namespace {

template <class Read>
void round_trip(ByteView text, Read read) {
    const auto once = read(text);
    if (!once) {
        if (once.error().fault != Fault::STORE_DAMAGED || once.error().detail.empty()) std::abort();
        return;
    }
    const auto written = store::write_json(*once);
    const auto again = read(as_bytes(written));
    if (!again || store::write_json(*again) != written) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) return 0;
    const ByteView text{data + 1, size - 1};
    switch (data[0] % 4) {
        case 0: round_trip(text, store::read_identity_json); break;
        case 1: round_trip(text, store::read_list_json); break;
        case 2: round_trip(text, store::read_codes_json); break;
        default: round_trip(text, store::read_attempts_json); break;
    }
    return 0;
}
