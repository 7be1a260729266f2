#include "queueproxy/drain.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <vector>

namespace wasabi::queueproxy {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using Phase = Drain::Phase;

constexpr TimePoint kStart{std::chrono::hours(1)};
constexpr Drain::Open kNone{};

TimePoint at(int s) {
  return kStart + seconds(s);
}

TEST(DrainTest, ServesUntilItIsTold) {
  Drain drain({});
  drain.requestCame(at(0));
  drain.at({3, 1}, at(1000));
  EXPECT_EQ(drain.phase(), Phase::kServing);
  EXPECT_FALSE(drain.isDraining());
  EXPECT_TRUE(drain.acceptsConnections());
  EXPECT_EQ(drain.nextMoment(), std::nullopt);
}

TEST(DrainTest, ProbesFailAtOnceAndRequestsAreServedUntilItWasQuietForThirtySeconds) {
  Drain drain({});
  drain.terminate(kNone, at(0));
  EXPECT_TRUE(drain.isDraining());
  EXPECT_TRUE(drain.acceptsConnections());
  EXPECT_EQ(drain.nextMoment(), at(30));
  drain.requestCame(at(20));
  drain.at(kNone, at(30));
  EXPECT_EQ(drain.phase(), Phase::kQuieting);
  EXPECT_EQ(drain.nextMoment(), at(50));
  drain.at(kNone, at(50));
  EXPECT_EQ(drain.phase(), Phase::kDone);
  EXPECT_FALSE(drain.acceptsConnections());
}

TEST(DrainTest, OpenRequestsEndWithoutLimit) {
  Drain drain({});
  drain.terminate({2, 0}, at(0));
  drain.at({2, 0}, at(30));
  EXPECT_EQ(drain.phase(), Phase::kClosing);
  EXPECT_EQ(drain.nextMoment(), std::nullopt);
  drain.at({1, 0}, at(100'000));
  EXPECT_EQ(drain.phase(), Phase::kClosing);
  drain.at(kNone, at(100'001));
  EXPECT_EQ(drain.phase(), Phase::kDone);
}

TEST(DrainTest, TunnelsHaveSixtySecondsMore) {
  Drain drain({});
  drain.terminate({1, 2}, at(0));
  drain.at({1, 2}, at(30));
  drain.at({0, 2}, at(40));
  EXPECT_EQ(drain.phase(), Phase::kTunnels);
  EXPECT_EQ(drain.nextMoment(), at(100));
  drain.at({0, 1}, at(99));
  EXPECT_EQ(drain.phase(), Phase::kTunnels);
  drain.at({0, 1}, at(100));
  EXPECT_EQ(drain.phase(), Phase::kDone);
}

TEST(DrainTest, TunnelsThatEndAreNotWaitedFor) {
  Drain drain({});
  drain.terminate({0, 1}, at(0));
  drain.at({0, 1}, at(30));
  drain.at(kNone, at(31));
  EXPECT_EQ(drain.phase(), Phase::kDone);
}

TEST(DrainTest, AContainerThatRestartsAloneTakesTheDrainBack) {
  Drain drain({});
  drain.waitForDrain(at(0));
  EXPECT_TRUE(drain.isDraining());
  EXPECT_FALSE(drain.isWaitOver());
  EXPECT_EQ(drain.nextMoment(), at(1));
  drain.at(kNone, at(1));
  EXPECT_EQ(drain.phase(), Phase::kServing);
  EXPECT_TRUE(drain.isWaitOver());
  EXPECT_FALSE(drain.isDraining());
}

TEST(DrainTest, SigtermWithinTheSecondKeepsItAndBothWaitForTheSameQuiet) {
  Drain drain({});
  drain.waitForDrain(at(0));
  drain.terminate({1, 0}, kStart + milliseconds(900));
  drain.at({1, 0}, at(2));
  EXPECT_TRUE(drain.isDraining());
  EXPECT_FALSE(drain.isWaitOver());
  drain.at({1, 0}, at(30));
  EXPECT_TRUE(drain.isWaitOver()) << "the preStop hook does not wait for requests that are open";
  EXPECT_EQ(drain.phase(), Phase::kClosing);
}

TEST(DrainTest, ACallAfterSigtermJoinsTheDrain) {
  Drain drain({});
  drain.terminate(kNone, at(0));
  drain.waitForDrain(at(1));
  EXPECT_FALSE(drain.isWaitOver());
  drain.at(kNone, at(29));
  EXPECT_TRUE(drain.isDraining());
  drain.at(kNone, at(30));
  EXPECT_TRUE(drain.isWaitOver());
  drain.waitForDrain(at(31));
  EXPECT_TRUE(drain.isWaitOver());
  EXPECT_EQ(drain.phase(), Phase::kDone);
}

TEST(DrainTest, SigtermAfterItWasTakenBackBeginsAnew) {
  Drain drain({});
  drain.waitForDrain(at(0));
  drain.at(kNone, at(1));
  drain.terminate(kNone, at(100));
  EXPECT_EQ(drain.nextMoment(), at(130));
}

TEST(DrainTest, QuietOfZeroClosesAtOnce) {
  Drain::Settings settings;
  settings.quiet = Duration::zero();
  Drain drain(settings);
  drain.terminate({1, 0}, at(0));
  EXPECT_EQ(drain.phase(), Phase::kClosing);
}

// Quiet that is over before SIGTERM came is not over for SIGTERM if the drain was taken back in between.
TEST(DrainTest, AShortQuietDoesNotCloseWithoutSigterm) {
  Drain::Settings settings;
  settings.quiet = milliseconds(10);
  Drain drain(settings);
  drain.waitForDrain(at(0));
  drain.at(kNone, kStart + milliseconds(10));
  EXPECT_TRUE(drain.isWaitOver());
  EXPECT_TRUE(drain.acceptsConnections());
  drain.terminate(kNone, kStart + milliseconds(500));
  EXPECT_EQ(drain.phase(), Phase::kDone);
}

// In any history the phase only goes on (but for a drain that is taken back, which SIGTERM ends), it closes only after
// SIGTERM and quiet, and nextMoment() never lies behind once at() was called.
RC_GTEST_PROP(DrainProperty, GoesOnOnly, (const std::vector<std::pair<std::uint8_t, std::uint16_t>>& history)) {
  Drain drain({});
  TimePoint now = kStart;
  TimePoint last_request = kStart;
  bool terminated = false;
  Phase before = Phase::kServing;
  for (const auto& [what, step] : history) {
    now += milliseconds(step);
    const Drain::Open open{what % 8 < 4 ? 0u : 1u, what % 3 == 0 ? 1u : 0u};
    switch (what % 6) {
      case 0:
        drain.terminate(open, now);
        terminated = true;
        break;
      case 1:
        drain.waitForDrain(now);
        break;
      case 2:
        if (drain.acceptsConnections()) last_request = now;
        drain.requestCame(now);
        break;
      default:
        drain.at(open, now);
        RC_ASSERT(!drain.nextMoment() || *drain.nextMoment() > now || drain.phase() == Phase::kTunnels);
    }
    const Phase phase = drain.phase();
    RC_ASSERT(phase >= before || (phase == Phase::kServing && before == Phase::kQuieting && !terminated));
    RC_ASSERT(!terminated || phase != Phase::kServing);
    if (before <= Phase::kQuieting && phase > Phase::kQuieting) {
      RC_ASSERT(terminated && now - last_request >= seconds(30));
    }
    before = phase;
  }
}

}  // namespace
}  // namespace wasabi::queueproxy
