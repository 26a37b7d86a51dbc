// One of several places where runs are played, one after the other.
#pragma once

#include <memory>

#include "crypto/certificate.hpp"
#include "net/wait.hpp"
#include "tests/torture/case.hpp"

namespace tserver::torture {

inline constexpr std::chrono::milliseconds patient{20'000};
/// Where nothing comes any more; four times as long when that was too short.
inline constexpr std::chrono::milliseconds impatient{500};
inline constexpr std::chrono::milliseconds slack{2'000};  ///< for a busy machine, beyond the deadline

/// How many positions an undisturbed run has.
struct Extent {
    std::size_t up = 0, down = 0;      ///< octets of the stream, or datagrams
    std::vector<std::size_t> sizes{};  ///< with datagrams: octets of each, those up first
};

class Lane {
public:
    virtual ~Lane() = default;
    /// Brings the lane to the state that runs begin with, and measures an undisturbed run.
    virtual net::Task<Extent> prepare() = 0;
    virtual net::Task<Outcome> play(Case run) = 0;
};

struct LaneSetup {
    net::Loop& loop;
    unsigned number;
    std::string variant;
    const crypto::PrivateKey& key;  ///< of every enrolment, so that none is made
    bool tell = false;              ///< everything on standard error
};

std::unique_ptr<Lane> enrolment_lane(const LaneSetup& setup);
std::unique_ptr<Lane> session_lane(const LaneSetup& setup);
std::unique_ptr<Lane> tftp_lane(const LaneSetup& setup);

}  // namespace tserver::torture
