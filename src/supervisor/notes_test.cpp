#include "supervisor/notes.hpp"

#include <gmock/gmock.h>

namespace tserver::supervisor {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

TEST(NotesTest, HaveOneClauseForEachTopicUntilItIsTakenBack) {
    Notes notes;
    notes.set("b", "first");
    notes.set("a", "other");
    notes.set("b", "second");
    EXPECT_THAT(notes.texts(), ElementsAre("other", "second"));
    notes.clear("b");
    notes.clear("never set");
    EXPECT_THAT(notes.texts(), ElementsAre("other"));
    EXPECT_FALSE(notes.has("b"));
}

TEST(NotesTest, F100_WhatIsNotSaidAgainIsForgotten) {
    Notes notes;
    const Steady::time_point now{std::chrono::seconds{100}};
    notes.set("console", "no port", now + std::chrono::seconds{15});
    EXPECT_TRUE(notes.has("console", now + std::chrono::milliseconds{14'999}));
    EXPECT_THAT(notes.texts(now + std::chrono::seconds{15}), IsEmpty());
    EXPECT_FALSE(notes.has("console", now + std::chrono::seconds{15}));
}

}  // namespace
}  // namespace tserver::supervisor
