// The server over real sockets, with a tserver that is a control socket and a few answers.
#include "console/server.hpp"

#include <gmock/gmock.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <functional>

#include "net/tcp.hpp"
#include "tests/support/scratch.hpp"

namespace tserver::console {
namespace {

namespace json = boost::json;
using namespace std::chrono_literals;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

/// What tserver would answer.
class Daemon final : public control::Responder {
public:
    explicit Daemon(net::Loop& loop) : loop_{loop} {}
    net::Task<json::object> answer(json::object request) override {
        ++asked;
        auto out = control::good_answer();
        if (request.at("command") == "status") {
            out["status"] = control::to_json(status);
            co_return out;
        }
        const auto after = request.at("after").to_number<std::uint64_t>();
        if (request.at("run") != json::value("cafe") || after < oldest) {
            const Error late{Fault::EVENTS_TOO_OLD, "x", {}};
            co_return control::bad_answer(late);
        }
        if (after >= last) co_await net::sleep(loop_, 10s);
        json::array events;
        for (auto n = after + 1; n <= last; ++n) events.push_back(json::object{{"sequence", n}});
        out["run"] = "cafe";
        out["last"] = last;
        out["events"] = std::move(events);
        co_return out;
    }
    control::Status status{"0.1.0", 1, {}, {}, {"cafe", 5}};
    std::uint64_t oldest = 0, last = 7;
    int asked = 0;

private:
    net::Loop& loop_;
};

class ServerTest : public testing::Test {
protected:
    void serve(Limits limits = {}) {
        control_.emplace(loop_, *control::SocketFile::open(path_), daemon_);
        serve_without_tserver(limits);
    }
    void serve_without_tserver(Limits limits = {}) {
        auto listener = free_port();
        at_ = net::local_address(listener.get());
        server_.emplace(loop_, std::move(listener), source_, std::vector<std::string>{"proxy.example"},
                        limits);
    }
    static os::Fd free_port() {
        os::Fd socket{::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)};
        sockaddr_in any{};
        any.sin_family = AF_INET;
        any.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        ::bind(socket.get(), reinterpret_cast<sockaddr*>(&any), sizeof any);
        ::listen(socket.get(), 64);
        return socket;
    }
    os::Fd connect() {
        os::Fd socket{::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)};
        ::connect(socket.get(), at_.raw(), at_.length());
        return socket;
    }
    /// What comes until the end, or until the condition holds.
    std::string read(const os::Fd& socket, const std::function<bool(const std::string&)>& enough) {
        std::string out;
        for (const auto until = Steady::now() + 10s; Steady::now() < until && !enough(out);) {
            loop_.turn(5ms);
            char part[8192];
            const auto got = ::recv(socket.get(), part, sizeof part, 0);
            if (got == 0) break;
            if (got > 0) out.append(part, static_cast<std::size_t>(got));
        }
        return out;
    }
    std::string to_end(const os::Fd& socket) {
        return read(socket, [](const auto&) { return false; });
    }
    static void say(const os::Fd& socket, std::string_view text) {
        ASSERT_EQ(::send(socket.get(), text.data(), text.size(), MSG_NOSIGNAL), std::ssize(text));
    }
    std::string get(std::string_view path, std::string_view host = "localhost", std::string_view more = "") {
        const auto socket = connect();
        say(socket,
            fmt::format("GET {} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n{}\r\n", path, host, more));
        return to_end(socket);
    }

    const testing_support::Scratch scratch_;
    const std::string path_ = scratch_.path / "control";
    net::Loop loop_;
    Daemon daemon_{loop_};
    std::optional<control::Server> control_;
    Source source_{loop_, path_};
    net::Address at_;
    std::optional<Server> server_;
};

control::LinkStatus link(std::string name, control::LinkState state) {
    control::LinkStatus out;
    out.name = std::move(name);
    out.state = state;
    return out;
}

TEST_F(ServerTest, ShowsTheStatusWithHeadersThatGuardIt) {
    daemon_.status.links = {link("a", control::LinkState::up)};
    serve();
    const auto answer = get("/api/v1/status");
    EXPECT_THAT(answer, StartsWith("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"));
    for (const auto* header :
         {"Cache-Control: no-store\r\n", "X-Content-Type-Options: nosniff\r\n", "X-Frame-Options: DENY\r\n",
          "Content-Security-Policy: default-src 'none'; frame-ancestors 'none'\r\n",
          "Cross-Origin-Resource-Policy: same-origin\r\n"})
        EXPECT_THAT(answer, HasSubstr(header));
    EXPECT_THAT(answer, Not(HasSubstr("Access-Control-Allow-Origin")));
    const auto body = answer.substr(answer.find("\r\n\r\n") + 4);
    EXPECT_EQ(control::status_from_json(json::parse(body)).value(), daemon_.status);
}

TEST_F(ServerTest, HealthAndReadinessAreFactsOfNow) {
    daemon_.status.links = {link("a", control::LinkState::up), link("b", control::LinkState::waiting)};
    serve();
    EXPECT_THAT(get("/health"), StartsWith("HTTP/1.1 200 "));
    const auto waiting = get("/ready");
    EXPECT_THAT(waiting, StartsWith("HTTP/1.1 503 "));
    EXPECT_THAT(waiting, HasSubstr("{\"ready\":false,\"links\":2,\"not_carrying\":{\"b\":\"waiting\"}}"));
    daemon_.status.links[1].state = control::LinkState::plain;
    std::string ready;
    for (const auto until = Steady::now() + 5s; Steady::now() < until && !ready.starts_with("HTTP/1.1 200 ");)
        ready = get("/ready");
    EXPECT_THAT(ready, HasSubstr("{\"ready\":true,\"links\":2,\"not_carrying\":{}}"));
    control_.reset();
    std::string gone;
    for (const auto until = Steady::now() + 5s; Steady::now() < until && !gone.starts_with("HTTP/1.1 503 ");)
        gone = get("/health");
    EXPECT_THAT(gone, HasSubstr("\"fault\":\"DAEMON_UNREACHABLE\""));
}

TEST_F(ServerTest, MetricsAreServedWhileTserverIsDown) {
    serve_without_tserver();
    const auto text = get("/metrics");
    EXPECT_THAT(text, StartsWith("HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4"));
    EXPECT_THAT(text, HasSubstr("\ntserver_up 0\n"));
}

TEST_F(ServerTest, ManyRequestsAtOnceAskTserverOnce) {
    serve();
    for (int i = 0; i < 5; ++i) get("/metrics");
    EXPECT_LE(daemon_.asked, 5);
    const auto before = daemon_.asked;
    get("/metrics");
    get("/ready");
    EXPECT_LE(daemon_.asked, before + 1);
}

TEST_F(ServerTest, RefusesWhatIsNotThereAndWhatChangesAnything) {
    serve();
    EXPECT_THAT(get("/api/v1/reload"), StartsWith("HTTP/1.1 404 "));
    EXPECT_THAT(get("/../etc/passwd"), StartsWith("HTTP/1.1 404 "));
    const auto socket = connect();
    say(socket, "POST /api/v1/status HTTP/1.1\r\nHost: localhost\r\n\r\n");
    const auto answer = to_end(socket);
    EXPECT_THAT(answer, StartsWith("HTTP/1.1 405 "));
    EXPECT_THAT(answer, HasSubstr("Allow: GET, HEAD\r\n"));
    EXPECT_EQ(daemon_.asked, 0);
}

TEST_F(ServerTest, AnotherSitesNameThatPointsAtUsIsRefused) {
    serve();
    EXPECT_THAT(get("/health", "evil.example"), StartsWith("HTTP/1.1 421 "));
    for (const auto* host : {"localhost:1", "127.0.0.1:9748", "[::1]:9748", "proxy.example"})
        EXPECT_THAT(get("/health", host), StartsWith("HTTP/1.1 200 ")) << host;
}

TEST_F(ServerTest, AConnectionServesOneRequestAfterTheOther) {
    serve();
    const auto socket = connect();
    say(socket,
        "HEAD /health HTTP/1.1\r\nHost: localhost\r\n\r\nGET /health HTTP/1.1\r\nHost: localhost\r\n\r\n");
    const auto both = read(socket, [](const auto& text) { return text.ends_with("{\"healthy\":true}\n"); });
    EXPECT_EQ(both.find("{\"healthy\""), both.rfind("{\"healthy\"")) << "HEAD has no body";
    EXPECT_THAT(both.substr(20), HasSubstr("HTTP/1.1 200 OK"));
}

TEST_F(ServerTest, ARequestThatDoesNotComeInTimeIsEnded) {
    serve({.head = 50ms});
    const auto socket = connect();
    say(socket, "GET /health HTT");
    EXPECT_THAT(to_end(socket), StartsWith("HTTP/1.1 408 "));
    EXPECT_EQ(server_->counts().refused, 1U);
}

TEST_F(ServerTest, AnIdleConnectionIsEnded) {
    serve({.idle = 50ms});
    const auto socket = connect();
    EXPECT_EQ(to_end(socket), "");
}

TEST_F(ServerTest, AHeadWithoutEndIsRefusedAt8KiB) {
    serve();
    const auto socket = connect();
    say(socket, "GET / HTTP/1.1\r\nX: " + std::string(9000, 'x'));
    EXPECT_THAT(to_end(socket), StartsWith("HTTP/1.1 431 "));
}

TEST_F(ServerTest, MoreConnectionsThanTheLimitAreRefused) {
    serve({.connections = 2});
    const auto one = connect();
    const auto two = connect();
    for (const auto until = Steady::now() + 5s; Steady::now() < until && server_->counts().connections < 2;)
        loop_.turn(5ms);
    const auto three = connect();
    EXPECT_THAT(to_end(three), StartsWith("HTTP/1.1 503 "));
}

TEST_F(ServerTest, MoreRequestsThanTheRateAreRefused) {
    serve({.per_second = 1, .burst = 3});
    for (int i = 0; i < 3; ++i) EXPECT_THAT(get("/health"), StartsWith("HTTP/1.1 200 ")) << i;
    const auto much = get("/health");
    EXPECT_THAT(much, StartsWith("HTTP/1.1 429 "));
    EXPECT_THAT(much, HasSubstr("Retry-After: 1\r\n"));
}

TEST_F(ServerTest, AStreamBeginsWithASnapshotAndGoesOnWithEvents) {
    serve();
    const auto socket = connect();
    say(socket, "GET /api/v1/events HTTP/1.1\r\nHost: localhost\r\n\r\n");
    const auto text = read(socket, [](const auto& t) { return t.find("id: cafe:7") != std::string::npos; });
    EXPECT_THAT(text, StartsWith("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"));
    EXPECT_THAT(text, HasSubstr("id: cafe:5\nevent: snapshot\ndata: {\"version\":\"0.1.0\""));
    EXPECT_THAT(text, HasSubstr("id: cafe:6\nevent: event\ndata: {\"sequence\":6}\n\n"));
}

TEST_F(ServerTest, AStreamGoesOnWhereAClientLeftOff) {
    serve();
    const auto socket = connect();
    say(socket, "GET /api/v1/events HTTP/1.1\r\nHost: localhost\r\nLast-Event-ID: cafe:6\r\n\r\n");
    const auto text = read(socket, [](const auto& t) { return t.find("id: cafe:7") != std::string::npos; });
    EXPECT_THAT(text, Not(HasSubstr("snapshot")));
    EXPECT_THAT(text, Not(HasSubstr("id: cafe:6")));
}

TEST_F(ServerTest, AStreamThatIsTooLateGetsASnapshot) {
    daemon_.oldest = 4;
    serve();
    const auto socket = connect();
    say(socket, "GET /api/v1/events HTTP/1.1\r\nHost: localhost\r\nLast-Event-ID: cafe:1\r\n\r\n");
    const auto text = read(socket, [](const auto& t) { return t.find("id: cafe:7") != std::string::npos; });
    EXPECT_THAT(text, HasSubstr("id: cafe:5\nevent: snapshot\n"));
}

TEST_F(ServerTest, MoreFollowersThanTheLimitAreRefused) {
    serve({.followers = 1});
    const auto one = connect();
    say(one, "GET /api/v1/events HTTP/1.1\r\nHost: localhost\r\n\r\n");
    read(one, [](const auto& t) { return t.find("snapshot") != std::string::npos; });
    EXPECT_THAT(get("/api/v1/events"), StartsWith("HTTP/1.1 503 "));
}

TEST_F(ServerTest, AFollowerThatGoesAwayMakesRoomAtOnce) {
    serve({.followers = 1});
    {
        const auto one = connect();
        say(one, "GET /api/v1/events HTTP/1.1\r\nHost: localhost\r\nLast-Event-ID: cafe:7\r\n\r\n");
        read(one, [](const auto& t) { return t.find("text/event-stream") != std::string::npos; });
        EXPECT_EQ(server_->counts().followers, 1U);
    }
    for (const auto until = Steady::now() + 5s; Steady::now() < until && server_->counts().followers > 0;)
        loop_.turn(5ms);
    EXPECT_EQ(server_->counts().followers, 0U);
}

TEST(CursorTest, IsRunAndNumber) {
    EXPECT_EQ(cursor_of("cafe:7"), (control::EventCursor{"cafe", 7}));
    for (const auto* text :
         {"", ":", "cafe", "cafe:", ":7", "cafe:-1", "cafe:x", "CAFE:1", "ca\nfe:1", "cafe:7:8"})
        EXPECT_FALSE(cursor_of(text)) << text;
}

TEST(RateTest, GivesBackWithTime) {
    Rate rate{10, 2};
    const Steady::time_point start{1h};
    EXPECT_TRUE(rate.take(start));
    EXPECT_TRUE(rate.take(start));
    EXPECT_FALSE(rate.take(start));
    EXPECT_TRUE(rate.take(start + 100ms));
    EXPECT_FALSE(rate.take(start + 150ms));
    EXPECT_TRUE(rate.take(start + 1h));
    EXPECT_TRUE(rate.take(start + 1h));
    EXPECT_FALSE(rate.take(start + 1h)) << "never more than the burst";
}

}  // namespace
}  // namespace tserver::console
