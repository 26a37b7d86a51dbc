#include "cli/support_bundle.hpp"

#include <fmt/format.h>
#include <sys/utsname.h>

#include <algorithm>
#include <fstream>
#include <sstream>

#include "base/text.hpp"
#include "base/time.hpp"
#include "config/config.hpp"
#include "config/options.hpp"
#include "os/file.hpp"

namespace tserver::cli {

namespace json = boost::json;

namespace {

constexpr std::size_t most_log = 1'500'000;
constexpr std::size_t most_output = 1'000'000;  ///< of one command

bool is_digit(char c) { return c >= '0' && c <= '9'; }

/// The end of a file, from the first whole line of it.
std::string end_of_file(const std::string& path) {
    std::ifstream file{path, std::ios::binary | std::ios::ate};
    if (!file) return path + ": cannot be read";
    const auto size = static_cast<std::size_t>(file.tellg());
    const auto begin = size > most_log ? size - most_log : 0;
    file.seekg(static_cast<std::streamoff>(begin));
    std::string text(size - begin, '\0');
    file.read(text.data(), static_cast<std::streamsize>(text.size()));
    text.resize(static_cast<std::size_t>(file.gcount()));
    if (begin > 0) text.erase(0, text.find('\n') + 1);
    return text;
}

json::array lines_of(std::string_view text) {
    constexpr std::size_t longest_line = 2000;
    json::array out;
    for (const auto line : split(text, '\n'))
        if (!line.empty()) out.push_back(json::string{escape(line, longest_line)});
    return out;
}

json::object system_json() {
    utsname about{};
    if (::uname(&about) != 0) return {};
    return {{"system", about.sysname},
            {"release", about.release},
            {"version", about.version},
            {"machine", about.machine}};
}

json::object section(const std::vector<std::string>& arguments, const RunCommand& run) {
    std::ostringstream out;
    std::ostringstream err;
    auto all = arguments;
    all.insert(all.begin(), "--json");
    const int code = run(std::move(all), out, err);
    json::object made{{"command", fmt::format("tserverctl --json {}", fmt::join(arguments, " "))},
                      {"exit_code", code},
                      {"errors", lines_of(err.str())}};
    const auto text = out.str();
    json::error_code error;
    auto value = json::parse(text, error);
    if (!error && text.size() <= most_output) {
        made["output"] = std::move(value);
    } else {  // one value a line (events), or too much: the end of it
        made["output"] =
            lines_of(std::string_view{text}.substr(text.size() - std::min(text.size(), most_output)));
    }
    return made;
}

/// The secrets that a configuration holds, however broken the rest of it is.
std::vector<std::string> secrets_of(const std::string& config) {
    std::vector<std::string> out;
    const auto loaded = config::load(config, config::Purpose::checking);
    if (!loaded) return out;
    for (const auto& link : loaded->links) {
        if (link.passphrase) out.emplace_back(link.passphrase->reveal());
        if (link.auth_code) out.emplace_back(link.auth_code->reveal());
    }
    return out;
}

}  // namespace

std::string struck_out(std::string text, std::string_view secret) {
    constexpr std::string_view stars = "***";
    if (secret.empty()) return text;
    const bool digits = std::ranges::all_of(secret, is_digit);
    for (auto at = text.find(secret); at != std::string::npos; at = text.find(secret, at)) {
        const auto behind = at + secret.size();
        const bool part_of_number = digits && ((at > 0 && is_digit(text[at - 1])) ||
                                               (behind < text.size() && is_digit(text[behind])));
        if (part_of_number) {
            at = behind;
            continue;
        }
        text.replace(at, secret.size(), stars);
        at += stars.size();
    }
    return text;
}

int support_bundle(const Terms& terms, const BundleRequest& request, const RunCommand& run) {
    const std::vector<std::vector<std::string>> commands{
        {"--control", terms.control, "status"},
        {"--control", terms.control, "events"},
        {"config", "check", request.config},
        {"config", "show", request.config},
        {"store", "--config", request.config, "list"},
        {"--control", terms.control, "doctor", "--config", request.config}};
    json::array sections;
    for (const auto& command : commands) sections.push_back(section(command, run));
    json::object bundle{{"made", rfc3339(wall_now())},
                        {"version", TSERVER_VERSION},
                        {"system", system_json()},
                        {"sections", std::move(sections)}};
    if (request.log) {
        auto text = end_of_file(*request.log);
        for (auto& secret : secrets_of(request.config)) {
            text = struck_out(std::move(text), secret);
            wipe(secret);
        }
        bundle["log"] = lines_of(text);
    }
    auto text = json::serialize(bundle);
    if (text.size() > largest_bundle) {
        bundle["log"] = json::array{"left out: the bundle would be larger than 5 MB"};
        text = json::serialize(bundle);
    }
    if (const auto made = os::create_file(request.file, as_bytes(text), 0600); !made)
        return say_error(terms, made.error());
    if (terms.json)
        print(terms, json::object{{"file", request.file}, {"octets", text.size()}});
    else
        terms.out << fmt::format("{}: {} octets, no secrets; look at it before you send it\n", request.file,
                                 text.size());
    return 0;
}

}  // namespace tserver::cli
