#include "capf/dialogue.hpp"

namespace tserver::capf {
namespace {

constexpr std::chrono::milliseconds write_limit{10'000};

/// Octets that may hold a code.
struct Wiped {
    Bytes octets;
    explicit Wiped(Bytes all) : octets{std::move(all)} {}
    Wiped(const Wiped&) = delete;
    Wiped& operator=(const Wiped&) = delete;
    ~Wiped() { wipe(octets); }
};

}  // namespace

Task<Result<Message>> Dialogue::next(std::chrono::milliseconds limit) {
    const auto until = std::min(now() + limit, until_);
    for (;;) {
        auto message = assembler_.next();
        if (!message) co_return tl::unexpected<Error>(std::move(message).error());
        if (*message) {
            auto& got = **message;
            if (!session_) session_ = got.session;
            if (got.session == *session_) co_return std::move(got);
            co_return fail(Fault::CAPF_PROTOCOL,
                           fmt::format("session id {}, expected {}", got.session, *session_));
        }
        auto reading = more(until);
        if (auto read = co_await std::move(reading); !read) {
            co_return tl::unexpected<Error>(std::move(read).error());
        }
    }
}

Task<Result<void>> Dialogue::more(Steady::time_point until) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - now());
    if (left <= std::chrono::milliseconds::zero()) {
        co_return fail(Fault::CAPF_STALLED, "the time for this step is over");
    }
    std::array<std::uint8_t, 4096> octets;  // NOLINT(cppcoreguidelines-pro-type-member-init): read() fills it
    auto reading = wire_.read(octets, left);
    auto got = co_await std::move(reading);
    if (!got) co_return tl::unexpected<Error>(std::move(got).error());
    if (*got == 0) {
        const auto left_behind = assembler_.remainder();
        co_return fail(Fault::CAPF_COMM, left_behind.empty()
                                             ? std::string{"the server closed the connection"}
                                             : "the server closed the connection after " + left_behind);
    }
    assembler_.add(std::span{octets}.first(*got));
    co_return Result<void>{};
}

Task<Result<void>> Dialogue::send(Message message) {
    message.session = session_.value_or(0);
    const Wiped octets{encode(message)};
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(until_ - now());
    if (left <= std::chrono::milliseconds::zero()) {
        co_return fail(Fault::CAPF_STALLED, "the time for the enrolment is over");
    }
    auto writing = wire_.write(octets.octets, std::min(left, write_limit));
    co_return co_await std::move(writing);
}

}  // namespace tserver::capf
