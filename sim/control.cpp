#include "sim/control.hpp"

#include <fmt/format.h>
#include <sys/un.h>
#include <unistd.h>

#include <boost/json.hpp>

#include "base/text.hpp"

namespace tserver::sim {
namespace {

namespace json = boost::json;
using Words = std::span<const std::string_view>;

constexpr std::string_view help =
    "Commands of the control socket (one line each; the answer is one line of JSON):\n"
    "  status                          counts, connections, profiles, issued certificates, faults\n"
    "  fault NAME[=VALUE][@TIMES]      switch a fault on\n"
    "  clear [NAME]                    switch one fault or all off\n"
    "  profile user=U,instance=I,…     set a profile, as with --profile; also arms it again\n"
    "  unprofile INSTANCE              delete a profile\n"
    "  cti down|up [NODE]              stop and start a CTIManager (NODE from 1; all when left out)\n"
    "  cti drop|reset [INSTANCE]       end connections by FIN or RST\n"
    "  list rollover                   new ITLRecovery; signed by the publisher's CallManager certificate\n"
    "  list resign                     signed by the ITLRecovery of today\n"
    "  list new-signer                 new ITLRecovery, which signs at once\n"
    "  list renew [NODE] [same-key]    new CallManager certificate, list updated\n"
    "  list renew-only [NODE] [same-key]  new CallManager certificate, list not updated\n"
    "  list update                     list made anew from the certificates of today\n"
    "  list renew-capf | forget-capf   new CAPF certificate | certificates of the old one are unknown\n";

json::object counts(Cluster& cluster) {
    const auto& c = cluster.counters;
    return {{"tftp_requests", c.tftp_requests.load()},
            {"tftp_completed", c.tftp_completed.load()},
            {"tftp_stranger_errors", c.tftp_stranger_errors.load()},
            {"http_requests", c.http_requests.load()},
            {"capf_connections", c.capf_connections.load()},
            {"capf_sessions", c.capf_sessions.load()},
            {"capf_refused", c.capf_refused.load()},
            {"cti_accepted", c.cti_accepted.load()},
            {"cti_sessions", c.cti_sessions.load()},
            {"cti_handshake_failures", c.cti_handshake_failures.load()},
            {"cti_unclean", c.cti_unclean.load()},
            {"cti_collisions", c.cti_collisions.load()}};
}

json::object status(Simulator& simulator) {
    auto& cluster = simulator.cluster;
    json::object faults;
    for (const auto& [name, value] : cluster.faults.all()) faults[name] = value;
    return {{"counts", counts(cluster)},
            {"connections", simulator.cti.connections_json()},
            {"profiles", cluster.profiles.profiles_json()},
            {"issued", cluster.profiles.issued_json()},
            {"collisions", cluster.profiles.collisions_json()},
            {"faults", faults}};
}

Result<json::object> cti(Simulator& simulator, Words words) {
    const auto verb = words.empty() ? std::string_view{} : words[0];
    if (verb == "drop" || verb == "reset") {
        const auto count =
            simulator.cti.drop(verb == "drop" ? End::close : End::reset, words.size() > 1 ? words[1] : "");
        return json::object{{"connections", count}};
    }
    if (verb != "down" && verb != "up") return fail(Fault::USAGE, "cti: needs down, up, drop or reset");
    std::size_t first = 0;
    std::size_t last = simulator.cti.nodes();
    if (words.size() > 1) {
        const auto node = decimal(words[1], 1, static_cast<long>(last));
        if (!node) return fail(Fault::USAGE, "cti: no such node");
        first = static_cast<std::size_t>(*node - 1);
        last = first + 1;
    }
    for (auto node = first; node < last; ++node) {
        if (verb == "down")
            simulator.cti.down(node);
        else
            CHECK(simulator.cti.up(node));
    }
    return json::object{};
}

Result<json::object> run(Simulator& simulator, std::string_view line) {
    auto& cluster = simulator.cluster;
    std::vector<std::string_view> words;
    for (const auto word : split(line, ' '))
        if (!word.empty()) words.push_back(word);
    if (words.empty()) return fail(Fault::USAGE, "no command");
    const auto verb = words.front();
    const Words rest{words.begin() + 1, words.end()};
    if (verb == "status") return status(simulator);
    if (verb == "cti") return cti(simulator, rest);
    if (verb == "list") {
        CHECK(cluster.authority.command(rest));
    } else if (verb == "fault" && rest.size() == 1) {
        CHECK(cluster.faults.set(rest[0]));
        CHECK(simulator.follow_faults());
    } else if (verb == "clear" && rest.size() <= 1) {
        if (rest.empty())
            cluster.faults.clear();
        else
            CHECK(cluster.faults.clear(rest[0]));
        CHECK(simulator.follow_faults());
    } else if (verb == "profile" && rest.size() == 1) {
        TRY(profile, parse_profile(rest[0], wall_now()));
        cluster.profiles.set(std::move(profile));
    } else if (verb == "unprofile" && rest.size() == 1) {
        if (!cluster.profiles.remove(rest[0])) return fail(Fault::USAGE, "no such profile");
    } else {
        return fail(Fault::USAGE, "not a command: " + escape(line));
    }
    return json::object{};
}

}  // namespace

std::string_view control_help() noexcept { return help; }

std::string obey(Simulator& simulator, std::string_view line) {
    auto result = run(simulator, line);
    json::object answer{{"ok", result.has_value()}};
    if (result)
        for (auto& [key, value] : *result) answer[key] = std::move(value);
    else
        answer["error"] = result.error().detail;
    return json::serialize(answer);
}

Result<void> ControlSocket::start(const std::filesystem::path& path) {
    sockaddr_un name{};
    name.sun_family = AF_UNIX;
    if (path.native().size() >= sizeof name.sun_path)
        return fail(Fault::USAGE, path.string() + ": too long for a socket");
    path.native().copy(std::begin(name.sun_path), path.native().size());
    Fd fd{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
    std::error_code ignored;
    if (std::filesystem::is_socket(path, ignored)) std::filesystem::remove(path, ignored);
    const auto* address = reinterpret_cast<const sockaddr*>(&name);
    if (::bind(fd.get(), address, sizeof name) != 0 || ::listen(fd.get(), 16) != 0)
        return fail(Fault::PORT_IN_USE, path.string() + ": " + std::generic_category().message(errno));
    path_ = path;
    port_ = std::move(fd);
    listener_ = std::make_unique<Workers>();
    listener_->start([this, port = port_.get()](const Stop& stop) {
        accept_each(port, stop, [this](Fd client, const Address&) {
            auto stream = std::make_shared<Stream>(std::move(client));
            workers_.start([this, stream](const Stop& ending) { serve(std::move(*stream), ending); });
        });
    });
    return {};
}

void ControlSocket::stop() {
    listener_.reset();
    workers_.stop();
    port_ = Fd{};
    std::error_code ignored;
    if (!path_.empty()) std::filesystem::remove(std::exchange(path_, {}), ignored);
}

void ControlSocket::serve(Stream stream, const Stop& stop) {
    std::string input;
    std::array<std::uint8_t, 4096> octets{};
    while (const auto got = read_some(stream, octets, stop, std::nullopt)) {
        if (*got == 0) return;
        input += as_text(ByteView{octets}.first(*got));
        for (auto end = input.find('\n'); end != std::string::npos; end = input.find('\n')) {
            const auto line = input.substr(0, end);
            input.erase(0, end + 1);
            simulator_.cluster.notes.line("control",
                                          line.starts_with("profile") ? "profile ***" : escape(line));
            const auto answer = obey(simulator_, line) + "\n";
            if (!write_all(stream, as_bytes(answer), stop, Steady::now() + std::chrono::seconds{10})) return;
        }
    }
}

}  // namespace tserver::sim
