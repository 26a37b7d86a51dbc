#include "base/types.hpp"

#include <gmock/gmock.h>

namespace tserver {
namespace {

using testing::HasSubstr;
using testing::Not;

TEST(InstanceIdTest, takes_letters_and_digits_up_to_128) {
    for (const auto& text : {std::string{"a"}, std::string{"JTAPI01"}, std::string(128, 'Z')}) {
        const auto id = InstanceId::parse(text);
        ASSERT_TRUE(id) << text;
        EXPECT_EQ(id->str(), text);
    }
}

TEST(InstanceIdTest, refuses_with_the_place_of_the_first_bad_character) {
    const std::pair<std::string, std::string> refused[]{
        {"", "this one none"},
        {std::string(129, 'a'), "this one 129"},
        {" jtapi", "offset 0"},
        {"jtapi ", "offset 5"},
        {"jt-api", "offset 2"},
        {"jtäpi", "offset 2"},
        {std::string{"jt\0api", 6}, "offset 2"},
    };
    for (const auto& [text, detail] : refused) {
        const auto id = InstanceId::parse(text);
        ASSERT_FALSE(id) << text;
        EXPECT_EQ(id.error().fault, Fault::CONFIG_VALUE) << text;
        EXPECT_THAT(id.error().detail, HasSubstr(detail)) << text;
    }
}

TEST(AuthCodeTest, takes_four_to_ten_digits) {
    for (const auto* text : {"0000", "12345", "0123456789"}) {
        const auto code = AuthCode::parse(text);
        ASSERT_TRUE(code) << text;
        EXPECT_EQ(code->reveal(), text);
    }
}

TEST(AuthCodeTest, never_repeats_what_it_refuses) {
    for (const auto* text : {"123", "12345678901", "98x76", " 98765", "98765\n", "-9876", ""}) {
        const auto code = AuthCode::parse(text);
        ASSERT_FALSE(code) << text;
        EXPECT_EQ(code.error().fault, Fault::CONFIG_VALUE) << text;
        EXPECT_EQ(code.error().detail, "an authentication code is 4 to 10 digits");
    }
}

TEST(HostTest, F62_takes_an_ipv6_address_with_or_without_brackets_and_zone) {
    const std::pair<const char*, const char*> taken[]{
        {"::1", "::1"},
        {"[::1]", "::1"},
        {"fe80::1%eth0", "fe80::1%eth0"},
        {"[fe80::1%eth0.100]", "fe80::1%eth0.100"},
        {"2001:DB8::A", "2001:DB8::A"},
        {"::ffff:10.1.1.5", "::ffff:10.1.1.5"},
    };
    for (const auto& [text, host] : taken) {
        const auto parsed = Host::parse(text);
        ASSERT_TRUE(parsed) << text;
        EXPECT_EQ(parsed->str(), host);
        EXPECT_TRUE(parsed->is_ipv6()) << text;
    }
}

TEST(HostTest, F63_takes_the_dot_off_the_end_of_a_name) {
    for (const auto& [text, host] : {std::pair{"cucm-pub.example.com.", "cucm-pub.example.com"},
                                     std::pair{"pub_1", "pub_1"}, std::pair{"10.1.1.5", "10.1.1.5"}}) {
        const auto parsed = Host::parse(text);
        ASSERT_TRUE(parsed) << text;
        EXPECT_EQ(parsed->str(), host);
        EXPECT_FALSE(parsed->is_ipv6()) << text;
    }
}

TEST(HostTest, refuses_what_is_neither_name_nor_address) {
    const std::string refused[]{"",         ".",        "[]",
                                "a..b",     ".a",       "-oProxy",
                                "a b",      "a/b",      "pub\n",
                                "päb",      "[::1",     "::1]",
                                "fe80::1%", "1:2",      "10.1.1.5:69",
                                "pub:2749", ":::",      "12345::1",
                                "::1%a/b",  "pub%eth0", std::string(254, 'a')};
    for (const auto& text : refused) {
        const auto parsed = Host::parse(text);
        ASSERT_FALSE(parsed) << text;
        EXPECT_EQ(parsed.error().fault, Fault::CONFIG_VALUE) << text;
        EXPECT_THAT(parsed.error().detail, HasSubstr("is not a host name or address")) << text;
    }
}

TEST(HostTest, shows_refused_text_escaped) {
    const auto parsed = Host::parse("a\x1b[2Jb");
    ASSERT_FALSE(parsed);
    EXPECT_THAT(parsed.error().detail, HasSubstr("a\\x1b[2Jb"));
}

TEST(EndpointTest, F62_splits_host_and_port_in_every_form) {
    struct Row {
        const char *text, *host;
        Port port;
        const char* shown;
    };
    const Row rows[]{
        {"10.1.1.5:2749", "10.1.1.5", 2749, "10.1.1.5:2749"},
        {"10.1.1.5", "10.1.1.5", 2748, "10.1.1.5:2748"},
        {"pub.example.com.:1", "pub.example.com", 1, "pub.example.com:1"},
        {"[::1]:65535", "::1", 65535, "[::1]:65535"},
        {"[::1]", "::1", 2748, "[::1]:2748"},
        {"::1", "::1", 2748, "[::1]:2748"},
        {"fe80::1%eth0", "fe80::1%eth0", 2748, "[fe80::1%eth0]:2748"},
        {"[fe80::1%eth0]:2749", "fe80::1%eth0", 2749, "[fe80::1%eth0]:2749"},
    };
    for (const auto& row : rows) {
        const auto parsed = Endpoint::parse(row.text, 2748);
        ASSERT_TRUE(parsed) << row.text;
        EXPECT_EQ(parsed->host.str(), row.host);
        EXPECT_EQ(parsed->port, row.port) << row.text;
        EXPECT_EQ(parsed->str(), row.shown);
        const auto again = Endpoint::parse(parsed->str());
        ASSERT_TRUE(again) << row.shown;
        EXPECT_EQ(*again, *parsed);
    }
}

TEST(EndpointTest, refuses_with_the_reason) {
    struct Row {
        const char* text;
        Port fallback;
        const char* detail;
    };
    const Row rows[]{
        {"10.1.1.5", 0, "has no port"},
        {"::1", 0, "has no port"},
        {"[::1]", 0, "has no port"},
        {"10.1.1.5:", 2748, "is not a port"},
        {"10.1.1.5:0", 2748, "is not a port"},
        {"10.1.1.5:65536", 2748, "is not a port"},
        {"10.1.1.5: 1", 2748, "is not a port"},
        {"10.1.1.5:+1", 2748, "is not a port"},
        {":2748", 0, "is not a host name"},
        {"[::1]x", 2748, "is not a host name"},
        {"", 2748, "is not a host name"},
    };
    for (const auto& row : rows) {
        const auto parsed = Endpoint::parse(row.text, row.fallback);
        ASSERT_FALSE(parsed) << row.text;
        EXPECT_EQ(parsed.error().fault, Fault::CONFIG_VALUE) << row.text;
        EXPECT_THAT(parsed.error().detail, HasSubstr(row.detail)) << row.text;
    }
}

TEST(SecretTest, is_equal_only_when_every_octet_is) {
    const Secret code{"12345"};
    EXPECT_TRUE(code == Secret{"12345"});
    EXPECT_TRUE(Secret{} == Secret{""});
    for (const auto* other : {"12346", "22345", "1234", "123456", ""}) {
        EXPECT_FALSE(code == Secret{other}) << other;
    }
}

TEST(SecretTest, leaves_nothing_where_it_was_moved_from) {
    Secret first{"12345"};
    const Secret second{std::move(first)};
    EXPECT_TRUE(first.empty());  // NOLINT(bugprone-use-after-move): the state after the move is the promise
    EXPECT_EQ(second.reveal(), "12345");
}

TEST(SecretTest, wipes_text) {
    std::string text = "98765";
    const auto* at = text.data();
    wipe(text);
    EXPECT_THAT(std::string(at, 5), Not(HasSubstr("9")));
    EXPECT_TRUE(text.empty());
}

}  // namespace
}  // namespace tserver
