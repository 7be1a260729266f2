#include "policy/restart_backoff.h"

#include <gtest/gtest.h>

namespace wasabi::policy {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

const TimePoint kStart{seconds(1000)};

TEST(RestartBackoffTest, AtFirstNothingIsInTheWay) {
  const RestartBackoff backoff;
  EXPECT_TRUE(backoff.mayStart(kStart));
  EXPECT_FALSE(backoff.looping());
}

TEST(RestartBackoffTest, WhatNeverBecameReadyWaitsLongerEachTime) {
  RestartBackoff backoff;
  backoff.ended(std::nullopt, kStart);
  EXPECT_FALSE(backoff.mayStart(kStart + milliseconds(99)));
  EXPECT_TRUE(backoff.mayStart(kStart + milliseconds(100)));
  backoff.ended(std::nullopt, kStart);
  EXPECT_EQ(backoff.notBefore(), kStart + milliseconds(200));
  EXPECT_FALSE(backoff.looping());
  backoff.ended(std::nullopt, kStart);
  EXPECT_EQ(backoff.notBefore(), kStart + milliseconds(400));
  EXPECT_TRUE(backoff.looping());
}

TEST(RestartBackoffTest, TheWaitHasAnEnd) {
  RestartBackoff backoff;
  for (int i = 0; i < 10'000; ++i) backoff.ended(std::nullopt, kStart);
  EXPECT_EQ(backoff.notBefore(), kStart + seconds(30));
}

TEST(RestartBackoffTest, AShortLifeIsNoBetterThanNone) {
  RestartBackoff backoff;
  for (int i = 0; i < 3; ++i) backoff.ended(kStart, kStart + seconds(9));
  EXPECT_TRUE(backoff.looping());
}

TEST(RestartBackoffTest, AfterALongLifeItBeginsAnew) {
  RestartBackoff backoff;
  for (int i = 0; i < 5; ++i) backoff.ended(std::nullopt, kStart);
  backoff.ended(kStart + minutes(1), kStart + minutes(2));
  EXPECT_TRUE(backoff.mayStart(kStart + minutes(2)));
  EXPECT_EQ(backoff.inARow(), 0u);
}

TEST(RestartBackoffTest, WhatServesLongEnoughEndsTheRow) {
  RestartBackoff backoff;
  for (int i = 0; i < 9; ++i) backoff.ended(std::nullopt, kStart);
  backoff.serves(kStart, kStart + seconds(9));
  EXPECT_TRUE(backoff.looping());
  backoff.serves(kStart, kStart + seconds(10));
  EXPECT_FALSE(backoff.looping());
  EXPECT_TRUE(backoff.mayStart(kStart + seconds(10)));
}

}  // namespace
}  // namespace wasabi::policy
