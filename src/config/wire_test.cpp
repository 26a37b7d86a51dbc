#include "config/wire.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "config/options.hpp"

namespace tserver::config {
namespace {

LinkConfig with_every_option() {
    LinkConfig link;
    link.number = 7;
    link.name = "link-tls-7";
    for (const auto& option : options()) {
        const auto* access = std::get_if<Access<LinkConfig>>(&option.access);
        if (access != nullptr) { EXPECT_TRUE(access->set(link, option.example)) << option.name; }
    }
    return link;
}

TEST(Wire, CarriesEveryOption) {
    const auto link = with_every_option();
    const auto read = decode(as_bytes(encode(link).reveal()));
    ASSERT_TRUE(read) << read.error().text();
    EXPECT_EQ(*read, link);
}

TEST(Wire, CarriesALinkWithNothingSet) {
    LinkConfig link;
    link.number = 999;
    link.name = "a";
    const auto read = decode(as_bytes(encode(link).reveal()));
    ASSERT_TRUE(read) << read.error().text();
    EXPECT_EQ(*read, link);
}

TEST(Wire, CarriesAPassphraseOfAnyOctets) {
    LinkConfig link;
    link.passphrase = Secret{std::string_view{"\n\0\xFF\"", 4}};
    const auto read = decode(as_bytes(encode(link).reveal()));
    ASSERT_TRUE(read);
    EXPECT_EQ(read->passphrase, link.passphrase);
}

TEST(Wire, CarriesTheKeysOfThePassphrase) {
    LinkConfig link;
    link.keys =
        StretchedKeys{Bytes(16, 7), 100'000, Secret{std::string(32, 'c')}, Secret{std::string(32, 'm')}};
    const auto whole = encode(link);
    const auto read = decode(as_bytes(whole.reveal()));
    ASSERT_TRUE(read) << read.error().text();
    EXPECT_EQ(*read, link);

    auto cut = std::string{whole.reveal()};
    cut.erase(cut.size() - 60);  // and the length in front made to fit
    cut.at(cut.size() - 25) = 24;
    EXPECT_EQ(decode(as_bytes(cut)).error().detail, "the keys of the passphrase are cut short");
}

TEST(Wire, EveryCutBeforeTheEndIsRefusedOrEndsBetweenTwoOptions) {
    const auto whole = encode(with_every_option());
    std::size_t between = 0;
    for (std::size_t length = 0; length < whole.reveal().size(); ++length) {
        const auto read = decode(as_bytes(whole.reveal().substr(0, length)));
        if (read) {
            ++between;
        } else {
            EXPECT_EQ(read.error().fault, Fault::CONTROL_PROTOCOL) << length;
        }
    }
    const auto of_a_link = std::ranges::count_if(
        options(), [](const Option& o) { return std::holds_alternative<Access<LinkConfig>>(o.access); });
    EXPECT_EQ(between, static_cast<std::size_t>(of_a_link));
}

TEST(Wire, AnotherVersionIsRefused) {
    Bytes octets{2, 0, 1, 0, 0};
    const auto read = decode(octets);
    ASSERT_FALSE(read);
    EXPECT_EQ(read.error().detail, "a link's configuration of another version");
}

TEST(Wire, AValueThatTheTableRefusesIsRefusedWithTheOptionsName) {
    Writer out;
    out.u8(1).u16(1).u16(1).text("a").u16(4).text("port").u32(1).text("x");
    const auto read = decode(out.view());
    ASSERT_FALSE(read);
    EXPECT_EQ(read.error().fault, Fault::CONFIG_VALUE);
    EXPECT_EQ(read.error().during, "port");
}

TEST(Wire, AnOptionOfTheDaemonIsRefused) {
    Writer out;
    out.u8(1).u16(1).u16(1).text("a").u16(9).text("log-level").u32(5).text("debug");
    const auto read = decode(out.view());
    ASSERT_FALSE(read);
    EXPECT_EQ(read.error().detail, "\"log-level\" is not an option of a link");
}

}  // namespace
}  // namespace tserver::config
