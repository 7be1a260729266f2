#include "policy/fair_clock.h"

#include <gtest/gtest.h>

#include <cmath>

namespace wasabi::policy {
namespace {

struct Member {
  double weight;
  FairClock::Tag tag = 0;
  double got = 0;
};

void serve(FairClock& clock, Member& member, double cost) {
  clock.serve(member.tag);
  member.tag = FairClock::charged(member.tag, cost, member.weight);
  member.got += cost;
}

TEST(FairClockTest, TwoThatAlwaysWantGetTheirWeights) {
  FairClock clock;
  Member one{1};
  Member three{3};
  for (int i = 0; i < 4000; ++i) {
    serve(clock, one.tag <= three.tag ? one : three, 7);
    EXPECT_LE(std::abs(one.got / one.weight - three.got / three.weight), 7 + 7.0 / 3 + 1e-6);
  }
}

TEST(FairClockTest, WhoComesLateIsOwedNothing) {
  FairClock clock;
  Member early{1};
  for (int i = 0; i < 100; ++i) serve(clock, early, 10);
  Member late{1, clock.join(0)};
  EXPECT_EQ(late.tag, FairClock::charged(0, 990, 1));
  EXPECT_EQ(clock.join(early.tag), early.tag);
}

TEST(FairClockTest, ASmallChargeCountsBesideALargeSumAndNothingIsFree) {
  const FairClock::Tag large = FairClock::charged(0, 1e24, 1);
  EXPECT_EQ(FairClock::charged(large, 1, 1) - large, FairClock::charged(0, 1, 1));
  EXPECT_EQ(FairClock::charged(large, 0, 1) - large, FairClock::charged(0, 1, 1));
  EXPECT_GT(FairClock::charged(large, 1, 1e30), large);
  EXPECT_GT(FairClock::charged(large, 1e300, 1e-30), large);
}

}  // namespace
}  // namespace wasabi::policy
