// A save is cut off at every moment, and every file-system call fails: always the old or the new identity
// (F14, F22, F23).
#include <gtest/gtest.h>

#include <cerrno>
#include <iostream>

#include "store/generations.hpp"
#include "store/identity_files.hpp"
#include "store/identity_store.hpp"
#include "store/trust_store.hpp"
#include "tests/support/memory_tree.hpp"
#include "tests/support/sample_identity.hpp"

namespace tserver::store {
namespace {

using testing_support::MemoryTree;
using testing_support::sample_identity;

/// Lends a tree to a store, so that the test can go on looking at it.
class Lent final : public os::Tree {
public:
    explicit Lent(os::Tree& tree) : tree_{tree} {}
    [[nodiscard]] const std::string& root() const override { return tree_.root(); }
    Result<void> make_directory(const std::string& path) override { return tree_.make_directory(path); }
    Result<os::Fd> create(const std::string& path) override { return tree_.create(path); }
    Result<void> write(const os::Fd& file, const std::string& path, ByteView content) override {
        return tree_.write(file, path, content);
    }
    Result<void> sync(const os::Fd& file, const std::string& path) override { return tree_.sync(file, path); }
    Result<void> sync_directory(const std::string& path) override { return tree_.sync_directory(path); }
    Result<void> rename(const std::string& from, const std::string& to) override {
        return tree_.rename(from, to);
    }
    Result<void> remove(const std::string& path) override { return tree_.remove(path); }
    Result<void> remove_directory(const std::string& path) override { return tree_.remove_directory(path); }
    Result<Bytes> read(const std::string& path, std::size_t most) override { return tree_.read(path, most); }
    Result<std::vector<std::string>> list(const std::string& path) override { return tree_.list(path); }
    Result<os::Look> look(const std::string& path) override { return tree_.look(path); }
    Result<os::Fd> open_lock(const std::string& path) override { return tree_.open_lock(path); }
    std::uint64_t free_space() override { return tree_.free_space(); }

private:
    os::Tree& tree_;
};

const InstanceId saved_link = *InstanceId::parse("cti01");
const AuthCode code = *AuthCode::parse("1234567890");
const Secret passphrase{"long and secret"};

Result<IdentityStore> open_store(os::Tree& tree) {
    return IdentityStore::open(std::make_unique<Lent>(tree), saved_link, {passphrase, {}, 10}, "");
}

/// What a program finds that is started on this tree: the SHA-256 of the certificate, or the failure.
std::string found(MemoryTree& tree) {
    auto store = open_store(tree);
    if (!store) return store.error().text();
    const auto loaded = store->load();
    if (!loaded) return loaded.error().text();
    if (!*loaded) return "none";
    const auto used = store->was_used(code);
    return (*loaded)->identity.certificate.sha256() + (used && *used ? " used" : "");
}

TEST(Crash, LeavesTheOldOrTheNewIdentityAfterAPowerCutAtAnyMoment) {
    MemoryTree tree;
    std::set<std::string> allowed{"none"};
    std::map<std::map<std::string, Bytes>, std::string> seen;  // each different image is opened once
    std::size_t images = 0;
    std::size_t moments = 0;
    const auto check = [&](MemoryTree& image) {
        const auto [at, fresh] = seen.try_emplace(image.files(), "");
        if (fresh) at->second = found(image);
        ASSERT_TRUE(allowed.contains(at->second)) << at->second << " at moment " << moments;
    };
    tree.after_each = [&] {
        ++moments;
        if (!HasFailure()) images += tree.each_image(check);
    };

    auto store = open_store(tree);
    ASSERT_TRUE(store) << store.error().text();
    const std::vector<crypto::Identity> identities = [] {
        std::vector<crypto::Identity> out;
        for (int i = 0; i < 24; ++i) out.push_back(sample_identity("cti01"));
        return out;
    }();
    std::string held = "none";
    for (std::size_t i = 0; i < identities.size(); ++i) {
        // The last is bought with the code: certificate and memory of the code come together or not at all.
        const bool with_code = i == identities.size() - 1;
        const auto next = identities[i].certificate.sha256() + (with_code ? " used" : "");
        allowed = {held, next};
        const auto saved = store->save(identities[i], with_code ? std::optional{code} : std::nullopt);
        ASSERT_TRUE(saved) << saved.error().text();
        held = next;
        allowed = {held};
        ASSERT_TRUE(store->keep_pending_key(identities[i].key));
        ASSERT_TRUE(
            store->note_attempt(Instant{std::chrono::seconds{1'800'000'000 + 60 * static_cast<long>(i)}}));
        ASSERT_TRUE(store->forget_pending_key());
        ASSERT_TRUE(store->remember_refused(*AuthCode::parse(std::to_string(1000 + i))));
        ASSERT_TRUE(store->test_writable());
    }
    std::cout << "power cut: " << images << " images (" << seen.size() << " different) at " << moments
              << " moments\n";
    EXPECT_GT(images, 5000U);
}

TEST(Crash, LeavesTheOldOrTheNewFilesWhenAPowerCutMeetsALeftOver) {
    // A crash inside a crash's clean-up: every image of a first save is the start of a second one.
    const auto text = [](os::Tree& tree) -> std::string {
        const auto numbers = generations(tree, "f");
        if (!numbers || numbers->empty()) return "none";
        const auto content = tree.read(generation_path("f", numbers->front()) + "/a", 100);
        const auto other = tree.read(generation_path("f", numbers->front()) + "/b", 100);
        return content && other && *content == *other ? std::string{as_text(*content)} : "torn";
    };
    const auto save = [](os::Tree& tree, std::string_view content) {
        return add_generation(tree, "f", {{"a", as_bytes(content)}, {"b", as_bytes(content)}});
    };
    std::vector<MemoryTree> starts;
    MemoryTree tree;
    ASSERT_TRUE(os::ensure_directory(tree, "", "f"));
    for (const auto* content : {"one", "two", "three"}) ASSERT_TRUE(save(tree, content));
    std::set<std::map<std::string, Bytes>> seen;
    tree.after_each = [&] {
        tree.each_image([&](MemoryTree& image) {
            if (seen.insert(image.files()).second) starts.push_back(image);
        });
    };
    ASSERT_TRUE(save(tree, "four"));

    std::size_t images = 0;
    for (auto& start : starts) {
        const auto before = text(start);
        ASSERT_TRUE(before == "three" || before == "four") << before;
        start.after_each = [&] {
            if (!HasFailure())
                images += start.each_image([&](MemoryTree& image) {
                    const auto now = text(image);
                    ASSERT_TRUE(now == before || now == "five") << now;
                });
        };
        const auto saved = save(start, "five");
        ASSERT_TRUE(saved) << saved.error().text();
        start.after_each = nullptr;
        EXPECT_EQ(text(start), "five");
        EXPECT_EQ(generations(start, "f")->size(), 2U);
    }
    std::cout << "power cut after a power cut: " << images << " images from " << starts.size() << " starts\n";
    EXPECT_GT(images, 5000U);
}

TEST(Crash, LeavesTheOldOrTheNewTrustListAfterAPowerCutAtAnyMoment) {
    MemoryTree tree;
    std::set<std::string> allowed{"none"};
    std::size_t images = 0;
    tree.after_each = [&] {
        if (HasFailure()) return;
        images += tree.each_image([&](MemoryTree& image) {
            auto store = TrustStore::open(std::make_unique<Lent>(image), {});
            const auto held = store->load();
            const auto now = !held    ? held.error().text()
                             : !*held ? "none"
                                      : (*held)->sha256 + std::string{name((*held)->meta.trusted)};
            ASSERT_TRUE(allowed.contains(now)) << now;
        });
    };
    auto store = TrustStore::open(std::make_unique<Lent>(tree), Secret{"x"});
    const auto lock = store->try_lock();
    std::string held = "none";
    for (const auto* content : {"one", "two", "three", "four"}) {
        const auto next = hex(crypto::digest_of(crypto::Digest::sha256, as_bytes(content)));
        allowed = {held, next + "unverified"};
        ASSERT_TRUE(store->save(**lock, as_bytes(content),
                                {Instant{}, "CTLFile.tlv", "CN=s", Trusted::first_use},
                                {{"one", sample_identity("one").certificate}}));
        allowed = {next + "unverified", next + "confirmed"};
        ASSERT_TRUE(store->confirm(**lock));
        held = next + "confirmed";
        allowed = {held};
    }
    std::cout << "power cut while a trust list is saved: " << images << " images\n";
    EXPECT_GT(images, 100U);
}

struct FailureCase {
    int error;
    MemoryTree::Lasts lasts;
    Fault fault;
};
class FailingCall : public testing::TestWithParam<FailureCase> {};

/// Each call of a save of `fresh` fails in turn, on a store as it was `before`.
void fail_each_call(const FailureCase& c, const MemoryTree& before, const std::string& old,
                    std::size_t at_least) {
    const auto fresh = sample_identity("cti01");
    const auto fresh_name = fresh.certificate.sha256();
    std::size_t failures = 0;
    for (std::size_t call = 0;; ++call) {
        MemoryTree tree = before;
        auto store = open_store(tree);
        ASSERT_TRUE(store) << store.error().text();
        const auto first = tree.changes;
        tree.failure = {first + call, c.error, c.lasts};
        const auto saved = store->save(fresh, {});
        tree.failure.reset();
        if (saved && tree.changes <= first + call) break;  // no call left to fail
        if (saved) continue;                               // one that only tidies up
        ++failures;
        SCOPED_TRACE("call " + std::to_string(call));
        EXPECT_EQ(saved.error().fault, c.fault) << saved.error().text();
        MemoryTree now = tree;
        const auto left = found(now);
        EXPECT_TRUE(left == old || left == fresh_name) << left;
        const auto again = store->save(fresh, {});
        ASSERT_TRUE(again) << again.error().text();
        // What was saved survives a power cut right now, whatever failed before.
        std::set<std::string> outcomes;
        tree.each_image([&](MemoryTree& image) { outcomes.insert(found(image)); });
        EXPECT_EQ(outcomes, std::set{fresh_name});
    }
    EXPECT_GE(failures, at_least) << "each call before the rename, the rename and the sync of its directory";
}

TEST_P(FailingCall, LosesNothingAndIsSavedOnceItWorksAgain) {
    MemoryTree before;
    const auto old = sample_identity("cti01");
    {
        auto store = open_store(before);
        for (int i = 0; i < 2; ++i) ASSERT_TRUE(store->save(sample_identity("cti01"), {}));
        ASSERT_TRUE(store->save(old, {}));
    }
    fail_each_call(GetParam(), before, old.certificate.sha256(), 9);
}

TEST_P(FailingCall, OfTheFirstSaveLeavesNoneOrTheNewOne) {
    MemoryTree before;
    ASSERT_TRUE(open_store(before));
    fail_each_call(GetParam(), before, "none", 9);
}

INSTANTIATE_TEST_SUITE_P(, FailingCall,
                         testing::Values(FailureCase{ENOSPC, MemoryTree::Lasts::once, Fault::DISK_FULL},
                                         FailureCase{ENOSPC, MemoryTree::Lasts::for_good, Fault::DISK_FULL},
                                         FailureCase{EIO, MemoryTree::Lasts::once, Fault::STORE_IO},
                                         FailureCase{EIO, MemoryTree::Lasts::for_good, Fault::STORE_IO},
                                         FailureCase{EACCES, MemoryTree::Lasts::once, Fault::PERMISSION},
                                         FailureCase{EACCES, MemoryTree::Lasts::for_good,
                                                     Fault::PERMISSION}));

}  // namespace
}  // namespace tserver::store
