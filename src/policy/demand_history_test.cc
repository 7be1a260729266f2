#include "policy/demand_history.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <cmath>

namespace wasabi::policy {
namespace {

using namespace wasabi::literals;
using Seen = DemandHistory::Seen;
using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;

const TimePoint kStart{seconds(1000)};
constexpr ByteSize kLimit = 200_MiB;

// `count` times the same peak, `apart` from each other. Returns when the last one was.
TimePoint feed(DemandHistory& history, ByteSize peak, std::uint32_t count, TimePoint from, Duration apart) {
  for (std::uint32_t i = 0; i < count; ++i) history.record(peak, Seen::kWhole, from + i * apart);
  return from + count * apart;
}

TEST(DemandHistoryTest, TellsNothingWhileThereIsLittleHistory) {
  DemandHistory history(kStart);
  for (std::uint32_t i = 1; i < DemandHistory::kNeededObservations; ++i) {
    EXPECT_FALSE(history.record(20_MiB, Seen::kWhole, kStart));
    EXPECT_FALSE(history.estimate(kLimit));
  }
  EXPECT_TRUE(history.record(20_MiB, Seen::kWhole, kStart));
  ASSERT_TRUE(history.estimate(kLimit));
  EXPECT_EQ(history.estimate(kLimit)->observations, DemandHistory::kNeededObservations);
}

TEST(DemandHistoryTest, WhatIsAlwaysTheSameIsKnownExactly) {
  DemandHistory history(kStart);
  feed(history, {23'300'000}, 1000, kStart, seconds(1));
  const auto estimate = history.estimate(kLimit);
  ASSERT_TRUE(estimate);
  EXPECT_EQ(estimate->mean, ByteSize{23'300'000});
  EXPECT_EQ(estimate->deviation, ByteSize{0});
  EXPECT_NEAR(static_cast<double>(estimate->bound.value), 1.1 * 23'300'000, 1);
}

TEST(DemandHistoryTest, MeanAndDeviationAreRoundedUpByAQuarterAtMost) {
  DemandHistory history(kStart);
  for (int i = 0; i < 2000; ++i) history.record(i % 2 == 0 ? 10_MiB : 30_MiB, Seen::kWhole, kStart + milliseconds(i));
  const auto estimate = history.estimate(kLimit);
  ASSERT_TRUE(estimate);
  EXPECT_GE(estimate->mean, 20_MiB);
  EXPECT_LE(estimate->mean, 25_MiB);
  EXPECT_GE(estimate->deviation, 9_MiB);
  EXPECT_LE(estimate->deviation, 12_MiB);
}

TEST(DemandHistoryTest, TheBoundIsNeverAboveTheLimit) {
  DemandHistory history(kStart);
  feed(history, 60_MiB, 200, kStart, seconds(1));
  EXPECT_EQ(history.estimate(64_MiB)->bound, 64_MiB);
  const auto lowered = history.estimate(32_MiB);
  EXPECT_EQ(lowered->bound, 32_MiB);
  EXPECT_EQ(lowered->mean, 32_MiB);
}

TEST(DemandHistoryTest, AHigherPeakRaisesTheBoundAtOnceAndSaysSo) {
  DemandHistory history(kStart);
  TimePoint now = feed(history, 8_MiB, 1000, kStart, seconds(1));
  EXPECT_TRUE(history.record(100_MiB, Seen::kWhole, now));
  EXPECT_GE(history.estimate(kLimit)->bound, 110_MiB);
}

TEST(DemandHistoryTest, ABusyFunctionForgetsByTimeNotWithinSeconds) {
  DemandHistory history(kStart);
  TimePoint now = feed(history, 40_MiB, 10'000, kStart, milliseconds(1));
  now = feed(history, 10_MiB, 10'000, now, milliseconds(1));
  // Ten seconds and ten thousand calls later, about half is still the old.
  EXPECT_GT(history.estimate(kLimit)->mean, 20_MiB);
  feed(history, 10_MiB, 10'000, now, seconds(1));
  EXPECT_LT(history.estimate(kLimit)->mean, 13_MiB);
}

TEST(DemandHistoryTest, ARareFunctionForgetsByNumberAndKeepsItsHistory) {
  DemandHistory history(kStart);
  TimePoint now = feed(history, 40_MiB, 200, kStart, hours(1));
  ASSERT_TRUE(history.estimate(kLimit));
  now = feed(history, 10_MiB, 200, now, hours(1));
  EXPECT_GT(history.estimate(kLimit)->mean, 20_MiB);
  feed(history, 10_MiB, 10'000, now, hours(1));
  EXPECT_LT(history.estimate(kLimit)->mean, 13_MiB);
}

TEST(DemandHistoryTest, TheMaximumOutlivesTheMean) {
  DemandHistory history(kStart);
  history.record(100_MiB, Seen::kWhole, kStart);
  TimePoint now = feed(history, 10_MiB, 5000, kStart, seconds(1));
  EXPECT_LT(history.estimate(kLimit)->mean, 13_MiB);
  EXPECT_GT(history.estimate(kLimit)->bound, 100_MiB);
  now = feed(history, 10_MiB, 200'000, now, seconds(10));
  EXPECT_LT(history.estimate(kLimit)->bound, 13_MiB);
}

TEST(DemandHistoryTest, WhatEndedTooEarlyNeverLowersTheMean) {
  DemandHistory history(kStart);
  feed(history, 40_MiB, 200, kStart, seconds(1));
  const auto before = history.estimate(kLimit);
  for (int i = 0; i < 1000; ++i) history.record(1_MiB, Seen::kAtLeast, kStart + seconds(200 + i));
  EXPECT_EQ(history.estimate(kLimit), before);
}

TEST(DemandHistoryTest, WhatEndedTooEarlyAboveTheMeanCounts) {
  DemandHistory history(kStart);
  feed(history, 40_MiB, 200, kStart, seconds(1));
  const auto before = history.estimate(kLimit);
  EXPECT_TRUE(history.record(150_MiB, Seen::kAtLeast, kStart + seconds(200)));
  const auto after = history.estimate(kLimit);
  EXPECT_GT(after->mean, before->mean);
  EXPECT_GE(after->bound, 165_MiB);
}

TEST(DemandHistoryTest, WhoNeverComesToAnEndHasNoEstimate) {
  DemandHistory history(kStart);
  for (int i = 0; i < 1000; ++i) history.record(40_MiB, Seen::kAtLeast, kStart + seconds(i));
  EXPECT_FALSE(history.estimate(kLimit));
  // Not even if one did, and the others count as more than it.
  history.record(1_MiB, Seen::kWhole, kStart);
  for (int i = 1; i < 1000; ++i) history.record({static_cast<std::uint64_t>(i) << 21}, Seen::kAtLeast, kStart);
  EXPECT_FALSE(history.estimate(kLimit));
}

TEST(DemandHistoryTest, AClockThatStepsBackForgetsNothingMore) {
  DemandHistory history(kStart);
  feed(history, 40_MiB, 200, kStart + hours(1), seconds(1));
  history.record(40_MiB, Seen::kWhole, kStart);
  EXPECT_EQ(history.estimate(kLimit)->mean, 40_MiB);
}

TEST(DemandHistoryTest, LongRunsNeitherOverflowNorLoseWhatIsNew) {
  DemandHistory history(kStart);
  TimePoint now = feed(history, 40_MiB, 3'000'000, kStart, std::chrono::microseconds(10));
  ASSERT_TRUE(history.estimate(kLimit));
  EXPECT_EQ(history.estimate(kLimit)->mean, 40_MiB);
  feed(history, 10_MiB, 1'000'000, now, std::chrono::microseconds(10));
  EXPECT_NEAR(static_cast<double>(history.estimate(kLimit)->mean.value), static_cast<double>((24_MiB).value), 3e6);
  ASSERT_TRUE(DemandHistory::decode(history.encode(), kStart));
}

TEST(DemandHistoryTest, RefusesWhatNoHistoryEncodesTo) {
  for (const char* text : {"",
                           "1",
                           "2 0 0",
                           "1 0 0 ",
                           "1 0 -1",
                           "1 0 nan",
                           "1 0 inf",
                           "1 0 1e300",
                           "1 0 0 3 1",
                           "1 5 100",
                           "1 5 100 64 1",
                           "1 5 100 3 0",
                           "1 5 100 3 -1",
                           "1 5 100 3 1 3 1",
                           "1 5 100 4 1 3 1",
                           "1 5 100 3 1e9",
                           "1 05 100 3 1",
                           "1 5 100.0 3 1",
                           "1 5 100 3 1\n",
                           "1 4294967296 100 3 1",
                           "1 5 100 3",
                           "1 -5 100 3 1"}) {
    EXPECT_FALSE(DemandHistory::decode(text, kStart)) << text;
  }
  EXPECT_TRUE(DemandHistory::decode("1 0 0", kStart));
  EXPECT_TRUE(DemandHistory::decode("1 5 100 3 1", kStart));
}

RC_GTEST_PROP(DemandHistoryTest, KeepsItsRangesAndSurvivesBeingWritten, ()) {
  const auto peaks = *rc::gen::container<std::vector<std::pair<std::uint32_t, std::uint8_t>>>(
      rc::gen::pair(rc::gen::arbitrary<std::uint32_t>(), rc::gen::arbitrary<std::uint8_t>()));
  const auto repeats = *rc::gen::inRange(1, 60);
  const ByteSize limit{*rc::gen::inRange<std::uint64_t>(1, std::uint64_t{1} << 33)};
  DemandHistory history(kStart);
  DemandHistory same(kStart);
  TimePoint now = kStart;
  std::uint64_t greatest = 0;
  for (int round = 0; round < repeats; ++round) {
    for (const auto& [peak, kind] : peaks) {
      now += milliseconds(kind * 100);
      const Seen seen = kind % 4 == 0 ? Seen::kAtLeast : Seen::kWhole;
      RC_ASSERT(history.record({peak}, seen, now) == same.record({peak}, seen, now));
      greatest = std::max(greatest, std::uint64_t{peak});
    }
  }
  const auto estimate = history.estimate(limit);
  RC_ASSERT(estimate == same.estimate(limit));
  if (estimate) {
    RC_ASSERT(estimate->mean <= estimate->bound);
    RC_ASSERT(estimate->bound <= limit);
    RC_ASSERT(static_cast<double>(estimate->bound.value) <= static_cast<double>(greatest) * 1.1 + 1);
    RC_ASSERT(estimate->deviation <= estimate->bound);
  }
  const auto decoded = DemandHistory::decode(history.encode(), now);
  RC_ASSERT(decoded.has_value());
  RC_ASSERT(decoded->encode() == history.encode());
  const auto again = decoded->estimate(limit);
  RC_ASSERT(again.has_value() == estimate.has_value());
  if (estimate) {
    RC_ASSERT(again->bound == estimate->bound);
    RC_ASSERT(std::abs(static_cast<double>(again->mean.value) - static_cast<double>(estimate->mean.value)) <=
              1e-4 * static_cast<double>(estimate->mean.value) + 1);
  }
}

}  // namespace
}  // namespace wasabi::policy
