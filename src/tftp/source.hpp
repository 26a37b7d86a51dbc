// Where the trust list comes from: TFTP, or HTTP as a choice, and the file names that are asked.
// Source: doc/protocols/tftp.md, section 6.
#pragma once

#include "tftp/client.hpp"

namespace tserver::tftp {

enum class Way : std::uint8_t { tftp, http };

struct Source {
    Way way = Way::tftp;
    Host host;
    Port port = 69;
    /// The CAPF server: the list made for its clients has its IPv4 address in the name. A name that does not
    /// resolve, or has IPv6 addresses only, leaves CTLFile.tlv.
    std::optional<Host> capf;
    std::chrono::milliseconds timeout{30'000};  ///< of each file asked
    std::size_t largest = 16U << 20U;
};

struct Fetched {
    Bytes file;
    std::string name;   ///< "CTLCAPF0A010105.tlv"
    std::string where;  ///< "tftp 10.1.1.5:69", "http 10.1.1.5:6970"
    Facts facts;        ///< of the TFTP transfer
    /// See Download: keep it for a few seconds if that is easy.
    net::Job farewell;
};

/// "CTLCAPF0A010105.tlv" for 10.1.1.5; nothing for an IPv6 address.
std::optional<std::string> capf_list_name(const net::Address& capf);

/// Asks for CTLCAPF….tlv of each IPv4 address of the CAPF server (four at most), then for CTLFile.tlv; the
/// next name only when the one before does not exist.
/// @return the faults of tftp::fetch() for both ways. CTL_NOT_FOUND names every file that was asked for; over
///         HTTP, TFTP_REFUSED is a status other than 200 and 404, and TFTP_UNREACHABLE no connection or no
///         end.
net::Task<Result<Fetched>> fetch_trust_list(net::Loop& loop, Source source);

}  // namespace tserver::tftp
