// Which file names are asked, in which order, and what each answer leads to.
#include "tftp/source.hpp"

#include <gmock/gmock.h>

#include "tftp/test_peer.hpp"

namespace tserver::tftp {
namespace {

using namespace test;
using testing::ElementsAre;
using testing::HasSubstr;

/// A TFTP service that has the named files, each of one block, and keeps the names it was asked.
class Service {
public:
    explicit Service(std::map<std::string, Bytes> files, std::size_t requests)
        : socket_{"127.0.0.1"}, script_{[this, all = std::move(files), requests] {
              for (std::size_t i = 0; i < requests; ++i) answer(all);
          }} {}
    [[nodiscard]] Port port() const { return socket_.port(); }
    std::vector<std::string> asked() {
        script_.join();
        return asked_;
    }

private:
    void answer(const std::map<std::string, Bytes>& files) {
        const auto request = socket_.receive();
        if (!request) return;
        const auto text = as_text(ByteView{request->packet}.subspan(2));
        const std::string name{text.substr(0, text.find('\0'))};
        asked_.push_back(name);
        const auto file = files.find(name);
        if (file == files.end()) {
            socket_.send(request->from, error(ErrorCode::file_not_found, "File not found"));
        } else {
            socket_.send(request->from, data(1, file->second));
            static_cast<void>(socket_.receive());
        }
    }
    Socket socket_;
    std::vector<std::string> asked_;
    Script script_;
};

Result<Fetched> get(Port port, std::optional<std::string_view> capf) {
    Source source{Way::tftp, host("127.0.0.1"), port, std::nullopt};
    source.timeout = 5s;
    if (capf) source.capf = host(*capf);
    net::Loop loop;
    auto got = run_to_end(loop, fetch_trust_list(loop, source));
    if (got) got->farewell.cancel();
    return got;
}

TEST(CapfListName, HasTheIpv4AddressInEightUpperCaseHexDigits) {
    EXPECT_EQ(capf_list_name(address("127.1.15.2", 3804)), "CTLCAPF7F010F02.tlv");
    EXPECT_EQ(capf_list_name(address("10.1.1.250", 0)), "CTLCAPF0A0101FA.tlv");
    EXPECT_EQ(capf_list_name(address("::1", 0)), std::nullopt);
}

TEST(TrustListSource, AsksForTheListOfTheCapfServerFirst) {
    Service service{{{"CTLCAPF7F010F02.tlv", content(77)}, {"CTLFile.tlv", content(3)}}, 1};
    const auto got = get(service.port(), "127.1.15.2");
    ASSERT_TRUE(got) << got.error().text();
    EXPECT_EQ(got->file, content(77));
    EXPECT_EQ(got->name, "CTLCAPF7F010F02.tlv");
    EXPECT_EQ(got->where, fmt::format("tftp 127.0.0.1:{}", service.port()));
    EXPECT_THAT(service.asked(), ElementsAre("CTLCAPF7F010F02.tlv"));
}

TEST(TrustListSource, AsksForTheCommonListWhenThatDoesNotExist) {
    Service service{{{"CTLFile.tlv", content(3)}}, 2};
    const auto got = get(service.port(), "127.1.15.2");
    ASSERT_TRUE(got) << got.error().text();
    EXPECT_EQ(got->name, "CTLFile.tlv");
    EXPECT_THAT(service.asked(), ElementsAre("CTLCAPF7F010F02.tlv", "CTLFile.tlv"));
}

TEST(TrustListSource, ResolvesACapfServerGivenByName) {
    Service service{{{"CTLCAPF7F000001.tlv", content(3)}}, 1};
    const auto got = get(service.port(), "localhost");
    ASSERT_TRUE(got) << got.error().text();
    EXPECT_EQ(got->name, "CTLCAPF7F000001.tlv");
}

class CapfWithoutIpv4 : public testing::TestWithParam<std::optional<std::string_view>> {};

TEST_P(CapfWithoutIpv4, LeavesTheCommonList) {
    Service service{{{"CTLFile.tlv", content(3)}}, 1};
    const auto got = get(service.port(), GetParam());
    ASSERT_TRUE(got) << got.error().text();
    EXPECT_THAT(service.asked(), ElementsAre("CTLFile.tlv"));
}
INSTANTIATE_TEST_SUITE_P(, CapfWithoutIpv4, testing::Values(std::nullopt, "fd00::5", "no-such-host.invalid"));

TEST(TrustListSource, NamesEveryFileThatDoesNotExist) {
    Service service{{}, 2};
    const auto got = get(service.port(), "10.1.1.5");
    ASSERT_FALSE(got);
    EXPECT_EQ(got.error().fault, Fault::CTL_NOT_FOUND);
    EXPECT_THAT(got.error().detail, HasSubstr("CTLCAPF0A010105.tlv"));
    EXPECT_THAT(got.error().detail, HasSubstr("CTLFile.tlv"));
}

TEST(TrustListSource, DoesNotAskASecondNameOfAServerThatDoesNotAnswer) {
    const auto port = Socket{"127.0.0.1"}.port();
    const auto got = get(port, "10.1.1.5");
    ASSERT_FALSE(got);
    EXPECT_EQ(got.error().fault, Fault::TFTP_UNREACHABLE);
    EXPECT_THAT(got.error().during, HasSubstr("CTLCAPF0A010105.tlv"));
}

}  // namespace
}  // namespace tserver::tftp
