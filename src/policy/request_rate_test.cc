#include "policy/request_rate.h"

#include <gtest/gtest.h>

namespace wasabi::policy {
namespace {

using namespace std::chrono_literals;

constexpr TimePoint kStart{1h};

int takenAt(RequestRate& rate, TimePoint now) {
  int taken = 0;
  while (rate.take(now)) ++taken;
  return taken;
}

TEST(RequestRateTest, ABurstIsWhatOneSecondBringsAndComesBackEvenly) {
  RequestRate rate(10, kStart);
  EXPECT_EQ(takenAt(rate, kStart), 10);
  EXPECT_EQ(rate.freeAt(kStart), kStart + 100ms);
  EXPECT_EQ(takenAt(rate, kStart + 99ms), 0);
  EXPECT_EQ(takenAt(rate, kStart + 100ms), 1);
  EXPECT_EQ(takenAt(rate, kStart + 1h), 10);
}

TEST(RequestRateTest, BelowOnePerSecondSingleOnesStillCome) {
  RequestRate rate(0.5, kStart);
  EXPECT_EQ(takenAt(rate, kStart), 1);
  EXPECT_EQ(takenAt(rate, kStart + 1s), 0);
  EXPECT_EQ(takenAt(rate, kStart + 2s), 1);
}

TEST(RequestRateTest, AnotherRateHoldsAtOnce) {
  RequestRate rate(100, kStart);
  rate.setPerSecond(2, kStart);
  EXPECT_EQ(takenAt(rate, kStart), 2);
  rate.setPerSecond(4, kStart);
  EXPECT_EQ(takenAt(rate, kStart + 500ms), 2);
}

TEST(RequestRateTest, AnEarlierTimeTakesNothingAway) {
  RequestRate rate(10, kStart);
  EXPECT_EQ(takenAt(rate, kStart), 10);
  EXPECT_EQ(takenAt(rate, kStart - 1s), 0);
  EXPECT_EQ(takenAt(rate, kStart + 200ms), 2);
}

}  // namespace
}  // namespace wasabi::policy
