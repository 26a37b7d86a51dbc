#include "base/bytes.hpp"

#include <gtest/gtest.h>

namespace tserver {
namespace {

TEST(HexTest, is_lower_case_and_pairs_are_upper_case) {
    const Bytes octets{0x00, 0x9f, 0xab};
    EXPECT_EQ(hex(octets), "009fab");
    EXPECT_EQ(hex_pairs(octets), "00:9F:AB");
    EXPECT_EQ(hex({}), "");
    EXPECT_EQ(hex_pairs({}), "");
}

TEST(HexTest, reads_every_form_that_people_paste) {
    const Bytes octets{0x00, 0x9f, 0xab};
    for (const auto* text : {"009fab", "009FAB", "00:9F:ab", "00 9f ab", " 00:9f:ab "}) {
        const auto read = from_hex(text);
        ASSERT_TRUE(read) << text;
        EXPECT_EQ(*read, octets) << text;
    }
}

TEST(HexTest, refuses_half_pairs_and_other_characters) {
    for (const auto* text : {"0", "009", "0g", "0:09", "00-9f", "0x00", "00\n"}) {
        EXPECT_FALSE(from_hex(text)) << text;
    }
}

TEST(ReaderTest, reads_big_endian_fields) {
    const Bytes octets{0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08, 0x09};
    Reader reader{octets};
    EXPECT_EQ(reader.peek(), 0x01);
    EXPECT_EQ(reader.u8(), 0x01);
    EXPECT_EQ(reader.u16(), 0x0203);
    EXPECT_EQ(reader.u32(), 0x04050607U);
    EXPECT_EQ(reader.offset(), 7U);
    EXPECT_EQ(to_bytes(reader.take(2).value()), (Bytes{0x08, 0x09}));
    EXPECT_TRUE(reader.done());
}

TEST(ReaderTest, gives_and_moves_nothing_at_the_end) {
    const Bytes octets{0xff, 0xfe, 0xfd};
    Reader reader{octets};
    EXPECT_FALSE(reader.u32());
    EXPECT_FALSE(reader.take(4));
    EXPECT_FALSE(reader.take(static_cast<std::size_t>(-1)));
    EXPECT_EQ(reader.offset(), 0U);
    EXPECT_EQ(reader.u16(), 0xfffe);
    EXPECT_FALSE(reader.u16());
    EXPECT_EQ(reader.left(), 1U);
    EXPECT_EQ(reader.u8(), 0xfd);
    EXPECT_FALSE(reader.u8());
    EXPECT_FALSE(reader.peek());
    ASSERT_TRUE(reader.take(0));
}

TEST(WriterTest, writes_what_the_reader_reads) {
    Writer writer;
    const auto octets = writer.u8(0xff).u16(0x0102).u32(0xdeadbeef).text("ab").bytes(Bytes{7}).take();
    EXPECT_EQ(hex(octets), "ff0102deadbeef616207");
}

}  // namespace
}  // namespace tserver
