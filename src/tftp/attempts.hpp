// Which request follows a failed one. Pure, like the transfer.
#pragma once

#include "tftp/transfer.hpp"

namespace tserver::tftp {

/// The requests of one fetch in their order: with options, plain, the next address; a file that changed in
/// mid-transfer once more.
class Attempts {
public:
    Attempts(std::vector<net::Address> addresses, std::string file_name, const Limits& limits,
             TimePoint deadline, std::uint64_t seed);

    /// The next request; nothing once all is tried or the deadline has passed, see error().
    std::optional<Transfer> next(TimePoint now);
    void failed(const Error& error, Next next);
    /// What the address that got furthest failed with, and the story of each address.
    [[nodiscard]] Error error() const;

private:
    std::vector<net::Address> addresses_;
    std::string file_name_;
    Limits limits_;
    TimePoint deadline_;
    std::minstd_rand seeds_;
    std::size_t at_ = 0;
    bool options_ = true;
    bool repeated_ = false;
    std::optional<TimePoint> address_until_;  ///< until when the present address may stay silent
    std::vector<Error> errors_;               ///< last one of each address
};

}  // namespace tserver::tftp
