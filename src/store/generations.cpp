#include "store/generations.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.hpp"

namespace tserver::store {
namespace {

constexpr std::size_t kept = 2;
constexpr long last_number = 999'999;

/// The new generation under its working name, durable but not yet current.
Result<void> prepare(os::Tree& tree, const std::string& working, const std::vector<NamedContent>& files) {
    CHECK(tree.make_directory(working));
    for (const auto& file : files) CHECK(os::write_new(tree, working + "/" + file.name, file.content));
    return tree.sync_directory(working);
}

/// A left-over of a crash, or of our own failure.
Result<void> clear(os::Tree& tree, const std::string& working) {
    auto gone = os::remove_all(tree, working);
    if (!gone && gone.error().fault == Fault::STORE_MISSING) return {};
    return gone;
}

}  // namespace

std::string generation_path(const std::string& folder, unsigned long number) {
    return fmt::format("{}/{:06}", folder, number);
}

Result<std::vector<unsigned long>> generations(os::Tree& tree, const std::string& folder) {
    TRY(names, tree.list(folder));
    std::vector<unsigned long> out;
    for (const auto& name : names) {
        const auto number = decimal(name, 1, last_number);
        if (number && name.size() == 6) out.push_back(static_cast<unsigned long>(*number));
    }
    std::ranges::sort(out, std::greater{});
    return out;
}

Result<unsigned long> add_generation(os::Tree& tree, const std::string& folder,
                                     const std::vector<NamedContent>& files) {
    TRY(there, generations(tree, folder));
    const auto number = there.empty() ? 1 : there.front() + 1;
    const auto working = folder + "/new";
    CHECK(clear(tree, working));
    if (auto prepared = prepare(tree, working, files); !prepared) {
        static_cast<void>(clear(tree, working));  // the first error is the one to tell
        return tl::unexpected(prepared.error());
    }
    CHECK(tree.rename(working, generation_path(folder, number)));
    CHECK(tree.sync_directory(folder));
    // The new generation is safe; an old one that cannot be removed is tried again with the next.
    for (std::size_t i = kept - 1; i < there.size(); ++i)
        static_cast<void>(os::remove_all(tree, generation_path(folder, there[i])));
    return number;
}

}  // namespace tserver::store
