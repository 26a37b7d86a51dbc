// links: trust
// Time and memory for reading and verifying a trust list of 100 records, each with a certificate of its own.
// Goal: below 5 ms; memory a small multiple of the file. Usage: ctl_bench [rounds]
#include <malloc.h>

#include <algorithm>
#include <chrono>
#include <cstdio>

#include "tests/support/ctl_builder.hpp"
#include "trust/parse.hpp"
#include "trust/verify.hpp"

namespace {

using namespace tserver;
using Clock = std::chrono::steady_clock;

Bytes list_of(std::size_t count) {
    const auto signer = test::signer("itlrec");
    const auto key = test::signer("pub").key;
    std::vector<Bytes> records{test::record(0, signer.certificate)};
    for (std::size_t i = 1; i < count; ++i) {
        const auto number = static_cast<std::uint8_t>(i);
        records.push_back(test::record(
            2, test::make_certificate({.name = fmt::format("cucm-{}", i), .serial = {1, number}}, key)));
    }
    return test::build({.records = std::move(records)}, signer);
}

double median_ms(std::vector<Clock::duration>& times) {
    std::ranges::sort(times);
    return std::chrono::duration<double, std::milli>(times[times.size() / 2]).count();
}

}  // namespace

int main(int argc, char** argv) {
    const auto rounds = argc > 1 ? std::stoul(argv[1]) : 200UL;
    const auto file = list_of(100);
    std::vector<Clock::duration> reading;
    std::vector<Clock::duration> verifying;
    for (std::size_t i = 0; i < rounds; ++i) {
        const auto start = Clock::now();
        const auto list = trust::parse(file);
        const auto read = Clock::now();
        if (!list || list->records.size() != 100 || !trust::verify(*list, *list)) return 1;
        reading.push_back(read - start);
        verifying.push_back(Clock::now() - read);
    }
    const auto before = mallinfo2().uordblks;
    const auto held = trust::parse(file);
    const auto kept = mallinfo2().uordblks - before;
    const auto read_ms = median_ms(reading);
    const auto verify_ms = median_ms(verifying);
    std::printf(
        "list of %zu records, %zu octets: read %.2f ms + verify %.2f ms = %.2f ms (median of %lu; goal 5 "
        "ms)\n",
        held->records.size(), file.size(), read_ms, verify_ms, read_ms + verify_ms, rounds);
    std::printf("memory of the list in use: %zu octets, %.1f times the file\n", kept,
                static_cast<double>(kept) / static_cast<double>(file.size()));
    return read_ms + verify_ms < 5 ? 0 : 1;
}
