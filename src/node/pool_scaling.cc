#include "node/pool_scaling.h"

namespace wasabi::node {
namespace {

policy::Autoscaler::Settings inSuperpods(double utilization) {
  policy::Autoscaler::Settings settings;
  settings.target = utilization;
  settings.total = 1;
  settings.target_burst_capacity = 0;
  return settings;
}

policy::ScaleControl::Settings controlOf(const PoolScaling::Settings& settings) {
  policy::ScaleControl::Settings control;
  control.max = settings.most;
  control.idle_period = settings.idle_period;
  control.grace = {};
  control.initial = 0;
  return control;
}

}  // namespace

PoolScaling::PoolScaling(const Settings& settings, TimePoint now)
    : by_memory_(inSuperpods(settings.utilization), 0, now),
      by_cpu_(inSuperpods(settings.utilization), 0, now),
      control_(controlOf(settings), policy::ScaleControl::beginning(controlOf(settings), now)) {}

void PoolScaling::record(const Load& load, TimePoint now) {
  by_memory_.record(now, load.memory);
  by_cpu_.record(now, load.cores);
}

void PoolScaling::decide(std::uint32_t ready, TimePoint now) {
  const policy::CombinedWish wish = policy::largerOf(by_memory_.decide(ready, now), by_cpu_.decide(ready, now), ready);
  const policy::ScaleControl::Step step = control_.apply(wish.wish, ready, {}, now);
  reason_ = policy::toString(step.reason);
  ready_ = ready;
  desired_ = step.replicas.value_or(ready);
}

}  // namespace wasabi::node
