#include "cli/support_bundle.hpp"

#include <gtest/gtest.h>

namespace tserver::cli {
namespace {

struct StruckCase {
    const char* name;
    const char* text;
    const char* secret;
    const char* left;
};
class StruckOut : public testing::TestWithParam<StruckCase> {};

TEST_P(StruckOut, LeavesNothingOfTheSecretAndEverythingElse) {
    EXPECT_EQ(struck_out(GetParam().text, GetParam().secret), GetParam().left);
}

INSTANTIATE_TEST_SUITE_P(, StruckOut,
                         testing::Values(StruckCase{"phrase", "a=hush, b=hush.", "hush", "a=***, b=***."},
                                         StruckCase{"inside_a_word", "xhushx", "hush", "x***x"},
                                         StruckCase{"code_alone", "code 1234 used", "1234", "code *** used"},
                                         StruckCase{"code_at_both_ends", "1234 1234", "1234", "*** ***"},
                                         StruckCase{"code_in_a_number", "port 12345, 01234", "1234",
                                                    "port 12345, 01234"},
                                         StruckCase{"number_then_code", "12345 1234", "1234", "12345 ***"},
                                         StruckCase{"no_secret", "text", "", "text"},
                                         StruckCase{"secret_of_stars", "a*b", "*", "a***b"}),
                         [](const auto& info) { return std::string{info.param.name}; });

}  // namespace
}  // namespace tserver::cli
