// For tests: a server that plays a script, under the real dialogue and without a socket.
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <deque>
#include <fstream>
#include <iterator>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "capf/enrol.hpp"

namespace tserver::capf::test {

using namespace std::chrono_literals;

/// Runs a task that never has to wait for a descriptor.
template <class T>
T play(Task<T> task) {
    task.start();
    if (!task.started_and_done()) std::abort();
    return task.take();
}

class Script final : public Wire {
public:
    enum class Then : std::uint8_t { closed, silent };

    Script& says(const Message& message) { return says(encode(message)); }
    Script& says(Bytes octets) {
        incoming_.push_back({std::move(octets), 0ms});
        return *this;
    }
    Script& says_all(const std::vector<Message>& messages) {
        for (const auto& message : messages) says(message);
        return *this;
    }
    /// What comes next takes this long to come.
    Script& after(std::chrono::milliseconds pause) {
        incoming_.push_back({{}, pause});
        return *this;
    }
    Script& then(Then end) {
        end_ = end;
        return *this;
    }
    /// The line breaks when the client has written this many octets.
    Script& breaks_after_writing(std::size_t octets) {
        room_ = octets;
        return *this;
    }

    Task<Result<std::size_t>> read(std::span<std::uint8_t> into, std::chrono::milliseconds limit) override {
        while (!incoming_.empty() && incoming_.front().octets.empty()) {
            auto& pause = incoming_.front().pause;
            now_ += std::min(pause, limit);
            if (pause > limit) {
                pause -= limit;
                co_return silence(limit);
            }
            limit -= pause;
            incoming_.pop_front();
        }
        if (incoming_.empty() || broken_) {
            if (end_ == Then::closed || broken_) co_return std::size_t{0};
            now_ += limit;
            co_return silence(limit);
        }
        auto& octets = incoming_.front().octets;
        const auto count = std::min(octets.size(), into.size());
        std::copy_n(octets.begin(), count, into.begin());
        octets.erase(octets.begin(), octets.begin() + static_cast<std::ptrdiff_t>(count));
        if (octets.empty()) incoming_.pop_front();
        co_return count;
    }

    Task<Result<void>> write(ByteView octets, std::chrono::milliseconds) override {
        if (octets.size() > room_) {
            broken_ = true;
            co_return fail(Fault::CAPF_COMM, "reset");
        }
        room_ -= octets.size();
        records_.push_back(to_bytes(octets));
        co_return Result<void>{};
    }

    [[nodiscard]] Steady::time_point now() const override { return now_; }
    void pass(std::chrono::milliseconds time) { now_ += time; }
    /// What the client wrote, one entry for each record.
    [[nodiscard]] const std::vector<Bytes>& records() const { return records_; }
    /// The commands in them.
    [[nodiscard]] std::vector<Command> commands() const {
        std::vector<Command> out;
        for (const auto& record : records_) out.push_back(decode(record)->command);
        return out;
    }
    [[nodiscard]] Message sent(std::size_t index) const { return *decode(records_.at(index)); }

private:
    struct Piece {
        Bytes octets;
        std::chrono::milliseconds pause;
    };
    static tl::unexpected<Error> silence(std::chrono::milliseconds limit) {
        return fail(Fault::CAPF_STALLED, fmt::format("nothing within {} ms", limit.count()));
    }

    std::deque<Piece> incoming_;
    Then end_ = Then::closed;
    std::size_t room_ = std::numeric_limits<std::size_t>::max();
    bool broken_ = false;
    std::vector<Bytes> records_;
    Steady::time_point now_{std::chrono::hours{1}};
};

inline std::string file(const std::string& name) {
    std::ifstream in{fmt::format("{}/capf/{}", TSERVER_TEST_DATA, name), std::ios::binary};
    return {std::istreambuf_iterator<char>{in}, {}};
}
inline crypto::Certificate certificate(const std::string& name) {
    return *crypto::Certificate::from_pem(file(name));
}
inline crypto::PrivateKey private_key(const std::string& name) {
    return *crypto::PrivateKey::from_pem(file(name));
}

/// Keeps nothing, counts everything.
class Keeper final : public KeyKeeper {
public:
    explicit Keeper(const std::string& pem = "keys/01-client.pem")
        : Keeper{std::make_shared<const crypto::PrivateKey>(private_key(pem))} {}
    explicit Keeper(std::shared_ptr<const crypto::PrivateKey> key) : key_{std::move(key)} {}

    Task<Result<const crypto::PrivateKey*>> key_for(KeySpec spec) override {
        asked.push_back(spec);
        if (when_asked) when_asked();
        if (no_key) co_return tl::unexpected<Error>(*no_key);
        co_return key_.get();
    }
    Task<Result<void>> keep(const crypto::Certificate& certificate) override {
        kept.push_back(certificate);
        if (when_asked_to_keep) when_asked_to_keep();
        co_return keeping;
    }

    std::vector<KeySpec> asked;
    std::vector<crypto::Certificate> kept;
    std::function<void()> when_asked;
    std::function<void()> when_asked_to_keep;
    std::optional<Error> no_key;
    Result<void> keeping;

private:
    std::shared_ptr<const crypto::PrivateKey> key_;
};

inline Instant day_after_issue() { return *from_rfc3339("2026-11-26T00:00:00Z"); }

inline Request request(std::uint8_t version = 1) {
    return Request{.instance = *InstanceId::parse("link1"),
                   .code = *AuthCode::parse("12345"),
                   .version = version,
                   .authorities = {certificate("keys/capf-server.crt.pem")},
                   .now = day_after_issue};
}

// --- what a server says, session 7 ---

inline Message say(Command command) { return Message{command, 7, {}}; }
inline Message auth_request(std::uint8_t version = 3) {
    return say(Command::auth_request).add(Tag::version, version).add(Tag::auth_type, 0);
}
inline Message key_request(std::uint16_t bits = 2048) {
    return say(Command::key_generate_request).add(Tag::key_size, Writer{}.u16(bits).view());
}
inline Message curve_request(std::uint8_t curve) {
    return say(Command::key_generate_request).add(Tag::key_type, 1).add(Tag::curve, curve);
}
inline Message store_request(const crypto::Certificate& issued) {
    return say(Command::store_certificate_request)
        .add(Tag::certificate_type, 1)
        .add(Tag::certificate, certificate_element(issued));
}
inline Message end_session(std::uint8_t reason) { return say(Command::end_session).add(Tag::reason, reason); }

/// The whole good exchange for key and certificate of recording 01.
inline std::vector<Message> install() {
    return {auth_request(), key_request(), store_request(certificate("keys/01-client.pem")), end_session(1)};
}

/// One enrolment against a script.
struct Play {
    Script server;
    Keeper keeper;
    Progress progress;
    std::vector<std::string> steps;

    explicit Play(const std::string& pem = "keys/01-client.pem") : Play{Keeper{pem}} {}
    explicit Play(Keeper with) : keeper{std::move(with)} {
        progress.observer = [this](std::string_view step) { steps.emplace_back(step); };
    }
    Play(const Play&) = delete;
    Play& operator=(const Play&) = delete;

    Result<Enrolled> with(const Request& wanted) {
        Dialogue dialogue{server, server.now() + wanted.limits.total};
        return play(enrol(dialogue, wanted, keeper, progress));
    }
};

}  // namespace tserver::capf::test
