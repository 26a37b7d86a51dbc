// F21: the connection is cut at every octet, in both directions. However far it came, the outcome is a
// success, a failure that may be tried again with the same code, or the named "code probably used".
#include <gtest/gtest.h>

#include <cstdio>

#include "tests/support/capf_script.hpp"

namespace tserver::capf {
namespace {

using namespace test;

struct Cut {
    std::uint8_t version;
    bool silent;  ///< the line goes dead instead of being closed
};

class EveryCut : public testing::TestWithParam<Cut> {
protected:
    [[nodiscard]] Script::Then end() const {
        return GetParam().silent ? Script::Then::silent : Script::Then::closed;
    }
    /// Before the key: again; until the certificate: probably used; from then on: success.
    static void expect(const Play& play, const Result<Enrolled>& enrolled, bool key_begun, bool issued) {
        ASSERT_EQ(enrolled.has_value(), issued);
        EXPECT_EQ(play.keeper.kept.size(), issued ? 1U : 0U);
        if (issued) {
            EXPECT_EQ(play.progress.code, CodeState::used);
        } else if (key_begun) {
            EXPECT_EQ(id(enrolled.error().fault), "CAPF_CODE_PROBABLY_USED");
            EXPECT_EQ(play.progress.code, CodeState::probably_used);
        } else {
            EXPECT_EQ(row(enrolled.error().fault).retry, Retry::again) << enrolled.error().text();
            EXPECT_TRUE(enrolled.error().fault == Fault::CAPF_COMM ||
                        enrolled.error().fault == Fault::CAPF_STALLED)
                << enrolled.error().text();
            EXPECT_LE(play.progress.code, CodeState::sent);
        }
    }
};

TEST_P(EveryCut, OfWhatTheServerSaysEndsInTheRightClass) {
    Bytes all;
    std::vector<std::size_t> ends;
    for (const auto& message : install()) {
        const auto octets = encode(message);
        all.insert(all.end(), octets.begin(), octets.end());
        ends.push_back(all.size());
    }
    for (std::size_t cut = 0; cut <= all.size(); ++cut) {
        SCOPED_TRACE(cut);
        Play play;
        play.server.says(to_bytes(ByteView{all}.first(cut))).then(end());
        const auto enrolled = play.with(request(GetParam().version));
        expect(play, enrolled, cut >= ends[1], cut >= ends[2]);
        if (HasFatalFailure()) return;
    }
    std::printf("version %u: cut at %zu places of what the server says\n", GetParam().version,
                all.size() + 1);
}

TEST_P(EveryCut, OfWhatWeSayEndsInTheRightClass) {
    Play whole;
    for (const auto& message : install()) whole.server.says(message);
    ASSERT_TRUE(whole.with(request(GetParam().version)));
    std::vector<std::size_t> ends;
    std::size_t all = 0;
    for (const auto& record : whole.server.records()) ends.push_back(all += record.size());
    const auto key_begins = ends[ends.size() - 3];
    const auto key_ends = ends[ends.size() - 2];

    for (std::size_t cut = 0; cut <= all; ++cut) {
        SCOPED_TRACE(cut);
        Play play;
        for (const auto& message : install()) play.server.says(message);
        play.server.breaks_after_writing(cut);
        const auto enrolled = play.with(request(GetParam().version));
        expect(play, enrolled, cut >= key_begins, cut >= key_ends);
        if (HasFatalFailure()) return;
    }
    std::printf("version %u: cut at %zu places of what we say\n", GetParam().version, all + 1);
}

INSTANTIATE_TEST_SUITE_P(, EveryCut,
                         testing::Values(Cut{1, false}, Cut{1, true}, Cut{3, false}, Cut{3, true}));

}  // namespace
}  // namespace tserver::capf
