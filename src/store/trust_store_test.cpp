#include "store/trust_store.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "os/file.hpp"
#include "tests/support/another_user.hpp"
#include "tests/support/sample_identity.hpp"
#include "tests/support/scratch.hpp"

namespace tserver::store {
namespace {

namespace fs = std::filesystem;
using testing_support::AnotherUser;
using testing_support::sample_identity;
using testing_support::Scratch;

const Instant midday{std::chrono::seconds{1'800'000'000}};

struct TrustStoreTest : testing::Test {
    Scratch scratch;
    const std::vector<crypto::NamedCertificate> certificates{{"one", sample_identity("one").certificate}};

    TrustStore opened() const { return *TrustStore::open(scratch.path, Secret{"secret"}); }
    fs::path folder() const { return scratch.path / "trust"; }
    void save(std::string_view octets, Trusted how = Trusted::first_use, Instant when = midday) const {
        auto store = opened();
        const auto lock = store.try_lock();
        ASSERT_TRUE(lock && *lock);
        const auto saved =
            store.save(**lock, as_bytes(octets), {when, "CTLFile.tlv", "CN=signer", how}, certificates);
        ASSERT_TRUE(saved) << saved.error().text();
    }
};

TEST_F(TrustStoreTest, HoldsNothingAtFirst) { EXPECT_FALSE(*opened().load()); }

TEST_F(TrustStoreTest, GivesBackWhatWasSaved) {
    save("list");
    const auto held = opened().load();
    ASSERT_TRUE(held && *held);
    EXPECT_EQ(as_text((*held)->octets), "list");
    EXPECT_EQ((*held)->meta.file, "CTLFile.tlv");
    EXPECT_EQ((*held)->meta.signer, "CN=signer");
    EXPECT_EQ((*held)->meta.trusted, Trusted::first_use);
    EXPECT_EQ((*held)->meta.fetched, midday);
    EXPECT_EQ((*held)->sha256, hex(crypto::digest_of(crypto::Digest::sha256, as_bytes("list"))));
}

TEST_F(TrustStoreTest, KeepsItsCertificatesAsPkcs12) {
    save("list");
    const auto sealed = os::read_file(folder() / "000001/ctl.p12", 100'000);
    const auto kept = crypto::open_certificates(*sealed, Secret{"secret"});
    ASSERT_TRUE(kept) << kept.error().text();
    ASSERT_EQ(kept->size(), 1U);
    EXPECT_EQ(kept->front().certificate, certificates.front().certificate);
}

TEST_F(TrustStoreTest, F18_TheSameListAgainWritesNothingButIsKnownAsChecked) {
    save("list");
    const auto before = fs::last_write_time(folder() / "000001/meta.json");
    save("list", Trusted::first_use, midday + std::chrono::hours{1});
    EXPECT_FALSE(fs::exists(folder() / "000002"));
    EXPECT_EQ(fs::last_write_time(folder() / "000001/meta.json"), before);
    auto store = opened();
    (*store.try_lock())->note_checked(midday + std::chrono::hours{2});
    const auto held = store.load();
    EXPECT_EQ((*held)->meta.fetched, midday);
    EXPECT_EQ((*held)->checked, midday + std::chrono::hours{2});
}

TEST_F(TrustStoreTest, ConfirmingKeepsTheListAndTheOneBefore) {
    save("old");
    save("list");
    auto store = opened();
    ASSERT_TRUE(store.confirm(**store.try_lock()));
    const auto held = opened().load();
    EXPECT_EQ((*held)->meta.trusted, Trusted::confirmed);
    EXPECT_EQ((*held)->generation, 2UL);
    EXPECT_TRUE(fs::exists(folder() / "000001/ctl.tlv"));
}

TEST_F(TrustStoreTest, ConfirmingNothingIsMissing) {
    auto store = opened();
    EXPECT_EQ(store.confirm(**store.try_lock()).error().fault, Fault::STORE_MISSING);
}

TEST_F(TrustStoreTest, FallsBackToTheListBeforeADamagedOne) {
    save("old");
    save("list");
    std::ofstream{folder() / "000002/ctl.tlv"} << "lisT";
    const auto held = opened().load();
    ASSERT_TRUE(held && *held);
    EXPECT_EQ(as_text((*held)->octets), "old");
    EXPECT_EQ((*held)->fell_back,
              (folder() / "000002/ctl.tlv").string() + ": its SHA-256 is not the one in meta.json");
}

TEST_F(TrustStoreTest, DoesNotFallBackFromAListThatCannotBeReadNow) {
    const AnotherUser user{scratch.path};
    save("list");
    save("list 2");
    for (const auto* name : {"meta.json", "ctl.tlv"}) {
        const auto place = folder() / "000002" / name;
        fs::permissions(place, fs::perms::none);
        const auto held = opened().load();
        fs::permissions(place, fs::perms::owner_read | fs::perms::owner_write);
        ASSERT_FALSE(held) << name << ": the list before is taken";
        EXPECT_EQ(held.error().fault, Fault::PERMISSION) << held.error().text();
    }
    EXPECT_EQ((*opened().load())->generation, 2U);
}

TEST_F(TrustStoreTest, WithoutAWholeListItIsDamagedNotMissing) {
    save("list");
    std::ofstream{folder() / "000001/ctl.tlv"} << "lisT";
    const auto held = opened().load();
    ASSERT_FALSE(held) << "taken for first use";
    EXPECT_EQ(held.error().fault, Fault::STORE_DAMAGED);
    EXPECT_EQ(held.error().detail,
              (folder() / "000001/ctl.tlv").string() + ": its SHA-256 is not the one in meta.json");
}

TEST_F(TrustStoreTest, OneLinkAtATimeHoldsTheLock) {
    auto first = opened();
    auto second = opened();
    {
        const auto lock = first.try_lock();
        ASSERT_TRUE(lock && *lock);
        EXPECT_FALSE(*second.try_lock());
    }
    EXPECT_TRUE(*second.try_lock());
}

TEST_F(TrustStoreTest, ATextThatIsNotUtf8IsKeptReadable) {
    auto store = opened();
    const auto lock = store.try_lock();
    ASSERT_TRUE(
        store.save(**lock, as_bytes("list"), {midday, "CTLFile.tlv", "CN=\xff", Trusted::pinned}, {}));
    const auto held = store.load();
    ASSERT_TRUE(held && *held) << held.error().text();
    EXPECT_EQ((*held)->meta.signer, "CN=\\xff");
}

TEST_F(TrustStoreTest, IsReadWithoutBeingMade) {
    EXPECT_EQ(TrustStore::open_to_read(scratch.path).error().fault, Fault::STORE_MISSING);
    EXPECT_FALSE(fs::exists(folder()));
}

}  // namespace
}  // namespace tserver::store
