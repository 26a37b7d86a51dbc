// links: tftp
// Transfers through a network that loses, doubles and delays packets in both directions, in virtual time:
//   tftp_torture_bench [transfers] [seed]
// Each transfer must end within its deadline with the exact file or a named error, without a storm of
// acknowledgements. Exit code 1 when one does not. The same seed gives the same run.
#include <fmt/format.h>

#include <cstdlib>
#include <map>
#include <random>

#include "tests/support/tftp_server.hpp"
#include "tftp/attempts.hpp"

namespace {

using namespace tserver;
using namespace std::chrono_literals;
using tftp::TimePoint;

struct Chances {
    double lost, doubled, late;  ///< of each packet, 0 to 0.2
};

struct Verdict {
    std::string outcome;  ///< "exact", "wrong …", or the name of the fault
    std::size_t octets = 0;
    double seconds = 0;
    bool storm = false;
};

/// One fetch, the server, and what is on its way between them.
class Run {
public:
    explicit Run(std::uint64_t seed) : random_{seed}, chances_{chance(), chance(), chance()} {
        std::vector<net::Address> addresses{address_};
        attempts_.emplace(std::move(addresses), "CTLFile.tlv", limits_, begin_ + limits_.deadline, random_());
        file_ = random_file();
        server_.emplace(file_, random_traits());
    }

    Verdict play() {
        while (!over_) {
            if (!transfer_) next_request();
            if (!over_) step();
        }
        verdict_.octets = file_.size();
        verdict_.seconds = std::chrono::duration<double>(now_ - begin_).count();
        if (now_ > begin_ + limits_.deadline) verdict_.outcome = "wrong: after the deadline";
        return std::move(verdict_);
    }

private:
    struct Flying {
        bool to_server;
        std::uint16_t from, to;
        Bytes packet;
    };

    double chance() { return std::uniform_real_distribution<double>{0, 0.2}(random_); }
    bool happens(double probability) { return std::bernoulli_distribution{probability}(random_); }
    std::size_t between(std::size_t low, std::size_t high) {
        return std::uniform_int_distribution<std::size_t>{low, high}(random_);
    }

    Bytes random_file() {
        // The size of a trust list as a rule, exact multiples of a block often.
        const std::size_t sizes[] = {between(0, 3'000), between(3'000, 20'000), between(20'000, 60'000),
                                     512 * between(0, 30), 1428 * between(0, 12)};
        Bytes file(sizes[between(0, std::size(sizes) - 1)]);
        for (auto& octet : file) octet = static_cast<std::uint8_t>(random_());
        return file;
    }
    test::TftpServer::Traits random_traits() {
        test::TftpServer::Traits traits;
        traits.answers_options = happens(0.7);
        traits.largest_block = between(0, 2) == 0 ? between(8, 1428) : 1428;
        if (file_.size() > 60U * traits.largest_block) traits.largest_block = 1428;
        traits.answers_every_ack = happens(0.5);
        traits.repeat = std::chrono::milliseconds{between(200, 3'000)};
        return traits;
    }

    void next_request() {
        transfer_ = attempts_->next(now_);
        if (!transfer_) return end(std::string{id(attempts_->error().fault)});
        ++client_port_;
        events_ = 1;
        send(transfer_->start(now_));
    }

    /// The next thing that happens anywhere.
    void step() {
        const auto arrival = flying_.empty() ? TimePoint::max() : flying_.begin()->first;
        const auto server = server_->wake().value_or(TimePoint::max());
        now_ = std::max(now_, std::min({arrival, server, transfer_->wake()}));
        if (arrival <= now_) {
            auto packet = std::move(flying_.begin()->second);
            flying_.erase(flying_.begin());
            arrive(packet);
        } else if (server <= now_) {
            for (const auto& out : server_->tick(now_)) fly(false, out.from, out.to, out.packet);
        } else {
            ++events_;
            if (auto out = transfer_->time_is_up(now_)) send(*out);
        }
        check();
    }

    void arrive(const Flying& packet) {
        if (packet.to_server) {
            for (const auto& out : server_->received(packet.from, packet.to, packet.packet, now_)) {
                fly(false, out.from, out.to, out.packet);
            }
        } else if (packet.to == client_port_) {
            ++events_;
            if (auto out = transfer_->received(with_port(packet.from), packet.packet, now_)) send(*out);
        }
    }

    void check() {
        if (transfer_->facts().sent > events_) verdict_.storm = true;
        if (transfer_->state() == tftp::Transfer::State::failed) {
            attempts_->failed(transfer_->error(), transfer_->next());
            transfer_.reset();
        } else if (transfer_->state() == tftp::Transfer::State::complete) {
            // Twice the blocks in acknowledgements would be a storm at no loss; loss needs its repeats.
            const auto& facts = transfer_->facts();
            if (facts.repeated > facts.received + 20) verdict_.storm = true;
            end(transfer_->take_file() == file_ ? "exact" : "wrong: another file");
        }
    }

    void send(const tftp::Send& out) { fly(true, client_port_, out.to.port(), out.packet); }

    void fly(bool to_server, std::uint16_t from, std::uint16_t to, const Bytes& packet) {
        const int copies = happens(chances_.lost) ? 0 : happens(chances_.doubled) ? 2 : 1;
        for (int i = 0; i < copies; ++i) {
            auto delay = std::chrono::milliseconds{between(1, 30)};
            if (happens(chances_.late)) delay += std::chrono::milliseconds{between(20, 1'500)};
            flying_.emplace(now_ + delay, Flying{to_server, from, to, packet});
        }
    }

    [[nodiscard]] net::Address with_port(std::uint16_t port) const {
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_port = htons(port);
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        return {reinterpret_cast<const sockaddr*>(&address), sizeof address};
    }

    void end(std::string outcome) {
        verdict_.outcome = std::move(outcome);
        over_ = true;
    }

    std::mt19937_64 random_;
    Chances chances_;
    tftp::Limits limits_;
    TimePoint begin_{std::chrono::hours{1}};
    TimePoint now_ = begin_;
    net::Address address_ = with_port(test::TftpServer::service);
    Bytes file_;
    std::optional<tftp::Attempts> attempts_;
    std::optional<test::TftpServer> server_;
    std::optional<tftp::Transfer> transfer_;
    std::multimap<TimePoint, Flying> flying_;
    std::uint16_t client_port_ = 50'000;
    std::size_t events_ = 0;  ///< that allow the client one packet each
    Verdict verdict_;
    bool over_ = false;
};

}  // namespace

int main(int argc, char** argv) {
    const auto transfers = argc > 1 ? std::strtoul(argv[1], nullptr, 10) : 10'000UL;
    const auto seed = argc > 2 ? std::strtoul(argv[2], nullptr, 10) : std::random_device{}();
    std::map<std::string, std::size_t> outcomes;
    std::size_t storms = 0;
    std::size_t wrong = 0;
    double longest = 0;
    double total = 0;
    for (std::size_t i = 0; i < transfers; ++i) {
        const auto verdict = Run{seed + i}.play();
        ++outcomes[verdict.outcome];
        longest = std::max(longest, verdict.seconds);
        total += verdict.seconds;
        if (verdict.storm) ++storms;
        if (verdict.outcome.starts_with("wrong") || verdict.storm) {
            ++wrong;
            fmt::print("{} (seed {}): {}\n", verdict.storm ? "storm" : verdict.outcome, seed + i,
                       verdict.octets);
        }
    }
    fmt::print("{} transfers, seed {}, loss, duplication and delay each 0 to 20 % in both directions\n",
               transfers, seed);
    for (const auto& [outcome, count] : outcomes) fmt::print("{:>8} {}\n", count, outcome);
    fmt::print("{:>8} wrong, {} storms; mean {:.2f} s, longest {:.2f} s (virtual)\n", wrong, storms,
               total / static_cast<double>(std::max<std::size_t>(transfers, 1)), longest);
    return wrong == 0 ? 0 : 1;
}
