#include "crypto/rehearsal.hpp"

#include <gtest/gtest.h>

namespace tserver::crypto {
namespace {

TEST(Rehearsal, F81_AHandshakeOfEveryProfileWorksInMemory) {
    for (const auto profile : {TlsProfile::modern, TlsProfile::cluster, TlsProfile::legacy}) {
        const auto done = rehearse_handshake(profile);
        EXPECT_TRUE(done) << name(profile) << ": " << done.error().text();
    }
}

}  // namespace
}  // namespace tserver::crypto
