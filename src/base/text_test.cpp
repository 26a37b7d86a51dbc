#include "base/text.hpp"

#include <gtest/gtest.h>

namespace tserver {
namespace {

using namespace std::string_literals;

TEST(EscapeTest, makes_the_text_of_a_peer_harmless) {
    struct Row {
        std::string text, shown;
        const char* what;
    };
    const Row rows[]{
        {"plain text", "plain text", "plain"},
        {"Zürich 電話 😀", "Zürich 電話 😀", "valid UTF-8 stays"},
        {"a\nb\r\tc\0d\x7f"s, "a\\x0ab\\x0d\\x09c\\x00d\\x7f", "control characters"},
        {"\x1b[31m", "\\x1b[31m", "terminal sequences"},
        {"\xc2\x9b"
         "31m",
         "\\xc2\\x9b31m", "C1 control (CSI)"},
        {"\xc2\xa0", "\xc2\xa0", "the first character behind C1"},
        {"a\xe2\x80\xae"
         "b",
         "a\\xe2\\x80\\xaeb", "right-to-left override"},
        {"\xe2\x81\xa6\xe2\x80\x8f\xe2\x80\x8b", "\\xe2\\x81\\xa6\\xe2\\x80\\x8f\\xe2\\x80\\x8b",
         "isolate, mark, zero width"},
        {"\xe2\x80\xa8", "\\xe2\\x80\\xa8", "line separator"},
        {"\xd8\x9c", "\\xd8\\x9c", "Arabic letter mark"},
        {"\\x0a", "\\\\x0a", "a backslash cannot pretend"},
        {"\xff\xfe", "\\xff\\xfe", "no UTF-8"},
        {"\xc0\xaf", "\\xc0\\xaf", "overlong form"},
        {"\xe0\x9f\xbf", "\\xe0\\x9f\\xbf", "overlong form of three"},
        {"\xed\xa0\x80", "\\xed\\xa0\\x80", "surrogate"},
        {"\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80", "above U+10FFFF"},
        {"a\xe2\x82", "a\\xe2\\x82", "cut sequence at the end"},
    };
    for (const auto& row : rows) EXPECT_EQ(escape(row.text), row.shown) << row.what;
}

TEST(EscapeTest, cuts_between_characters_and_shows_that_it_did) {
    EXPECT_EQ(escape("abcdef", 6), "abcdef");
    EXPECT_EQ(escape("abcdefg", 6), "abcdef…");
    EXPECT_EQ(escape("abcdeü", 6), "abcde…");
    EXPECT_EQ(escape("x", 0), "…");
    EXPECT_EQ(escape("", 0), "");
    EXPECT_LE(escape(std::string(100'000, '\x01'), 200).size(), 4 * 200 + 3U);
}

TEST(Utf8Test, names_the_first_octet_that_is_wrong) {
    EXPECT_EQ(invalid_utf8_at("Zürich"), std::nullopt);
    EXPECT_EQ(invalid_utf8_at(""), std::nullopt);
    EXPECT_EQ(invalid_utf8_at("ab\xff"), 2U);
    EXPECT_EQ(invalid_utf8_at("Z\xc3"), 1U);
}

TEST(SplitTest, trims_pieces_and_keeps_empty_ones) {
    using Pieces = std::vector<std::string_view>;
    EXPECT_EQ(split(" a , b,,c ", ','), (Pieces{"a", "b", "", "c"}));
    EXPECT_EQ(split("", ','), (Pieces{""}));
    EXPECT_EQ(split(",", ','), (Pieces{"", ""}));
}

TEST(TrimTest, takes_blanks_off_both_ends_only) {
    EXPECT_EQ(trim(" \t a b \r\n"), "a b");
    EXPECT_EQ(trim("  "), "");
    EXPECT_EQ(trim(""), "");
}

TEST(DecimalTest, takes_whole_numbers_of_the_range) {
    struct Row {
        const char* text;
        std::optional<long> value;
    };
    const Row rows[]{{"0", 0},     {"65535", 65535}, {"007", 7}, {"65536", {}},
                     {"-1", {}},   {"+1", {}},       {" 1", {}}, {"1 ", {}},
                     {"0x10", {}}, {"1.0", {}},      {"", {}},   {"99999999999999999999", {}}};
    for (const auto& row : rows) EXPECT_EQ(decimal(row.text, 0, 65535), row.value) << row.text;
    EXPECT_EQ(decimal("-5", -10, 10), -5);
}

TEST(NearestTest, finds_typing_errors_and_nothing_far_off) {
    const std::vector<std::string_view> known{"tls-instance-id", "tls-auth-code", "hostname", "port"};
    EXPECT_EQ(nearest("tls-instanceid", known), "tls-instance-id");
    EXPECT_EQ(nearest("tls-auth-cdoe", known), "tls-auth-code");
    EXPECT_EQ(nearest("prot", known), "port");
    EXPECT_EQ(nearest("logging-file", known), std::nullopt);
    EXPECT_EQ(nearest("port", {}), std::nullopt);
}

}  // namespace
}  // namespace tserver
