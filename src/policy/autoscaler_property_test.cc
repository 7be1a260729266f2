#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <ostream>
#include <vector>

#include "policy/autoscaler.h"

namespace wasabi::policy {
namespace {

using std::chrono::seconds;

const TimePoint kStart{seconds(1000)};

// Some seconds of one load, or of silence, and then a decision.
struct Step {
  std::optional<int> load;
  int lasts = 1;
  std::uint32_t ready = 1;
  int more = 0;  // load of another run on top
};

void showValue(const Step& step, std::ostream& out) {
  out << "{" << (step.load ? std::to_string(*step.load) : "silence") << " +" << step.more << " for " << step.lasts
      << " s, ready " << step.ready << "}";
}

rc::Gen<std::vector<Step>> histories() {
  const auto load =
      rc::gen::map(rc::gen::weightedOneOf<int>(
                       {{3, rc::gen::inRange(0, 50)}, {1, rc::gen::inRange(0, 3000)}, {1, rc::gen::just(-1)}}),
                   [](int n) { return n < 0 ? std::optional<int>() : std::optional<int>(n); });
  return rc::gen::container<std::vector<Step>>(
      rc::gen::build<Step>(rc::gen::set(&Step::load, load), rc::gen::set(&Step::lasts, rc::gen::inRange(1, 40)),
                           rc::gen::set(&Step::ready, rc::gen::inRange<std::uint32_t>(0, 40)),
                           rc::gen::set(&Step::more, rc::gen::inRange(0, 200))));
}

Autoscaler::Settings anySettings() {
  Autoscaler::Settings settings;
  settings.target = *rc::gen::element(0.7, 1.0, 10.0, 45.5);
  settings.max_scale_up_rate = *rc::gen::element(1.1, 2.0, 10.0, 1000.0);
  settings.max_scale_down_rate = *rc::gen::element(1.1, 2.0, 10.0);
  settings.activation_scale = *rc::gen::inRange<std::uint32_t>(1, 4);
  settings.scale_down_delay = seconds(*rc::gen::element(0, 30));
  settings.reachable = *rc::gen::weightedElement<bool>({{4, true}, {1, false}});
  settings.average = *rc::gen::element(MetricWindow::Average::kLinear, MetricWindow::Average::kWeighted);
  RC_ASSERT(Autoscaler::check(settings).has_value());
  return settings;
}

void play(Autoscaler& scaler, const Step& step, TimePoint& now, bool with_more) {
  for (int i = 0; i < step.lasts; ++i) {
    now += seconds(1);
    if (step.load) scaler.record(now, *step.load + (with_more ? step.more : 0));
  }
}

RC_GTEST_PROP(AutoscalerProperty, RatesAreNeverBroken, ()) {
  const auto settings = anySettings();
  const auto first = *rc::gen::inRange<std::uint32_t>(0, 5);
  Autoscaler scaler(settings, first, kStart);
  TimePoint now = kStart;
  std::uint32_t before = first;
  for (const Step& step : *histories()) {
    play(scaler, step, now, false);
    const ScaleWish wish = scaler.decide(step.ready, now);
    if (!wish.desired) continue;
    const double ready = std::max<double>(1, step.ready);
    const double up = std::max<double>(std::ceil(settings.max_scale_up_rate * ready), settings.activation_scale);
    // What is not new was reached before, within the rate of that time.
    RC_ASSERT(*wish.desired <= std::max<double>(up, before));
    if (settings.reachable) RC_ASSERT(*wish.desired >= std::floor(ready / settings.max_scale_down_rate));
    RC_ASSERT(*wish.desired <= Autoscaler::kMostReplicas);
    before = std::max(before, *wish.desired);
    if (!wish.panicking && settings.scale_down_delay == Duration{}) before = *wish.desired;
  }
}

RC_GTEST_PROP(AutoscalerProperty, MoreLoadNeverWantsFewer, ()) {
  const auto settings = anySettings();
  Autoscaler less(settings, 1, kStart);
  Autoscaler more(settings, 1, kStart);
  TimePoint now = kStart;
  for (const Step& step : *histories()) {
    TimePoint same = now;
    play(less, step, same, false);
    play(more, step, now, true);
    const ScaleWish a = less.decide(step.ready, now);
    const ScaleWish b = more.decide(step.ready, now);
    RC_ASSERT(a.desired.has_value() == b.desired.has_value());
    if (!a.desired) continue;
    RC_ASSERT(*b.desired >= *a.desired);
    RC_ASSERT(b.panicking || !a.panicking);
    RC_ASSERT(b.excess_burst <= a.excess_burst);
  }
}

RC_GTEST_PROP(AutoscalerProperty, TheSameHistoryMakesTheSameDecisions, ()) {
  const auto settings = anySettings();
  Autoscaler one(settings, 1, kStart);
  Autoscaler other(settings, 1, kStart);
  TimePoint now = kStart;
  for (const Step& step : *histories()) {
    TimePoint same = now;
    play(one, step, same, false);
    play(other, step, now, false);
    // A copy is the same one, too.
    Autoscaler copy = one;
    const ScaleWish a = one.decide(step.ready, now);
    for (const ScaleWish& b : {other.decide(step.ready, now), copy.decide(step.ready, now)}) {
      RC_ASSERT(a.desired == b.desired);
      RC_ASSERT(a.reason == b.reason);
      RC_ASSERT(a.excess_burst == b.excess_burst);
    }
  }
}

// Whoever is silent for a while, shorter than the stable window, is not taken for idle: an even load wants no fewer
// replicas in silence than with all its records.
RC_GTEST_PROP(AutoscalerProperty, SilenceWantsNoFewerThanTheLoadBeforeIt, ()) {
  auto settings = anySettings();
  settings.average = MetricWindow::Average::kLinear;
  const int load = *rc::gen::inRange(1, 1000);
  const auto ready = *rc::gen::inRange<std::uint32_t>(1, 40);
  Autoscaler scaler(settings, 1, kStart);
  TimePoint now = kStart;
  const int recorded = *rc::gen::inRange(1, 200);
  for (int i = 0; i < recorded; ++i) scaler.record(now += seconds(1), load);
  const auto before = scaler.decide(ready, now).desired;
  RC_ASSERT(before.has_value());
  for (int silent = 1; silent < 60; ++silent) {
    const auto wish = scaler.decide(ready, now + seconds(silent)).desired;
    RC_ASSERT(wish.has_value());
    RC_ASSERT(*wish >= *before);
  }
  RC_ASSERT(!scaler.decide(ready, now + seconds(60)).desired);
}

RC_GTEST_PROP(AutoscalerProperty, TheLargerOfTwoIsOneOfThemAndNeverLessThanEither, ()) {
  const auto any = [] {
    ScaleWish wish;
    if (*rc::gen::arbitrary<bool>()) wish.desired = *rc::gen::inRange<std::uint32_t>(0, 20);
    wish.excess_burst = *rc::gen::inRange(-5, 5);
    wish.panicking = *rc::gen::arbitrary<bool>();
    return wish;
  };
  const ScaleWish memory = any();
  const ScaleWish cpu = any();
  const auto ready = *rc::gen::inRange<std::uint32_t>(0, 20);
  const CombinedWish both = largerOf(memory, cpu, ready);
  RC_ASSERT(both.wish.desired.has_value() == (memory.desired || cpu.desired));
  RC_ASSERT(both.wish.panicking == (memory.panicking || cpu.panicking));
  if (!both.wish.desired) return;
  RC_ASSERT(*both.wish.desired >= std::max(memory.desired.value_or(0), cpu.desired.value_or(0)));
  if (!memory.desired || !cpu.desired) RC_ASSERT(*both.wish.desired >= ready);
}

}  // namespace
}  // namespace wasabi::policy
