#include "sim/authority.hpp"

#include <gmock/gmock.h>

#include <thread>

#include "base/text.hpp"
#include "sim/scratch_test.hpp"

namespace tserver::sim {
namespace {

struct AuthorityTest : testing::Test {
    Scratch scratch;
    FaultMenu faults;
    std::unique_ptr<Authority> authority;

    void SetUp() override {
        scratch.give_certificates();
        open();
    }
    void open(const Bytes& subscriber = {127, 0, 0, 1}) {
        authority = std::make_unique<Authority>(faults, crypto::Digest::sha1);
        ASSERT_TRUE(authority->open(scratch.path() / "pki",
                                    {{"cucm-pub", {127, 0, 0, 1}}, {"cucm-sub1", subscriber}}));
    }
    Bytes list() { return authority->file("CTLFile.tlv").value(); }
    void command(std::string_view text) {
        const auto words = split(text, ' ');
        const auto done = authority->command(words);
        ASSERT_TRUE(done) << done.error().text();
    }
    void fault(const char* text) { ASSERT_TRUE(faults.set(text)); }

    /// Certificate of the record with this place in the list; nothing for an empty record.
    struct Record {
        std::uint16_t role;
        std::optional<crypto::Certificate> certificate;
        Bytes address;
    };
    static std::vector<Record> records(const Bytes& list) {
        std::vector<Record> out;
        auto at = static_cast<std::size_t>(list.at(8) << 8U | list.at(9));
        while (at < list.size()) {
            Reader reader{ByteView{list}.subspan(at)};
            reader.take(3);
            const std::size_t length = *reader.u16();
            Record record{};
            while (reader.offset() < length) {
                const auto tag = *reader.u8();
                const auto value = *reader.take(*reader.u16());
                if (tag == 4) record.role = *Reader{value}.u16();
                if (tag == 9) record.certificate = crypto::Certificate::from_der(value).value();
                if (tag == 10) record.address = to_bytes(value);
            }
            out.push_back(std::move(record));
            at += length;
        }
        return out;
    }
    static std::vector<int> roles(const Bytes& list) {
        std::vector<int> out;
        for (const auto& record : records(list)) out.push_back(record.role);
        return out;
    }
    /// Index of the SAST record whose key verifies the list; -1 for none.
    static int signer(const Bytes& list) {
        const auto place = signature_in(list);
        const auto signature = ByteView{list}.subspan(place.offset, place.length);
        auto rest = list;
        rest.erase(rest.begin() + static_cast<std::ptrdiff_t>(place.offset) - 3,
                   rest.begin() + static_cast<std::ptrdiff_t>(place.offset + place.length));
        const auto digest = crypto::digest_of(crypto::Digest::sha1, rest);
        const auto all = records(list);
        for (std::size_t i = 0; i < all.size(); ++i) {
            if (all[i].role != 0) continue;
            const auto inside = all[i].certificate->public_key()->recover(signature);
            if (inside && inside->size() > digest.size() &&
                std::ranges::equal(ByteView{*inside}.last(digest.size()), digest))
                return static_cast<int>(i);
        }
        return -1;
    }
};

TEST_F(AuthorityTest, ListsItlRecoveryAndPublisherAsSastThenTheNodesThenCapf) {
    const auto made = list();
    EXPECT_THAT(roles(made), testing::ElementsAre(0, 0, 2, 2, 4));
    EXPECT_EQ(signer(made), 0);
    EXPECT_TRUE(*records(made)[1].certificate == *records(made)[2].certificate);
    EXPECT_TRUE(*records(made)[4].certificate == authority->capf()->certificate);
}

TEST_F(AuthorityTest, ServesTheListUnderAnyCtlNameWhateverItsCase) {
    for (const auto* name : {"CTLFile.tlv", "ctlfile.TLV", "CTLCAPF7F010F02.tlv", "CTLSEP2834A2823B58.tlv"})
        EXPECT_EQ(authority->file(name), list()) << name;
    EXPECT_TRUE(authority->file("ITLFile.tlv"));
    for (const auto* name : {"CTLFile.txt", "File.tlv", "SEP001122334455.cnf.xml"})
        EXPECT_FALSE(authority->file(name)) << name;
}

TEST_F(AuthorityTest, KeepsTheListOctetForOctetAcrossARestart) {
    const auto before = list();
    open();
    EXPECT_EQ(list(), before);
}

TEST_F(AuthorityTest, SignsANewListWhenANodeHasMoved) {
    const auto before = list();
    open({10, 0, 0, 9});
    EXPECT_EQ(records(list())[3].address, (Bytes{10, 0, 0, 9}));
    EXPECT_NE(list(), before);
}

TEST_F(AuthorityTest, RollOverIsSignedByThePublisherAndThenByTheNewSigner) {
    const auto u1 = records(list());
    command("rollover");
    EXPECT_EQ(signer(list()), 1);
    const auto u2 = records(list());
    EXPECT_FALSE(*u2[0].certificate == *u1[0].certificate);
    EXPECT_TRUE(*u2[1].certificate == *u1[1].certificate);
    command("resign");
    EXPECT_EQ(signer(list()), 0);
    const auto after = list();
    open();
    EXPECT_EQ(list(), after);
}

TEST_F(AuthorityTest, RenewalKeepsOrChangesTheKeyAndUpdatesOnlyWhenTold) {
    const auto before = records(list());
    command("renew-only 2");
    EXPECT_TRUE(*records(list())[3].certificate == *before[3].certificate);
    EXPECT_FALSE(authority->presented(1)->certificate == *before[3].certificate);
    command("renew 1 same-key");
    const auto after = records(list());
    EXPECT_FALSE(*after[2].certificate == *before[2].certificate);
    EXPECT_EQ(after[2].certificate->public_key()->spki(), before[2].certificate->public_key()->spki());
    EXPECT_TRUE(*after[3].certificate == authority->presented(1)->certificate);
}

struct ListFault {
    const char* fault;
    std::vector<int> roles;
    int signer;
};
class ListFaults : public AuthorityTest, public testing::WithParamInterface<ListFault> {};
TEST_P(ListFaults, ChangeExactlyWhatTheySay) {
    fault(GetParam().fault);
    EXPECT_EQ(roles(list()), GetParam().roles);
    EXPECT_EQ(signer(list()), GetParam().signer);
}
INSTANTIATE_TEST_SUITE_P(, ListFaults,
                         testing::Values(ListFault{"list-second-sast", {0, 0, 2, 2, 4}, 1},
                                         ListFault{"list-bad-signature", {0, 0, 2, 2, 4}, -1},
                                         ListFault{"list-wrong-signer=stranger", {0, 0, 2, 2, 4}, 0},
                                         ListFault{"list-wrong-signer=twin", {0, 0, 2, 2, 4}, 0},
                                         ListFault{"list-wrong-signer=not-sast", {0, 0, 2, 2, 4}, -1},
                                         ListFault{"list-no-capf", {0, 0, 2, 2}, 0},
                                         ListFault{"list-no-ccm", {0, 0, 4}, 0},
                                         ListFault{"list-multisan", {0, 0, 2, 4}, 0},
                                         ListFault{"list-empty-ccm", {0, 0, 2, 2, 4}, 0},
                                         ListFault{"list-ecdsa-record", {0, 0, 2, 2, 4, 2}, 0},
                                         ListFault{"list-ipv6", {0, 0, 2, 2, 4}, 0},
                                         ListFault{"list-unknown-tags", {0, 0, 2, 2, 4}, 0},
                                         ListFault{"list-signer-version", {0, 0, 2, 2, 4}, 0}));

TEST_F(AuthorityTest, OneFaultFollowedByAnotherLeavesNoGoodListBetween) {
    fault("list-bad-signature");
    std::jthread operator_of_cluster{[this](const std::stop_token& over) {
        while (!over.stop_requested()) {
            fault("list-wrong-signer=not-sast");
            EXPECT_TRUE(faults.clear("list-bad-signature"));
            fault("list-bad-signature");
            EXPECT_TRUE(faults.clear("list-wrong-signer"));
        }
    }};
    for (int i = 0; i < 300; ++i) EXPECT_EQ(signer(list()), -1);
}

TEST_F(AuthorityTest, ATwinHasTheNameAndSerialOfTheSignerButAnotherKey) {
    const auto before = *records(list())[0].certificate;
    fault("list-wrong-signer=twin");
    const auto twin = *records(list())[0].certificate;
    EXPECT_EQ(twin.subject(), before.subject());
    EXPECT_EQ(twin.serial(), before.serial());
    EXPECT_NE(twin.public_key()->spki(), before.public_key()->spki());
}

TEST_F(AuthorityTest, SpoilsTheFileAsTold) {
    const auto good = list();
    fault("list-truncated=100");
    EXPECT_EQ(list(), Bytes(good.begin(), good.begin() + 100));
    faults.clear();
    fault("list-trailing");
    EXPECT_EQ(list().size(), good.size() + 4);
    faults.clear();
    fault("list-html");
    EXPECT_THAT(std::string{as_text(list())}, testing::StartsWith("<!DOCTYPE html>"));
    faults.clear();
    fault("list-none@1");
    EXPECT_FALSE(authority->file("CTLFile.tlv"));
    EXPECT_EQ(list(), good);
    fault("list-only-ctlfile");
    EXPECT_FALSE(authority->file("CTLCAPF7F010F02.tlv"));
    EXPECT_EQ(list(), good);
}

}  // namespace
}  // namespace tserver::sim
