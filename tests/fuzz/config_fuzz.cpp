// links: config
// Property: a text is refused with at least one problem, or what it says can be shown, read again and handed
// over to a link without a change.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "base/text.hpp"
#include "config/explain.hpp"
#include "config/plan.hpp"
#include "config/wire.hpp"

using namespace tserver;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto config = config::parse(as_text({data, size}), "f");
    if (!config) {
        if (config.error().empty()) std::abort();
        for (const auto& problem : config.error()) {
            if (invalid_utf8_at(problem.str())) std::abort();  // a report can always be printed
        }
        return 0;
    }
    const auto again = config::parse(config::show(*config, config::Secrets::in_clear), "f");
    if (!again || !(*again == *config)) std::abort();
    if (!config::plan(*config, *again).changes.empty()) std::abort();
    for (const auto& link : config->links) {
        const auto handed = config::decode(as_bytes(config::encode(link).reveal()));
        if (!handed || !(*handed == link)) std::abort();
    }
    return 0;
}
