#include "policy/scale_control.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <ostream>
#include <string>
#include <vector>

namespace wasabi::policy {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;
using Activity = ScaleControl::Activity;
using Settings = ScaleControl::Settings;
using State = ScaleControl::State;

const TimePoint kStart{seconds(100'000)};

ScaleWish wishOf(std::optional<std::uint32_t> desired) {
  ScaleWish wish;
  wish.desired = desired;
  wish.reason = desired ? ScaleReason::kStable : ScaleReason::kNoData;
  return wish;
}

// The tables of Knative's scaler. Nothing in `replicas`: all stays.
struct Row {
  std::string name;
  std::optional<std::uint32_t> desired;
  Activity activity = Activity::kActive;
  Duration since{};
  Settings settings;
  ScaleControl::FrontDoor front_door;
  std::optional<std::uint32_t> replicas;
  ScaleReason reason = ScaleReason::kStable;
  bool looks_again = false;
};

void PrintTo(const Row& row, std::ostream* out) {
  *out << row.name;
}

class ScaleTable : public testing::TestWithParam<Row> {};

TEST_P(ScaleTable, Decides) {
  const Row& row = GetParam();
  ScaleControl control(row.settings, State{row.activity, kStart - row.since, true});
  const auto step = control.apply(wishOf(row.desired), 1, row.front_door, kStart);
  EXPECT_EQ(step.replicas, row.replicas);
  EXPECT_EQ(toString(step.reason), toString(row.reason));
  EXPECT_EQ(step.look_again.has_value(), row.looks_again);
  if (step.look_again) {
    EXPECT_GE(*step.look_again, kStart);
  }
}

Settings with(std::uint32_t min, std::optional<std::uint32_t> max = std::nullopt, bool reachable = true) {
  Settings settings;
  settings.min = min;
  settings.max = max;
  settings.reachable = reachable;
  return settings;
}

Settings retaining(Duration retention) {
  Settings settings;
  settings.retention = retention;
  return settings;
}

Settings neverZero(std::uint32_t min) {
  Settings settings = with(min);
  settings.scale_to_zero = false;
  return settings;
}

const ScaleControl::FrontDoor kMissing{false, std::nullopt};
const ScaleControl::FrontDoor kSinceLong{true, kStart - seconds(30)};
const ScaleControl::FrontDoor kSinceShort{true, kStart - seconds(29)};
const Duration kDeadline = seconds(630);
constexpr std::nullopt_t kStays = std::nullopt;
constexpr std::nullopt_t kUnknown = std::nullopt;

INSTANTIATE_TEST_SUITE_P(
    ScaleControl, ScaleTable,
    testing::Values(
        Row{"just before the idle period",
            0,
            Activity::kActive,
            seconds(59),
            {},
            {},
            1,
            ScaleReason::kIdlePeriod,
            true},
        Row{"after the idle period", 0, Activity::kActive, seconds(60), {}, {}, kStays, ScaleReason::kIdle, true},
        Row{"after grace", 0, Activity::kInactive, seconds(30), {}, {}, 0, ScaleReason::kNoLoad},
        Row{"before grace", 0, Activity::kInactive, seconds(29), {}, {}, kStays, ScaleReason::kGracePeriod, true},
        Row{"front door short",
            0,
            Activity::kInactive,
            seconds(29),
            {},
            kSinceShort,
            kStays,
            ScaleReason::kGracePeriod,
            true},
        Row{"front door long", 0, Activity::kInactive, seconds(29), {}, kSinceLong, 0, ScaleReason::kNoLoad},
        Row{"front door missing",
            0,
            Activity::kInactive,
            seconds(30),
            {},
            kMissing,
            kStays,
            ScaleReason::kFrontDoorMissing,
            true},
        Row{"retention not over",
            0,
            Activity::kInactive,
            seconds(45),
            retaining(seconds(60)),
            {},
            kStays,
            ScaleReason::kRetention,
            true},
        Row{"retention over", 0, Activity::kInactive, seconds(60), retaining(seconds(60)), {}, 0, ScaleReason::kNoLoad},
        Row{"activating", 0, Activity::kActivating, kDeadline / 2, {}, {}, kStays, ScaleReason::kActivating, true},
        Row{"activation timed out",
            0,
            Activity::kActivating,
            kDeadline + seconds(1),
            {},
            {},
            0,
            ScaleReason::kActivationTimedOut},
        Row{"min before grace", 0, Activity::kInactive, seconds(29), with(2), {}, 2, ScaleReason::kMinScale},
        Row{"min after grace", 0, Activity::kInactive, seconds(30), with(2), {}, 2, ScaleReason::kMinScale},
        Row{"min, unreachable",
            0,
            Activity::kInactive,
            seconds(30),
            with(2, std::nullopt, false),
            {},
            0,
            ScaleReason::kNoLoad},
        Row{"up", 10, Activity::kActive, seconds(1), {}, {}, 10, ScaleReason::kStable},
        Row{"up to max", 10, Activity::kActive, seconds(1), with(0, 8), {}, 8, ScaleReason::kMaxScale},
        Row{"up from inactive", 10, Activity::kInactive, seconds(15), {}, {}, 10, ScaleReason::kStable},
        Row{"no data, inactive", kUnknown, Activity::kInactive, seconds(0), {}, {}, kStays, ScaleReason::kNoData},
        Row{"no data, active", kUnknown, Activity::kActive, seconds(0), {}, {}, kStays, ScaleReason::kNoData},
        Row{"scale to zero off", 0, Activity::kActive, minutes(9), neverZero(0), {}, 1, ScaleReason::kScaleToZeroOff},
        Row{"scale to zero off, min", 0, Activity::kActive, minutes(9), neverZero(2), {}, 2, ScaleReason::kMinScale},
        Row{"scale to zero off, no data",
            kUnknown,
            Activity::kActive,
            minutes(9),
            neverZero(0),
            {},
            kStays,
            ScaleReason::kNoData}));

TEST(ScaleControlTest, TheInitialScaleHoldsUntilItWasReady) {
  Settings settings;
  settings.initial = 2;
  ScaleControl control(settings, ScaleControl::beginning(settings, kStart));
  auto step = control.apply(wishOf(std::nullopt), 0, {}, kStart);
  EXPECT_EQ(step.replicas, 2U);
  step = control.apply(wishOf(1), 1, {}, kStart + seconds(2));
  EXPECT_EQ(step.replicas, 2U);
  EXPECT_EQ(step.reason, ScaleReason::kInitialScale);
  EXPECT_EQ(control.state().activity, Activity::kActivating);
  control.apply(wishOf(1), 2, {}, kStart + seconds(4));
  EXPECT_EQ(control.state().activity, Activity::kActive);
  EXPECT_EQ(control.apply(wishOf(1), 2, {}, kStart + seconds(6)).replicas, 1U);

  settings.reachable = false;
  ScaleControl unreachable(settings, ScaleControl::beginning(settings, kStart));
  EXPECT_EQ(unreachable.apply(wishOf(1), 0, {}, kStart).replicas, 1U);
}

TEST(ScaleControlTest, OneIsStartedBeforeThereIsAnyData) {
  ScaleControl control({}, ScaleControl::beginning({}, kStart));
  EXPECT_EQ(control.apply(wishOf(std::nullopt), 0, {}, kStart).replicas, 1U);
  EXPECT_EQ(control.apply(wishOf(0), 0, {}, kStart).replicas, 1U);
}

TEST(ScaleControlTest, AnInitialScaleOfZeroStartsNothing) {
  Settings settings;
  settings.initial = 0;
  ScaleControl control(settings, ScaleControl::beginning(settings, kStart));
  EXPECT_FALSE(control.apply(wishOf(std::nullopt), 0, {}, kStart).replicas);
  EXPECT_EQ(control.apply(wishOf(3), 0, {}, kStart).replicas, 3U);
}

// A whole life: starts, serves, falls idle, rests, goes, comes back.
TEST(ScaleControlTest, FromTheFirstRequestToZeroAndBack) {
  ScaleControl control({}, ScaleControl::beginning({}, kStart));
  TimePoint now = kStart;
  EXPECT_EQ(control.apply(wishOf(1), 0, {}, now).replicas, 1U);
  EXPECT_EQ(control.state().activity, Activity::kActivating);
  now += seconds(2);
  control.apply(wishOf(1), 1, {}, now);
  EXPECT_EQ(control.state().activity, Activity::kActive);

  now += seconds(59);
  EXPECT_EQ(control.apply(wishOf(0), 1, {}, now).replicas, 1U);
  now += seconds(1);
  EXPECT_FALSE(control.apply(wishOf(0), 1, {}, now).replicas);
  EXPECT_EQ(control.state().activity, Activity::kInactive);
  now += seconds(29);
  const auto graced = control.apply(wishOf(0), 1, {}, now);
  EXPECT_FALSE(graced.replicas);
  EXPECT_EQ(graced.look_again, now + seconds(1));
  now += seconds(1);
  EXPECT_EQ(control.apply(wishOf(0), 1, {}, now).replicas, 0U);
  now += seconds(600);
  EXPECT_FALSE(control.apply(wishOf(std::nullopt), 0, {}, now).replicas);

  EXPECT_EQ(control.apply(wishOf(1), 0, {}, now).replicas, 1U);
  EXPECT_EQ(control.state().activity, Activity::kActivating);
}

TEST(ScaleControlTest, ARequestInTheGracePeriodFindsTheLastOneStillThere) {
  ScaleControl control({}, State{Activity::kInactive, kStart, true});
  EXPECT_FALSE(control.apply(wishOf(0), 1, {}, kStart + seconds(20)).replicas);
  EXPECT_EQ(control.apply(wishOf(1), 1, {}, kStart + seconds(21)).replicas, 1U);
  EXPECT_EQ(control.state().activity, Activity::kActive);
}

TEST(ScaleControlTest, WhatFallsBelowItsLeastIsActivatingAgain) {
  ScaleControl control(with(2), State{Activity::kActive, kStart, true});
  control.apply(wishOf(2), 1, {}, kStart);
  EXPECT_EQ(control.state().activity, Activity::kActivating);
  control.apply(wishOf(std::nullopt), 2, {}, kStart);
  EXPECT_EQ(control.state().activity, Activity::kActive);
}

TEST(ScaleControlTest, BoundsThatContradictEachOtherAreRefused) {
  EXPECT_TRUE(ScaleControl::check({}));
  EXPECT_TRUE(ScaleControl::check(with(2, 2)));
  EXPECT_EQ(ScaleControl::check(with(3, 2)).error().message(), "min is 3: it must not be more than max, which is 2");
  EXPECT_FALSE(ScaleControl::check(with(0, 0)));
  Settings settings = with(0, 2);
  settings.initial = 3;
  EXPECT_FALSE(ScaleControl::check(settings));
}

RC_GTEST_PROP(ScaleControlProperty, BoundsAreNeverBrokenAndTheLastOneGoesLast, ()) {
  Settings settings;
  settings.min = *rc::gen::inRange<std::uint32_t>(0, 4);
  if (*rc::gen::arbitrary<bool>()) settings.max = *rc::gen::inRange<std::uint32_t>(std::max(1U, settings.min), 8);
  settings.initial = *rc::gen::inRange<std::uint32_t>(0, settings.max.value_or(4) + 1);
  settings.reachable = *rc::gen::weightedElement<bool>({{4, true}, {1, false}});
  settings.scale_to_zero = *rc::gen::arbitrary<bool>();
  settings.retention = seconds(*rc::gen::element(0, 100));
  ScaleControl control(settings, ScaleControl::beginning(settings, kStart));
  ScaleControl again(settings, ScaleControl::beginning(settings, kStart));

  TimePoint now = kStart;
  TimePoint loaded = kStart;
  std::uint32_t ready = 0;
  for (const auto& [wish, pause] : *rc::gen::container<std::vector<std::pair<int, int>>>(
           rc::gen::pair(rc::gen::inRange(-3, 10), rc::gen::inRange(1, 60)))) {
    now += seconds(pause);
    std::optional<std::uint32_t> desired;
    if (wish >= 0) desired = static_cast<std::uint32_t>(std::max(0, wish - 5));
    if (desired && *desired > 0) loaded = now;
    const auto step = control.apply(wishOf(desired), ready, {}, now);
    RC_ASSERT(again.apply(wishOf(desired), ready, {}, now).replicas == step.replicas);
    if (!step.replicas) continue;
    if (settings.max) RC_ASSERT(*step.replicas <= *settings.max);
    if (settings.reachable) RC_ASSERT(*step.replicas >= settings.min);
    if (desired && *desired > 0) RC_ASSERT(*step.replicas > 0U);
    if (*step.replicas == 0 && ready > 0) {
      RC_ASSERT(settings.scale_to_zero);
      RC_ASSERT(now - loaded >= std::max<Duration>(settings.grace, settings.retention));
    }
    ready = *step.replicas;
  }
}

}  // namespace
}  // namespace wasabi::policy
