#include "console/source.hpp"

namespace tserver::console {

namespace json = boost::json;

net::Task<Result<Source::Snapshot>> Source::status() {
    if (last_ && Steady::now() - taken_ < fresh) co_return *last_;
    auto asking = ask();
    auto got = co_await std::move(asking);
    last_.reset();
    if (!got) co_return got;
    last_ = *got;
    taken_ = Steady::now();
    expiries_.learn(got->status);
    co_return got;
}

net::Task<Result<Source::Snapshot>> Source::ask() {
    CO_TRY(client, "status", control::Client::connect(loop_, control_));
    json::object request{{"command", "status"}};
    auto asking = client.ask(std::move(request), limit);
    CO_TRY(answer, "status", co_await std::move(asking));
    auto* value = answer.if_contains("status");
    if (value == nullptr) co_return fail(Fault::CONTROL_PROTOCOL, "an answer without status");
    CO_TRY(status, "status", control::status_from_json(*value));
    Snapshot out{std::move(*value), std::move(status)};
    co_return out;
}

net::Task<Result<json::object>> Source::events(std::optional<control::Client>& client,
                                               control::EventCursor after, std::chrono::milliseconds wait) {
    if (!client) {
        CO_TRY(made, "events", control::Client::connect(loop_, control_));
        client.emplace(std::move(made));
    }
    json::object request{
        {"command", "events"}, {"run", after.run}, {"after", after.last}, {"wait_ms", wait.count()}};
    auto asking = client->ask(std::move(request), wait + limit);
    auto answer = co_await std::move(asking);
    if (!answer) client.reset();
    co_return answer;
}

}  // namespace tserver::console
