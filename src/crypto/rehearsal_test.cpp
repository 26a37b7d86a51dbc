#include "crypto/rehearsal.hpp"

#include <gtest/gtest.h>

namespace tserver::crypto {
namespace {

TEST(Rehearsal, F81_AHandshakeOfEveryProfileWorksInMemory) {
    for (const auto profile : {TlsProfile::modern, TlsProfile::cluster, TlsProfile::legacy}) {
        const auto rehearsal = Rehearsal::prepare(profile);
        ASSERT_TRUE(rehearsal) << name(profile) << ": " << rehearsal.error().text();
        for (int turn = 0; turn < 2; ++turn) {
            const auto done = rehearsal->play();
            EXPECT_TRUE(done) << name(profile) << ": " << done.error().text();
        }
    }
}

}  // namespace
}  // namespace tserver::crypto
