#include "policy/autoscaler.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <ostream>
#include <vector>

namespace wasabi::policy {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

const TimePoint kStart{seconds(1000)};

// As in the tests of Knative's autoscaler: target 75 % of the total, rates of ten.
Autoscaler::Settings settingsOf(double target, double burst) {
  Autoscaler::Settings settings;
  settings.target = target;
  settings.total = target / 0.75;
  settings.target_burst_capacity = burst;
  if (burst < 0) settings.target_burst_capacity.reset();
  settings.max_scale_up_rate = 10;
  settings.max_scale_down_rate = 10;
  return settings;
}

Autoscaler scalerOf(double target, double burst) {
  return Autoscaler(settingsOf(target, burst), 1, kStart);
}

struct Row {
  double target;
  double burst;
  double stable;
  double panic;
  std::uint32_t ready;
  std::uint32_t desired;
  std::int64_t excess;
  ScaleReason reason;
};

void PrintTo(const Row& row, std::ostream* out) {
  *out << "target " << row.target << ", burst " << row.burst << ", " << row.stable << "/" << row.panic << ", ready "
       << row.ready;
}

class KnativeTable : public testing::TestWithParam<Row> {};

TEST_P(KnativeTable, Decides) {
  const Row& row = GetParam();
  const ScaleWish wish = scalerOf(row.target, row.burst).decideOn({row.stable, row.panic}, row.ready, kStart);
  EXPECT_EQ(wish.desired, row.desired);
  EXPECT_NEAR(static_cast<double>(wish.excess_burst), static_cast<double>(row.excess), 1);
  EXPECT_EQ(wish.reason, row.reason) << toString(wish.reason);
}

INSTANTIATE_TEST_SUITE_P(Autoscaler, KnativeTable,
                         testing::Values(Row{10, 100, 0, 0, 1, 0, -87, ScaleReason::kStable},
                                         Row{181, -1, 21, 26, 1, 1, -1, ScaleReason::kStable},
                                         Row{10, 0, 50, 49, 1, 5, 0, ScaleReason::kPanic},
                                         Row{10, 100, 50, 50, 1, 5, -137, ScaleReason::kPanic},
                                         Row{10, 100, 50, 50, 5, 5, -84, ScaleReason::kStable},
                                         Row{10, 84, 50, 100, 1, 10, -171, ScaleReason::kPanic},
                                         Row{10, 81, 1000, 888, 0, 10, -969, ScaleReason::kRateLimited},
                                         Row{10, 75, 1, 0, 1, 1, -62, ScaleReason::kStable},
                                         Row{10, 75, 0, 0, 1, 0, -62, ScaleReason::kStable}));

TEST(AutoscalerTest, RatesOfKnative) {
  auto settings = settingsOf(1, 1982);
  settings.max_scale_up_rate = 1.1;
  ScaleWish wish = Autoscaler(settings, 1, kStart).decideOn({3, 3.1}, 2, kStart);
  EXPECT_EQ(wish.desired, 3U);
  EXPECT_EQ(wish.excess_burst, -1983);

  settings = settingsOf(10, 1982);
  settings.max_scale_down_rate = 1.1;
  wish = Autoscaler(settings, 1, kStart).decideOn({1, 1}, 100, kStart);
  EXPECT_EQ(wish.desired, 90U);
  EXPECT_EQ(wish.reason, ScaleReason::kRateLimited);
  EXPECT_EQ(wish.excess_burst, -650);

  settings.reachable = false;
  wish = Autoscaler(settings, 1, kStart).decideOn({1, 1}, 100, kStart);
  EXPECT_EQ(wish.desired, 1U);
  EXPECT_EQ(wish.excess_burst, -650);

  Autoscaler up = scalerOf(10, 61);
  EXPECT_EQ(up.decideOn({1000, 1001}, 1, kStart).desired, 10U);
  EXPECT_EQ(up.decideOn({1000, 1001}, 10, kStart).desired, 100U);
  Autoscaler down = scalerOf(10, 61);
  EXPECT_EQ(down.decideOn({1, 1}, 100, kStart).desired, 10U);
  wish = down.decideOn({1, 1}, 10, kStart);
  EXPECT_EQ(wish.desired, 1U);
  EXPECT_EQ(wish.excess_burst, 71);
}

TEST(AutoscalerTest, InPanicTheLargerOfBothWindowsCounts) {
  for (const double stable : {50.0, 20.0}) {
    auto settings = settingsOf(1, 100);
    Autoscaler scaler(settings, 5, kStart - seconds(5));
    const ScaleWish wish = scaler.decideOn({stable, 30}, 5, kStart);
    EXPECT_EQ(wish.desired, std::max(stable, 30.0));
    EXPECT_EQ(wish.excess_burst, -124);
  }
}

TEST(AutoscalerTest, WhoLeavesZeroStartsWithItsActivationScale) {
  auto settings = settingsOf(10, 75);
  settings.activation_scale = 2;
  Autoscaler scaler(settings, 1, kStart);
  EXPECT_EQ(scaler.decideOn({0, 0}, 1, kStart).desired, 0U);
  const ScaleWish wish = scaler.decideOn({1, 0}, 1, kStart);
  EXPECT_EQ(wish.desired, 2U);
  EXPECT_EQ(wish.reason, ScaleReason::kActivationScale);
}

TEST(AutoscalerTest, PanicEndsAfterASlowRise) {
  Autoscaler scaler = scalerOf(1, 98);
  EXPECT_EQ(scaler.decideOn({11, 25}, 10, kStart).desired, 25U);
  EXPECT_EQ(scaler.panicSince(), kStart);
  EXPECT_EQ(scaler.decideOn({30, 41}, 40, kStart + seconds(30)).desired, 41U);
  EXPECT_EQ(scaler.panicSince(), kStart);
  const ScaleWish wish = scaler.decideOn({50, 56}, 55, kStart + seconds(62));
  EXPECT_EQ(wish.desired, 50U);
  EXPECT_FALSE(wish.panicking);
}

TEST(AutoscalerTest, PanicGoesOnWhileTheLoadRises) {
  Autoscaler scaler = scalerOf(1, 98);
  scaler.decideOn({11, 25}, 10, kStart);
  EXPECT_EQ(scaler.decideOn({30, 80}, 40, kStart + seconds(30)).desired, 80U);
  EXPECT_EQ(scaler.panicSince(), kStart + seconds(30));
}

TEST(AutoscalerTest, FollowsAnExponentialRise) {
  Autoscaler scaler = scalerOf(1, 101);
  TimePoint now = kStart;
  for (const auto& [load, ready] :
       std::vector<std::pair<std::uint32_t, std::uint32_t>>{{6, 1}, {36, 6}, {216, 36}, {1296, 216}, {1296, 1296}}) {
    EXPECT_EQ(scaler.decideOn({double(load), double(load)}, ready, now).desired, load);
    now += seconds(1);
  }
}

TEST(AutoscalerTest, NothingShrinksInPanic) {
  Autoscaler scaler = scalerOf(10, 93);
  EXPECT_EQ(scaler.decideOn({100, 100}, 1, kStart).desired, 10U);
  EXPECT_EQ(scaler.decideOn({100, 1000}, 10, kStart).desired, 100U);
  const ScaleWish held = scaler.decideOn({1, 1}, 10, kStart + seconds(30));
  EXPECT_EQ(held.desired, 100U);
  EXPECT_EQ(held.reason, ScaleReason::kPanic);
  EXPECT_EQ(scaler.decideOn({1, 1}, 10, kStart + seconds(61)).desired, 1U);
}

TEST(AutoscalerTest, TheScaleDownDelayOfKnative) {
  auto settings = settingsOf(10, 0);
  settings.panic_threshold = 100;
  settings.scale_down_delay = minutes(5);
  Autoscaler scaler(settings, 0, kStart);
  const auto at = [&](Duration after, double load) {
    return *scaler.decideOn({load, load}, 0, kStart + after).desired;
  };
  EXPECT_EQ(at(seconds(2), 40), 4U);
  const ScaleWish delayed = scaler.decideOn({0, 0}, 0, kStart + minutes(5));
  EXPECT_EQ(delayed.desired, 4U);
  EXPECT_EQ(delayed.reason, ScaleReason::kScaleDownDelayed);
  EXPECT_EQ(at(minutes(5) + seconds(2), 0), 0U);
  EXPECT_EQ(at(minutes(9), 40), 4U);
  EXPECT_EQ(at(minutes(10), 30), 4U);
  EXPECT_EQ(at(minutes(11), 0), 4U);
  EXPECT_EQ(at(minutes(14), 0), 3U);
  EXPECT_EQ(at(minutes(15), 0), 0U);

  EXPECT_EQ(at(minutes(20), 40), 4U);
  EXPECT_EQ(at(minutes(21), 0), 4U);
  settings.reachable = false;
  scaler.setSettings(settings);
  EXPECT_EQ(at(minutes(21) + seconds(2), 0), 0U);

  settings.reachable = true;
  settings.scale_down_delay = {};
  Autoscaler at_once(settings, 0, kStart);
  EXPECT_EQ(at_once.decideOn({40, 40}, 0, kStart).desired, 4U);
  EXPECT_EQ(at_once.decideOn({20, 20}, 0, kStart + milliseconds(500)).desired, 2U);
}

TEST(AutoscalerTest, ALostHistoryShrinksNothing) {
  for (const std::uint32_t ready : {0U, 1U}) {
    EXPECT_FALSE(Autoscaler(settingsOf(10, 0), ready, kStart).panicking()) << ready;
  }
  Autoscaler scaler(settingsOf(10, 0), 2, kStart);
  EXPECT_TRUE(scaler.panicking());
  EXPECT_EQ(scaler.decideOn({0, 0}, 2, kStart + seconds(1)).desired, 2U);
  EXPECT_EQ(scaler.decideOn({0, 0}, 2, kStart + seconds(61)).desired, 0U);
}

TEST(AutoscalerTest, OtherSettingsHoldAtOnce) {
  Autoscaler scaler = scalerOf(10, 77);
  EXPECT_EQ(scaler.decideOn({100, 101}, 1, kStart).desired, 10U);
  scaler.setSettings(settingsOf(1, 71));
  const ScaleWish wish = scaler.decideOn({100, 101}, 10, kStart);
  EXPECT_EQ(wish.desired, 100U);
  EXPECT_NEAR(static_cast<double>(wish.excess_burst), 10 / 0.75 - 71 - 101, 1);
}

TEST(AutoscalerTest, WithoutDataThereIsNoDecision) {
  Autoscaler scaler = scalerOf(10, 0);
  const ScaleWish none = scaler.decide(3, kStart);
  EXPECT_FALSE(none.desired);
  EXPECT_EQ(none.reason, ScaleReason::kNoData);
  for (const double wrong : {std::nan(""), std::numeric_limits<double>::infinity(), -1.0}) {
    EXPECT_FALSE(scaler.decideOn({wrong, 1}, 3, kStart).desired);
    EXPECT_FALSE(scaler.decideOn({1, wrong}, 3, kStart).desired);
    EXPECT_FALSE(scaler.record(kStart, wrong));
  }
}

TEST(AutoscalerTest, SilenceIsNeverLoadZero) {
  Autoscaler scaler = scalerOf(10, 61);
  for (int i = 0; i < 60; ++i) scaler.record(kStart + seconds(i), 50);
  for (int silent = 0; silent < 60; ++silent) {
    const ScaleWish wish = scaler.decide(5, kStart + seconds(59 + silent));
    EXPECT_EQ(wish.desired, 5U) << silent;
    EXPECT_DOUBLE_EQ(wish.panic, 50) << silent;
  }
  for (const int silent : {60, 61, 1000}) EXPECT_FALSE(scaler.decide(5, kStart + seconds(59 + silent)).desired);
}

TEST(AutoscalerTest, AReadingOfALongerTimeCountsForAllOfIt) {
  Autoscaler scaler = scalerOf(10, 61);
  scaler.record(kStart, 50);
  EXPECT_TRUE(scaler.recordSince(kStart, kStart + seconds(40), 50));
  const ScaleWish wish = scaler.decide(5, kStart + seconds(40));
  EXPECT_DOUBLE_EQ(wish.stable, 50);
  EXPECT_DOUBLE_EQ(wish.panic, 50);
}

// Absurd figures lead to a number of replicas, and not to overflow.
TEST(AutoscalerTest, NobodyWantsMoreThanTheMost) {
  Autoscaler::Settings settings;
  settings.target = 0.01;
  Autoscaler scaler(settings, 1, kStart);
  EXPECT_EQ(scaler.decideOn({1e300, 1e300}, 4'000'000'000U, kStart).desired, Autoscaler::kMostReplicas);
}

TEST(AutoscalerTest, TheDefaultsAreAccepted) {
  EXPECT_TRUE(Autoscaler::check({}));
  auto settings = settingsOf(45.5, -1);
  EXPECT_TRUE(Autoscaler::check(settings));
}

TEST(AutoscalerTest, WhatIsOutOfRangeIsRefusedByName) {
  const auto refused = [](auto change) {
    Autoscaler::Settings settings;
    change(settings);
    const auto checked = Autoscaler::check(settings);
    return checked ? std::string() : checked.error().message();
  };
  using Settings = Autoscaler::Settings;
  EXPECT_EQ(refused([](Settings& s) { s.target = std::nan(""); }).rfind("target is nan", 0), 0U);
  EXPECT_EQ(refused([](Settings& s) { s.target = 0.001; }), "target is 0.001: it must be from 0.01 to 1073741824");
  EXPECT_NE(refused([](Settings& s) { s.total = 1; }), "");
  EXPECT_NE(refused([](Settings& s) { s.target_burst_capacity = -2; }), "");
  EXPECT_NE(refused([](Settings& s) { s.stable_window = seconds(5); }), "");
  EXPECT_NE(refused([](Settings& s) { s.stable_window = milliseconds(6500); }), "");
  EXPECT_NE(refused([](Settings& s) { s.panic_window_percentage = 0; }), "");
  EXPECT_NE(refused([](Settings& s) { s.panic_threshold = 1; }), "");
  EXPECT_NE(refused([](Settings& s) { s.max_scale_up_rate = 1; }), "");
  EXPECT_NE(refused([](Settings& s) { s.max_scale_down_rate = 0; }), "");
  EXPECT_NE(refused([](Settings& s) { s.activation_scale = 0; }), "");
  EXPECT_NE(refused([](Settings& s) { s.scale_down_delay = minutes(61); }), "");
}

// ---- two metrics ----------------------------------------------------------------------------------------------------

ScaleWish wishOf(std::optional<std::uint32_t> desired, std::int64_t excess = 0) {
  ScaleWish wish;
  wish.desired = desired;
  wish.reason = desired ? ScaleReason::kStable : ScaleReason::kNoData;
  wish.excess_burst = excess;
  return wish;
}

TEST(LargerOfTest, TheLargerCountBinds) {
  EXPECT_EQ(largerOf(wishOf(3), wishOf(5), 1).wish.desired, 5U);
  EXPECT_EQ(largerOf(wishOf(3), wishOf(5), 1).binding, Metric::kCpu);
  EXPECT_EQ(largerOf(wishOf(7), wishOf(5), 1).wish.desired, 7U);
  EXPECT_EQ(largerOf(wishOf(7), wishOf(5), 1).binding, Metric::kMemory);
  EXPECT_EQ(largerOf(wishOf(5), wishOf(5), 1).binding, Metric::kMemory);
  EXPECT_EQ(largerOf(wishOf(5, 10), wishOf(3, -4), 1).wish.excess_burst, -4);
}

TEST(LargerOfTest, OneWithoutDataLetsTheOtherRaiseButNotLower) {
  EXPECT_EQ(largerOf(wishOf(std::nullopt), wishOf(5), 3).wish.desired, 5U);
  EXPECT_EQ(largerOf(wishOf(std::nullopt), wishOf(5), 3).binding, Metric::kCpu);
  const CombinedWish kept = largerOf(wishOf(1), wishOf(std::nullopt), 3);
  EXPECT_EQ(kept.wish.desired, 3U);
  EXPECT_EQ(kept.wish.reason, ScaleReason::kNoData);
  EXPECT_FALSE(largerOf(wishOf(std::nullopt), wishOf(std::nullopt), 3).wish.desired);
}

TEST(ScalingTargetTest, TheTableOfKnative) {
  const auto expect = [](const ScalingTarget& found, double target, double total) {
    EXPECT_DOUBLE_EQ(found.target, target);
    EXPECT_DOUBLE_EQ(found.total, total);
  };
  expect(scalingTarget(std::nullopt, 100, 0, 0.7), 70, 100);
  expect(scalingTarget(9100, 100, 0, 0.7), 6370, 9100);
  expect(scalingTarget(9100, 100, 0, 1), 9100, 9100);
  expect(scalingTarget(std::nullopt, 100, 12, 0.75), 9, 12);
  expect(scalingTarget(1, 100, 10, 0.7), 0.7, 1);
  expect(scalingTarget(10, 100, 1, 0.7), 0.7, 1);
  expect(scalingTarget(std::nullopt, 200, 0, 0.7), 140, 200);
  expect(scalingTarget(0.01, 100, 0, 0.7), 0.01, 0.01);
}

}  // namespace
}  // namespace wasabi::policy
