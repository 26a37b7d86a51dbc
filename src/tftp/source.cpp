#include "tftp/source.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "tftp/http.hpp"

namespace tserver::tftp {
namespace {

constexpr std::size_t most_capf_addresses = 4;
constexpr std::string_view common_name = "CTLFile.tlv";

net::Task<std::vector<std::string>> names_to_ask(net::Loop& loop, std::optional<Host> capf,
                                                 std::chrono::milliseconds limit) {
    std::vector<std::string> names;
    if (capf) {
        auto resolving = net::resolve(loop, *capf, 0);
        auto limited = net::within(loop, limit, std::move(resolving));
        auto addresses = co_await std::move(limited);
        if (addresses) {
            for (const auto& address : *addresses) {
                auto name = capf_list_name(address);
                if (!name || names.size() == most_capf_addresses) continue;
                if (std::ranges::find(names, *name) == names.end()) names.push_back(*std::move(name));
            }
        }
    }
    names.emplace_back(common_name);
    co_return names;
}

net::Task<Result<Fetched>> by_tftp(net::Loop& loop, const Source& source, const std::string& name) {
    Limits limits;
    limits.deadline = source.timeout;
    limits.largest = source.largest;
    Server server{source.host, source.port};
    auto fetching = fetch(loop, std::move(server), name, limits);
    CO_TRY(got, "tftp", co_await std::move(fetching));
    Fetched out;
    out.file = std::move(got.file);
    out.where = "tftp " + got.from.str();
    out.facts = got.facts;
    out.farewell = std::move(got.farewell);
    co_return out;
}

net::Task<Result<Fetched>> by_http(net::Loop& loop, const Source& source, const std::string& name) {
    HttpLimits limits;
    limits.deadline = source.timeout;
    limits.largest = source.largest;
    auto getting = http_get(loop, source.host, source.port, name, limits);
    auto got = co_await std::move(getting);
    if (!got) co_return tl::unexpected(std::move(got).error());
    Fetched out;
    out.file = std::move(got->file);
    out.where = "http " + got->from;
    co_return out;
}

}  // namespace

std::optional<std::string> capf_list_name(const net::Address& capf) {
    if (capf.family() != AF_INET) return std::nullopt;
    sockaddr_in address{};
    std::memcpy(&address, capf.raw(), sizeof address);
    return fmt::format("CTLCAPF{:08X}.tlv", ntohl(address.sin_addr.s_addr));
}

net::Task<Result<Fetched>> fetch_trust_list(net::Loop& loop, Source source) {
    const auto names = co_await names_to_ask(loop, source.capf, source.timeout);
    std::string missing;
    for (const auto& name : names) {
        auto asking = source.way == Way::http ? by_http(loop, source, name) : by_tftp(loop, source, name);
        auto got = co_await std::move(asking);
        if (got) {
            got->name = name;
            co_return got;
        }
        if (got.error().fault != Fault::CTL_NOT_FOUND) {
            co_return tl::unexpected(std::move(got).error().in(name));
        }
        missing += (missing.empty() ? "" : "; ") + got.error().detail;
    }
    co_return fail(Fault::CTL_NOT_FOUND, missing);
}

}  // namespace tserver::tftp
