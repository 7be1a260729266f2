#include "policy/metric_window.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <cmath>
#include <limits>
#include <tuple>
#include <vector>

namespace wasabi::policy {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

const TimePoint kStart{seconds(1000)};

MetricWindow written(int length, const std::vector<double>& values) {
  MetricWindow window{seconds(length)};
  TimePoint at = kStart;
  for (const double value : values) {
    EXPECT_TRUE(window.record(at, value));
    at += seconds(1);
  }
  return window;
}

// The table of Knative's own tests: one window of five seconds, step by step.
TEST(MetricWindowTest, TheRingOfKnative) {
  MetricWindow window{seconds(5)};
  EXPECT_TRUE(window.silent(kStart));
  window.record(kStart, 1);
  EXPECT_DOUBLE_EQ(window.average(kStart), 1);
  for (int i = 1; i <= 4; ++i) window.record(kStart + seconds(i), i + 1);
  EXPECT_DOUBLE_EQ(window.average(kStart + seconds(4)), 3);
  EXPECT_DOUBLE_EQ(window.average(kStart + seconds(6)), 4);
  EXPECT_DOUBLE_EQ(window.average(kStart + seconds(10)), 0);
  window.record(kStart + seconds(6), 91);
  EXPECT_DOUBLE_EQ(window.average(kStart + seconds(6)), 20.6);

  const TimePoint later = kStart + seconds(60);
  window.record(later, 1984);
  EXPECT_DOUBLE_EQ(window.average(later), 1984);
  window.record(later - seconds(3), 4);
  EXPECT_DOUBLE_EQ(window.average(later), 497);
  window.record(later + seconds(1), 5);
  EXPECT_DOUBLE_EQ(window.average(later + seconds(1)), 398.6);
  window.record(later - seconds(2), 10);
  EXPECT_DOUBLE_EQ(window.average(later + seconds(1)), 400.6);
  EXPECT_FALSE(window.record(later - seconds(4), 100));
  EXPECT_FALSE(window.record(later - seconds(5), 100));
  EXPECT_DOUBLE_EQ(window.average(later + seconds(1)), 400.6);
  window.record(later + seconds(6), 10);
  EXPECT_DOUBLE_EQ(window.average(later + seconds(6)), 10);
}

TEST(MetricWindowTest, AnotherLengthKeepsWhatFits) {
  MetricWindow window = written(5, {2, 3, 4, 5, 6});
  window.resize(seconds(10));
  EXPECT_DOUBLE_EQ(window.average(kStart + seconds(4)), 4);
  window.record(kStart + seconds(5), 7);
  EXPECT_DOUBLE_EQ(window.average(kStart + seconds(5)), 4.5);
  window.resize(seconds(4));
  EXPECT_DOUBLE_EQ(window.average(kStart + seconds(5)), 5.5);

  // Seconds that a short window had forgotten are no seconds without load in a longer one.
  MetricWindow full = written(2, {9, 9, 9, 4, 6});
  full.resize(seconds(10));
  EXPECT_DOUBLE_EQ(full.average(kStart + seconds(4)), 5);
}

TEST(MetricWindowTest, TheWeightedAverageOfKnative) {
  MetricWindow window{seconds(5), MetricWindow::Average::kWeighted};
  for (int i = 0; i < 5; ++i) window.record(kStart + seconds(i), 2 + i);
  EXPECT_NEAR(window.average(kStart + seconds(4)), 5.812, 0.001);
  // Silence makes all older by a second.
  EXPECT_NEAR(window.average(kStart + seconds(5)), 5.812 * 0.15849, 0.002);
}

TEST(MetricWindowTest, TheWeightOfTheNewestOfKnative) {
  for (const auto& [length, weight] :
       {std::pair{6, 0.78456}, std::pair{40, 0.20567}, std::pair{60, 0.2}, std::pair{600, 0.2}}) {
    MetricWindow window{seconds(length), MetricWindow::Average::kWeighted};
    window.record(kStart, 1000);
    EXPECT_NEAR(window.average(kStart), weight * 1000, 0.01) << length;
  }
}

TEST(MetricWindowTest, SeveralWritersOfASecondAddUp) {
  MetricWindow window{seconds(5)};
  window.record(kStart, 1);
  window.record(kStart + milliseconds(999), 2);
  EXPECT_DOUBLE_EQ(window.average(kStart), 3);
}

TEST(MetricWindowTest, WhatIsNoLoadIsNotTaken) {
  MetricWindow window{seconds(5)};
  for (const double wrong : {std::nan(""), std::numeric_limits<double>::infinity(), -1.0}) {
    EXPECT_FALSE(window.record(kStart, wrong)) << wrong;
  }
  EXPECT_TRUE(window.silent(kStart));
  EXPECT_TRUE(window.record(kStart, 1e300));
  EXPECT_DOUBLE_EQ(window.average(kStart), MetricWindow::kMostValue);
  EXPECT_TRUE(window.record(kStart, 1e300));
  EXPECT_DOUBLE_EQ(window.average(kStart), MetricWindow::kMostValue);
}

TEST(MetricWindowTest, TheGreatestValuesForTheLongestWindowDoNotOverflow) {
  MetricWindow window{MetricWindow::kLongest + minutes(5)};
  EXPECT_EQ(window.buckets(), 3600U);
  for (int i = 0; i < 4000; ++i) window.record(kStart + seconds(i), 1e300);
  EXPECT_DOUBLE_EQ(window.average(kStart + seconds(3999)), MetricWindow::kMostValue);
}

TEST(MetricWindowTest, SumsDoNotDrift) {
  MetricWindow window{seconds(60)};
  TimePoint at = kStart;
  for (int i = 0; i < 100'000; ++i) window.record(at += seconds(1), 1e6 / (1 + i % 97) + 0.1);
  for (int i = 0; i < 60; ++i) window.record(at += seconds(1), 0);
  EXPECT_EQ(window.average(at), 0);
}

TEST(MetricWindowTest, TimesBeforeTheEpochOfTheClock) {
  MetricWindow window{seconds(5)};
  for (int i = -7; i <= 2; ++i) window.record(TimePoint{} + seconds(i), i + 10);
  EXPECT_DOUBLE_EQ(window.average(TimePoint{} + seconds(2)), 10);
}

TEST(MetricWindowTest, AReadingOfALongerTimeLeavesNoHole) {
  MetricWindow window{seconds(10)};
  window.record(kStart, 4);
  EXPECT_FALSE(window.recordSince(kStart, kStart + milliseconds(900), 7));
  EXPECT_TRUE(window.recordSince(kStart, kStart + seconds(4), 4));
  EXPECT_DOUBLE_EQ(window.average(kStart + seconds(4)), 4);
  // Longer than the window: all of it.
  EXPECT_TRUE(window.recordSince(kStart + seconds(4), kStart + minutes(9), 2));
  EXPECT_DOUBLE_EQ(window.average(kStart + minutes(9)), 2);
}

RC_GTEST_PROP(MetricWindowProperty, ALevelLoadIsReadAsItIsHoweverLongNobodyRecordsIt, ()) {
  const int length = *rc::gen::inRange(1, 61);
  const double load = *rc::gen::inRange(1, 1'000'000);
  MetricWindow window{seconds(length)};
  const int records = *rc::gen::inRange(1, 200);
  for (int i = 0; i < records; ++i) window.record(kStart + seconds(i), load);
  const TimePoint now = kStart + seconds(records - 1 + *rc::gen::inRange(0, 2 * length));
  RC_PRE(!window.silent(now));
  RC_ASSERT(std::abs(window.average(now) - load) < 1e-6);
}

RC_GTEST_PROP(MetricWindowProperty, LiesBetweenTheLeastAndTheGreatestValue, ()) {
  MetricWindow window{seconds(*rc::gen::inRange(1, 20))};
  const auto values = *rc::gen::nonEmpty(rc::gen::container<std::vector<int>>(rc::gen::inRange(0, 1000)));
  TimePoint at = kStart;
  for (const int value : values) window.record(at += seconds(1), value);
  const auto [least, most] = std::minmax_element(values.begin(), values.end());
  RC_ASSERT(window.average(at) >= *least - 1e-6);
  RC_ASSERT(window.average(at) <= *most + 1e-6);
}

// The sums are kept while time goes on; here they are taken anew from all that was recorded.
RC_GTEST_PROP(MetricWindowProperty, SaysWhatAllRecordsTogetherSay, ()) {
  const int length = *rc::gen::inRange(1, 8);
  MetricWindow window{seconds(length)};
  std::vector<std::pair<int, int>> taken;  // second, value
  int last = 0;
  int first = 0;
  for (const auto& [step, value] : *rc::gen::container<std::vector<std::pair<int, int>>>(
           rc::gen::pair(rc::gen::inRange(-4, 6), rc::gen::inRange(0, 100)))) {
    const int second = taken.empty() ? 0 : last + step;
    if (!window.record(kStart + seconds(second), value)) {
      RC_ASSERT(second <= last - length);
      continue;
    }
    if (taken.empty() || second - last >= length) first = second;
    first = std::min(first, second);
    last = taken.empty() ? second : std::max(last, second);
    taken.emplace_back(second, value);
  }
  RC_PRE(!taken.empty());
  const int now = last + *rc::gen::inRange(0, length);
  double sum = 0;
  for (const auto& [second, value] : taken) sum += second > now - length ? value : 0;
  const int counted = std::min(last - first + 1, length - (now - last));
  RC_ASSERT(std::abs(window.average(kStart + seconds(now)) - sum / counted) < 2e-6);
}

}  // namespace
}  // namespace wasabi::policy
