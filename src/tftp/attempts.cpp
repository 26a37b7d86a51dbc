#include "tftp/attempts.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace tserver::tftp {
namespace {

/// A name with more addresses than this is not a TFTP service of one cluster.
constexpr std::size_t most_addresses = 8;

/// What says more about the cluster stands before what says less.
std::size_t rank(Fault fault) {
    constexpr std::array order{Fault::CTL_TOO_LARGE, Fault::CTL_NOT_FOUND, Fault::TFTP_REFUSED,
                               Fault::TFTP_PROTOCOL, Fault::TFTP_UNREACHABLE};
    return static_cast<std::size_t>(std::ranges::find(order, fault) - order.begin());
}

}  // namespace

Attempts::Attempts(std::vector<net::Address> addresses, std::string file_name, const Limits& limits,
                   TimePoint deadline, std::uint64_t seed)
    : addresses_{std::move(addresses)},
      file_name_{std::move(file_name)},
      limits_{limits},
      deadline_{deadline},
      seeds_{static_cast<std::uint32_t>(seed)} {
    if (addresses_.size() > most_addresses) addresses_.resize(most_addresses);
}

std::optional<Transfer> Attempts::next(TimePoint now) {
    if (at_ >= addresses_.size() || now >= deadline_) return std::nullopt;
    if (!address_until_) {
        const auto left = static_cast<Steady::rep>(addresses_.size() - at_);
        address_until_ = now + (deadline_ - now) / left;
    }
    Transfer::Request request{file_name_, addresses_[at_], options_, *address_until_, deadline_};
    return Transfer{std::move(request), limits_, seeds_()};
}

void Attempts::failed(const Error& error, Next next) {
    errors_.resize(at_ + 1, error);
    errors_[at_] = error;
    if (next == Next::plain && options_) {
        options_ = false;
        return;
    }
    if (next == Next::same && !repeated_) {
        repeated_ = true;
        return;
    }
    if (next == Next::same) errors_[at_].detail += " (twice)";
    at_ = next == Next::nothing ? addresses_.size() : at_ + 1;
    options_ = true;
    address_until_.reset();
}

Error Attempts::error() const {
    if (errors_.empty()) {
        return {Fault::TFTP_UNREACHABLE, fmt::format("no time left to ask for {}", file_name_), {}};
    }
    auto sorted = errors_;
    std::ranges::stable_sort(sorted, {}, [](const Error& error) { return rank(error.fault); });
    auto out = sorted.front();
    for (std::size_t i = 1; i < sorted.size(); ++i) out.detail += "; " + sorted[i].detail;
    return out;
}

}  // namespace tserver::tftp
