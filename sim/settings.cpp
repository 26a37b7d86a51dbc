#include "sim/settings.hpp"

#include <CLI/CLI.hpp>

#include "base/text.hpp"
#include "sim/control.hpp"
#include "sim/fault_menu.hpp"
#include "sim/list.hpp"

namespace tserver::sim {
namespace {

std::string fault_list() {
    std::string out = "Faults (--fault NAME[=VALUE][@TIMES]; with TIMES it ends after so many uses):\n";
    for (const auto& item : fault_items()) {
        std::string word{item.name};
        switch (item.takes) {
            case FaultValue::none: break;
            case FaultValue::number: word += "=" + std::string{item.values}; break;
            case FaultValue::maybe_number: word += "[=" + std::string{item.values} + "]"; break;
            case FaultValue::step: word += "=STEP"; break;
            case FaultValue::step_reason: word += "=STEP:REASON"; break;
            case FaultValue::choice: word += "=" + std::string{item.values}; break;
        }
        out += fmt::format("  {:<34} {}\n", word, item.help);
    }
    out += "CAPF steps:";
    for (const auto step : capf_steps()) out += " " + std::string{step};
    return out + "\n";
}

/// The command line as text; made into Settings in one place.
struct Raw {
    std::string tftp, capf, http, state, record, control, mode = "echo", tls = "cluster", digest = "sha1";
    std::vector<std::string> cti, cti_tls, profiles, faults, served;
    long lsc_days = 5L * 365, lock = 600, tftp_timeout = 1000;
    unsigned tries = 10, collisions = 5, tftp_tries = 5, capf_version = 3;
    std::uint64_t seed = 1;
    bool list_faults = false;
};

void declare(CLI::App& app, Raw& raw) {
    app.set_version_flag("--version", TSERVER_VERSION);
    app.add_option("--tftp", raw.tftp, "TFTP service, ADDRESS:PORT (port 0: a free one)");
    app.add_option("--capf", raw.capf, "CAPF service");
    app.add_option("--cti", raw.cti, "CTIManager in clear; once per node, publisher first")->delimiter(',');
    app.add_option("--cti-tls", raw.cti_tls, "CTIManager over TLS; once per node")->delimiter(',');
    app.add_option("--http", raw.http, "HTTP service with the files of TFTP (6970)");
    app.add_option("--control", raw.control, "control socket (a path)");
    app.add_option("--state", raw.state, "folder of everything that survives a restart");
    app.add_option("--profile", raw.profiles,
                   "user=U,instance=I,code=C[,key-size=BITS][,key=rsa|ec256|ec384|ec521]"
                   "[,operation=install|none|delete|fetch][,deadline=RFC3339|+SECONDS]");
    app.add_option("--tls", raw.tls, "TLS of CAPF and CTIManager")
        ->check(CLI::IsMember({"modern", "cluster", "legacy"}));
    app.add_option("--cti-mode", raw.mode, "echo, sink, burst or burst=RECORDS*OCTETS");
    app.add_option("--record", raw.record, "folder for what each CTI connection received: <n>.in");
    app.add_option("--fault", raw.faults, "a fault of the menu, NAME[=VALUE][@TIMES]");
    app.add_option("--serve", raw.served, "NAME=PATH: one more file for TFTP and HTTP");
    app.add_option("--list-digest", raw.digest, "digest of the list's signature")
        ->check(CLI::IsMember({"sha1", "sha256", "sha384", "sha512"}));
    app.add_option("--lsc-days", raw.lsc_days, "validity of issued certificates")
        ->check(CLI::Range(1, 36500));
    app.add_option("--capf-version", raw.capf_version, "CAPF protocol version")->check(CLI::Range(1, 3));
    app.add_option("--capf-tries", raw.tries, "wrong strings in a row before the lock")
        ->check(CLI::Range(1, 1000));
    app.add_option("--capf-lock", raw.lock, "seconds that the lock lasts")->check(CLI::Range(0, 86400));
    app.add_option("--collisions", raw.collisions, "double uses before a certificate is compromised")
        ->check(CLI::Range(1, 1000));
    app.add_option("--tftp-timeout", raw.tftp_timeout, "ms before TFTP repeats a packet")
        ->check(CLI::Range(1, 60000));
    app.add_option("--tftp-tries", raw.tftp_tries, "packets sent before TFTP gives up")
        ->check(CLI::Range(1, 100));
    app.add_option("--seed", raw.seed, "of the random faults");
    app.add_flag("--list-faults", raw.list_faults, "print the fault menu");
}

Result<void> set_address(std::optional<Address>& out, const std::string& text) {
    if (text.empty()) return {};
    TRY(address, Address::parse(text));
    out = address;
    return {};
}
Result<void> set_addresses(std::vector<Address>& out, const std::vector<std::string>& texts) {
    for (const auto& text : texts) {
        TRY(address, Address::parse(text));
        out.push_back(address);
    }
    return {};
}

Result<void> set_lists(Settings& out, const Raw& raw) {
    CHECK(set_addresses(out.cti, raw.cti));
    CHECK(set_addresses(out.cti_tls, raw.cti_tls));
    FaultMenu menu;
    for (const auto& fault : raw.faults) CHECK(menu.set(fault));
    out.faults = raw.faults;
    for (const auto& text : raw.profiles) {
        TRY(profile, parse_profile(text, wall_now()));
        out.profiles.push_back(std::move(profile));
    }
    for (const auto& text : raw.served) {
        const auto equals = text.find('=');
        if (equals == std::string::npos || equals == 0 || text.find('/') < equals)
            return fail(Fault::USAGE, "--serve: NAME=PATH is needed, NAME without /");
        out.served.emplace_back(text.substr(0, equals), text.substr(equals + 1));
    }
    return {};
}

Result<Settings> settings_from(const Raw& raw) {
    Settings out;
    CHECK(set_address(out.tftp, raw.tftp));
    CHECK(set_address(out.capf, raw.capf));
    CHECK(set_address(out.http, raw.http));
    CHECK(set_lists(out, raw));
    if (raw.state.empty()) return fail(Fault::USAGE, "--state is needed");
    out.state = raw.state;
    if (!raw.record.empty()) out.record = raw.record;
    if (!raw.control.empty()) out.control = raw.control;
    TRY(mode, parse_mode(raw.mode));
    out.mode = mode;
    out.tls = raw.tls == "modern"   ? TlsMode::modern
              : raw.tls == "legacy" ? TlsMode::legacy
                                    : TlsMode::cluster;
    out.list_digest = digest_named(raw.digest).value_or(crypto::Digest::sha1);
    out.seed = raw.seed;
    out.lsc_days = std::chrono::days{raw.lsc_days};
    out.tftp_timeout = std::chrono::milliseconds{raw.tftp_timeout};
    out.tftp_tries = raw.tftp_tries;
    out.capf_version = static_cast<std::uint8_t>(raw.capf_version);
    out.rules = {raw.tries, std::chrono::seconds{raw.lock}, raw.collisions};
    return out;
}

}  // namespace

Result<CtiMode> parse_mode(std::string_view text) {
    using Kind = CtiMode::Kind;
    if (text == "echo") return CtiMode{Kind::echo};
    if (text == "sink") return CtiMode{Kind::sink};
    if (text == "burst") return CtiMode{Kind::burst, 1000, 300};
    if (text.starts_with("burst=")) {
        const auto parts = split(text.substr(6), '*');
        if (parts.size() == 2) {
            const auto records = decimal(parts[0], 1, 100'000'000);
            const auto octets = decimal(parts[1], 1, 16384);
            if (records && octets)
                return CtiMode{Kind::burst, static_cast<std::size_t>(*records),
                               static_cast<std::size_t>(*octets)};
        }
    }
    return fail(Fault::USAGE,
                escape(text) + ": the CTI mode is echo, sink, burst or burst=RECORDS*OCTETS (1 to 16384)");
}

Parsed parse_command_line(int argc, const char* const* argv) {
    CLI::App app{"ucmsim: a small Cisco UCM cluster (TFTP, CAPF, CTIManager) with switchable faults",
                 "ucmsim"};
    Raw raw;
    declare(app, raw);
    app.footer(
        "Example:\n  ucmsim --tftp 127.0.0.1:6900 --capf 127.0.0.1:3804 --cti 127.0.0.1:12748 --cti-tls "
        "127.0.0.1:2749 \\\n"
        "         --state /tmp/ucm --profile user=cti,instance=link1,code=12345\n"
        "It prints one line that begins with `ready` and ends by SIGTERM or SIGINT (exit 0; 2 = bad "
        "arguments).\n\n" +
        std::string{control_help()} + "\n--list-faults prints the fault menu.");
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& said) {
        std::ostringstream out;
        const int code = app.exit(said, out, out);
        return Said{out.str(), code == 0 ? 0 : 2};
    }
    if (raw.list_faults) return Said{fault_list(), 0};
    auto settings = settings_from(raw);
    if (!settings) return Said{"ucmsim: " + settings.error().detail + "\n", 2};
    return *std::move(settings);
}

}  // namespace tserver::sim
