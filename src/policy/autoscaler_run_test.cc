// Whole runs: a load over minutes, replicas that take their time to become ready, and the autoscaler between them.
#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <utility>
#include <vector>

#include "policy/autoscaler.h"
#include "policy/scale_control.h"

namespace wasabi::policy {
namespace {

using std::chrono::microseconds;
using std::chrono::seconds;

const TimePoint kStart{seconds(10'000)};

using Changes = std::vector<std::pair<int, std::uint32_t>>;  // second, replicas from then on
using Modes = std::vector<std::pair<int, bool>>;             // second, whether requests need a holder in front

struct Seen {
  Changes replicas;
  Modes needs_holder;
};

// The load steps up and down as in `steps` (second, load). A record of each second lies there before the next decision;
// decisions come each 2 s, and a little later each time, as timers do. A replica that was ordered is ready for the
// second decision after.
Seen run(const Autoscaler::Settings& settings, const std::map<int, double>& steps, int until) {
  Autoscaler scaler(settings, 1, kStart);
  ScaleControl control({}, {ScaleControl::Activity::kActive, kStart, true});
  Seen seen{{{0, 1}}, {{0, false}}};
  std::uint32_t ordered = 1;
  std::uint32_t starting = 1;
  std::uint32_t ready = 1;
  double load = 0;
  for (int second = 0; second < until; ++second) {
    if (second > 0) scaler.record(kStart + seconds(second), load);
    const auto step = steps.find(second);
    if (step != steps.end()) load = step->second;
    if (second % 2 != 1) continue;  // the decision of the even second that follows

    const TimePoint now = kStart + seconds(second + 1) + microseconds(50 * second);
    ready = std::min(starting, ordered);
    starting = ordered;
    const ScaleWish wish = scaler.decide(ready, now);
    const auto next = control.apply(wish, ready, {}, now);
    if (next.replicas) ordered = *next.replicas;
    ready = std::min(ready, ordered);
    if (ordered != seen.replicas.back().second) seen.replicas.emplace_back(second + 1, ordered);
    const bool holder = !next.replicas || *next.replicas == 0 || wish.excess_burst < 0;
    if (holder != seen.needs_holder.back().second) seen.needs_holder.emplace_back(second + 1, holder);
  }
  return seen;
}

const Changes kReplicas{{0, 1}, {24, 2}, {26, 5}, {28, 7}, {88, 4}, {92, 3}, {104, 2}, {146, 1}};
const Modes kModes{{0, false}, {24, true}, {32, false}};

// 60,000 MB wanted at once by functions of one superpod of 9,100 MB, in MB and in units of 200 MB.
TEST(AutoscalerRunTest, AFloodOfMemoryTakesOneTwoFiveSevenSuperpods) {
  for (const double unit : {1.0, 200.0}) {
    Autoscaler::Settings settings;
    settings.target = settings.total = 9100 / unit;
    settings.target_burst_capacity = 1000 / unit;
    const Seen seen = run(settings, {{10, 5000 / unit}, {22, 60'000 / unit}, {50, 12'000 / unit}, {130, 0}}, 180);
    EXPECT_EQ(seen.replicas, kReplicas) << unit;
    EXPECT_EQ(seen.needs_holder, kModes) << unit;
  }
}

// The same flood again, and then nothing: to zero by halves, and back by the first request.
TEST(AutoscalerRunTest, NoLoadLeadsToZeroAndTheFirstRequestBack) {
  Autoscaler::Settings settings;
  settings.target = settings.total = 45.5;
  settings.target_burst_capacity = 5;
  const Seen seen = run(settings, {{10, 300}, {40, 0}, {400, 1}}, 420);
  ASSERT_GE(seen.replicas.size(), 4U);
  EXPECT_EQ(seen.replicas.back().second, 1U);
  EXPECT_LE(seen.replicas.back().first, 404);
  const auto zero = seen.replicas[seen.replicas.size() - 2];
  EXPECT_EQ(zero.second, 0U);
  // A stable window without load, and the grace period.
  EXPECT_GE(zero.first, 40 + 60 + 30);
  EXPECT_LE(zero.first, 40 + 60 + 30 + 40);
}

}  // namespace
}  // namespace wasabi::policy
