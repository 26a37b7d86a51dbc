// One run of a network torture: what happens to the octets of which direction, and where. A case has a name,
// so that it can be played alone.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tserver::torture {

enum class Act : std::uint8_t {
    nothing,  ///< octets pass as they come
    fin,      ///< both ends of the connection see an orderly end
    rst,      ///< the client sees a reset
    stall,    ///< nothing passes any more, in either direction, and nobody is told
    delay,    ///< what follows comes later
    flip,     ///< one bit of one octet, or of a datagram, is changed
    drop,     ///< one octet, or a datagram, is lost
    twice,    ///< one octet, or a datagram, comes twice
    single,   ///< every octet comes alone
    chop,     ///< pieces of random sizes after random times; `at` is the seed
    swap,     ///< datagrams only: it comes behind the next one
    dead,     ///< datagrams only: this one and all behind it are lost
    cut,      ///< datagrams only: `octet` octets of it are left
};
enum class Way : std::uint8_t { up, down };  ///< to the server, from the server

struct Case {
    std::string part;     ///< "capf", "session", "tftp"
    std::string variant;  ///< TLS version, or the kind of transfer
    Act act = Act::nothing;
    Way way = Way::up;
    std::size_t at = 0;     ///< octets that pass unharmed; with datagrams the number of the one that is met
    std::size_t octet = 0;  ///< with datagrams: the octet that is met
};

inline constexpr std::array<std::string_view, 13> act_names{"nothing", "fin",  "rst",   "stall",  "delay",
                                                            "flip",    "drop", "twice", "single", "chop",
                                                            "swap",    "dead", "cut"};
constexpr std::string_view name(Act act) { return act_names.at(static_cast<std::size_t>(act)); }
constexpr std::string_view name(Way way) { return way == Way::up ? "up" : "down"; }

/// "capf/1.2/fin/down/1234", with datagrams "tftp/options/cut/down/3.17".
std::string name(const Case& run);
std::optional<Case> case_named(std::string_view text);

/// True where octets or datagrams are changed, which TCP and UDP checksums keep from happening by chance.
constexpr bool tampers(Act act) { return act == Act::flip || act == Act::drop || act == Act::twice; }

/// What a run came to, and every promise that it broke.
struct Outcome {
    std::string what;
    std::vector<std::string> broken;
};

inline void expect(Outcome& outcome, bool kept, std::string promise) {
    if (!kept) outcome.broken.push_back(std::move(promise));
}

}  // namespace tserver::torture
