#include "control/socket.hpp"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <fstream>

#include "control/blocking.hpp"
#include "tests/support/scratch.hpp"

namespace tserver::control {
namespace {

namespace json = boost::json;
using namespace std::chrono_literals;

/// Answers with the request under "echo"; "slow" waits.
class Echo final : public Responder {
public:
    explicit Echo(net::Loop& loop) : loop_{loop} {}
    net::Task<json::object> answer(json::object request) override {
        if (request.contains("slow")) co_await net::sleep(loop_, 50ms);
        if (request.contains("refuse")) {
            const Error error{Fault::LINK_UNKNOWN, "no link \"x\"", {}};
            co_return bad_answer(error);
        }
        auto out = good_answer();
        out["echo"] = std::move(request);
        co_return out;
    }

private:
    net::Loop& loop_;
};

/// Answers never; knows how many wait.
class Endless final : public Responder {
public:
    explicit Endless(net::Loop& loop) : loop_{loop} {}
    net::Task<json::object> answer(json::object) override {
        struct Counted {
            int& count;
            explicit Counted(int& c) : count{c} { ++count; }
            Counted(const Counted&) = delete;
            Counted& operator=(const Counted&) = delete;
            ~Counted() { --count; }
        };
        const Counted counted{waiting};
        co_await net::sleep(loop_, 1h);
        co_return good_answer();
    }
    int waiting = 0;

private:
    net::Loop& loop_;
};

class SocketTest : public testing::Test {
protected:
    SocketTest() { path_ = directory_ / "control.sock"; }

    void serve(Server::Limits limits = {}) {
        auto file = SocketFile::open(path_);
        ASSERT_TRUE(file) << file.error().text();
        server_.emplace(loop_, *std::move(file), echo_, limits);
    }
    Client connect() { return *Client::connect(loop_, path_); }
    Result<json::object> ask(Client& client, json::object request) {
        return result_of(loop_, client.ask(std::move(request), 5s));
    }
    /// What comes for raw octets, until the first line end or the end of the connection.
    std::string raw(std::string_view octets) {
        os::Fd socket{::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0)};
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        std::strncpy(address.sun_path, path_.c_str(), sizeof address.sun_path - 1);
        if (::connect(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0)
            return "no connection";
        std::string out;
        while (out.find('\n') == std::string::npos) {
            if (!octets.empty()) {
                const auto sent = ::send(socket.get(), octets.data(), octets.size(), MSG_NOSIGNAL);
                if (sent > 0) octets.remove_prefix(static_cast<std::size_t>(sent));
            }
            loop_.turn(10ms);
            char part[4096];
            const auto got = ::recv(socket.get(), part, sizeof part, 0);
            if (got == 0) break;
            if (got > 0) out.append(part, static_cast<std::size_t>(got));
        }
        return out;
    }

    const testing_support::Scratch scratch_;
    const std::filesystem::path directory_ = scratch_.path;
    std::string path_;
    net::Loop loop_;
    Echo echo_{loop_};
    std::optional<Server> server_;
};

TEST_F(SocketTest, AnswersRequestAfterRequestOfOneClient) {
    serve();
    auto client = connect();
    for (const int i : {1, 2, 3}) {
        const auto answer = ask(client, {{"n", i}});
        ASSERT_TRUE(answer) << answer.error().text();
        EXPECT_EQ(answer->at("echo").at("n"), i);
    }
}

TEST_F(SocketTest, AnswersASecondClientWhileTheFirstWaits) {
    serve();
    auto first = connect();
    auto second = connect();
    auto waiting = first.ask({{"slow", true}}, 5s);
    waiting.start();
    EXPECT_TRUE(ask(second, {{"n", 2}}));
    EXPECT_FALSE(waiting.started_and_done());
    while (!waiting.started_and_done()) loop_.turn(1s);
    EXPECT_TRUE(waiting.take());
}

TEST_F(SocketTest, PassesARefusalOnAsItsError) {
    serve();
    auto client = connect();
    const auto answer = ask(client, {{"refuse", 1}});
    ASSERT_FALSE(answer);
    EXPECT_EQ(answer.error().fault, Fault::LINK_UNKNOWN);
    EXPECT_EQ(answer.error().detail, "no link \"x\"");
}

TEST_F(SocketTest, TellsAClientWhoseLineIsNoJsonAndGoesOn) {
    serve();
    EXPECT_NE(raw("nonsense\n").find("CONTROL_PROTOCOL"), std::string::npos);
    EXPECT_NE(raw("[1]\n").find("not a JSON object"), std::string::npos);
    auto client = connect();
    EXPECT_TRUE(ask(client, {{"n", 1}}));
}

TEST_F(SocketTest, RefusesARequestAboveTheLimit) {
    serve();
    const auto answer = raw(std::string(Server::longest_request + 1, 'x'));
    EXPECT_NE(answer.find("a line is longer than 65536 octets"), std::string::npos) << answer;
}

TEST_F(SocketTest, ClosesAClientThatSaysNothing) {
    Server::Limits limits;
    limits.idle = 30ms;
    serve(limits);
    EXPECT_EQ(raw(""), "");
}

TEST_F(SocketTest, RefusesTheThirtyThirdClientAndServesItsPlaceAgain) {
    serve();
    std::vector<Client> clients;
    for (std::size_t i = 0; i < Server::most_clients; ++i) {
        clients.push_back(connect());
        ASSERT_TRUE(ask(clients.back(), {{"n", 1}}));
    }
    EXPECT_NE(raw("{}\n").find("32 clients are connected"), std::string::npos);
    clients.pop_back();
    loop_.turn(10ms);
    EXPECT_NE(raw("{}\n").find("echo"), std::string::npos);
}

TEST_F(SocketTest, IsForItsUserOnly) {
    serve();
    struct stat seen {};
    ASSERT_EQ(::stat(path_.c_str(), &seen), 0);
    EXPECT_EQ(seen.st_mode & 0777U, 0600U);
}

TEST_F(SocketTest, ClientSaysWhenNobodyServes) {
    const auto none = Client::connect(loop_, path_);
    ASSERT_FALSE(none);
    EXPECT_EQ(none.error().fault, Fault::DAEMON_UNREACHABLE);
    EXPECT_EQ(none.error().detail, path_ + ": No such file or directory");
}

TEST_F(SocketTest, ClientGivesUpAtItsDeadline) {
    serve();
    auto client = connect();
    const auto answer = result_of(loop_, client.ask({{"slow", true}}, 10ms));
    ASSERT_FALSE(answer);
    EXPECT_EQ(answer.error().fault, Fault::DAEMON_UNREACHABLE);
}

TEST_F(SocketTest, F70_RefusesToStartBesideALivingServer) {
    serve();
    const auto second = SocketFile::open(path_);
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().fault, Fault::CONTROL_IN_USE);
    EXPECT_EQ(second.error().detail, path_ + ": another tserver serves this control socket");
    auto client = connect();
    EXPECT_TRUE(ask(client, {{"n", 1}})) << "the first one is untouched";
}

TEST_F(SocketTest, F70_TakesOverWhatAKilledServerLeft) {
    os::Fd dead{::socket(AF_UNIX, SOCK_STREAM, 0)};
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, path_.c_str(), sizeof address.sun_path - 1);
    ASSERT_EQ(::bind(dead.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    dead.reset();
    ASSERT_TRUE(std::filesystem::exists(path_));
    serve();
    auto client = connect();
    EXPECT_TRUE(ask(client, {{"n", 1}}));
}

TEST_F(SocketTest, F70_RemovesItsOwnFilesOnly) {
    serve();
    std::filesystem::remove(path_);
    std::ofstream{path_} << "somebody else's";
    server_.reset();
    EXPECT_TRUE(std::filesystem::exists(path_));

    const auto file = SocketFile::open(path_);
    ASSERT_FALSE(file);
    EXPECT_EQ(file.error().detail, path_ + " exists and is no socket");
    std::filesystem::remove(path_);
    serve();
    server_.reset();
    EXPECT_FALSE(std::filesystem::exists(path_));
    EXPECT_FALSE(std::filesystem::exists(path_ + ".lock"));
}

TEST_F(SocketTest, RefusesAPathThatDoesNotFit) {
    const auto file = SocketFile::open("/tmp/" + std::string(120, 'x'));
    ASSERT_FALSE(file);
    EXPECT_EQ(file.error().fault, Fault::CONFIG_VALUE);
}

TEST_F(SocketTest, AClientThatGoesAwayEndsTheWorkForItsAnswer) {
    Endless endless{loop_};
    const Server server{loop_, *SocketFile::open(path_), endless};
    {
        auto client = connect();
        auto asking = client.ask({{"command", "wait"}}, 30s);
        asking.start();
        for (const auto until = Steady::now() + 5s; Steady::now() < until && endless.waiting == 0;)
            loop_.turn(10ms);
        ASSERT_EQ(endless.waiting, 1);
    }
    for (const auto until = Steady::now() + 5s; Steady::now() < until && endless.waiting > 0;)
        loop_.turn(10ms);
    EXPECT_EQ(endless.waiting, 0);
}

TEST_F(SocketTest, AClientThatOnlyEndsItsSideGetsItsAnswer) {
    serve();
    os::Fd socket{::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0)};
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, path_.c_str(), sizeof address.sun_path - 1);
    ASSERT_EQ(::connect(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    const std::string_view request = "{\"slow\":1}\n";
    ASSERT_EQ(::send(socket.get(), request.data(), request.size(), 0), std::ssize(request));
    ::shutdown(socket.get(), SHUT_WR);
    std::string got(4096, '\0');
    ssize_t count = -1;
    for (const auto until = Steady::now() + 5s; Steady::now() < until && count < 0;) {
        loop_.turn(10ms);
        count = ::recv(socket.get(), got.data(), got.size(), 0);
    }
    ASSERT_GT(count, 0);
    EXPECT_EQ(got.substr(0, 10), "{\"ok\":true");
}

}  // namespace
}  // namespace tserver::control
