#include "store/code_memory.hpp"

#include <gtest/gtest.h>

namespace tserver::store {
namespace {

/// Each has a salt of its own.
crypto::Passphrase fresh(std::string_view octets = "secret") { return {Secret{octets}, {}, 1}; }

TEST(CodeMemory, KnowsCodesThatWereRememberedWithDifferentSalts) {
    std::vector<RememberedCode> codes;
    for (const auto* text : {"1111", "2222", "3333"}) {
        auto hashed = hash_code(*AuthCode::parse(text), CodeFate::used, fresh(), wall_now());
        ASSERT_TRUE(hashed) << hashed.error().text();
        codes.push_back(*std::move(hashed));
    }
    ASSERT_NE(codes[0].salt, codes[1].salt);
    ASSERT_NE(codes[1].salt, codes[2].salt);
    for (const auto* text : {"1111", "2222", "3333"})
        EXPECT_TRUE(*has_fate(*AuthCode::parse(text), CodeFate::used, fresh(), codes)) << text;
    EXPECT_FALSE(*has_fate(*AuthCode::parse("4444"), CodeFate::used, fresh(), codes));
    EXPECT_FALSE(*has_fate(*AuthCode::parse("2222"), CodeFate::refused, fresh(), codes));
    EXPECT_FALSE(*has_fate(*AuthCode::parse("2222"), CodeFate::used, fresh("another"), codes));
}

}  // namespace
}  // namespace tserver::store
