#include "policy/autoscaler.h"

#include <algorithm>
#include <cmath>

#include "base/check.h"

namespace wasabi::policy {
namespace {

Duration panicWindow(const Autoscaler::Settings& settings) {
  const double seconds = toSeconds(settings.stable_window) * settings.panic_window_percentage / 100;
  return std::chrono::seconds(std::llround(seconds));  // MetricWindow keeps one at least
}

std::int64_t delaySteps(Duration delay) {
  return (delay + Autoscaler::kTick - Duration(1)) / Autoscaler::kTick;
}

bool usable(double load) {
  return std::isfinite(load) && load >= 0;
}

}  // namespace

Autoscaler::Autoscaler(const Settings& settings, std::uint32_t ready, TimePoint now)
    : settings_(settings),
      stable_(settings.stable_window, settings.average),
      panic_(panicWindow(settings), settings.average),
      delay_(delaySteps(settings.scale_down_delay)) {
  WASABI_CHECK(settings.target > 0 && settings.max_scale_up_rate > 0 && settings.max_scale_down_rate > 0);
  if (ready <= 1) return;
  panic_since_ = now;
  most_in_panic_ = ready;
}

void Autoscaler::setSettings(const Settings& settings) {
  WASABI_CHECK(settings.target > 0 && settings.max_scale_up_rate > 0 && settings.max_scale_down_rate > 0);
  stable_.resize(settings.stable_window);
  panic_.resize(panicWindow(settings));
  delay_.resize(delaySteps(settings.scale_down_delay));
  settings_ = settings;
}

bool Autoscaler::record(TimePoint at, double load) {
  panic_.record(at, load);
  return stable_.record(at, load);
}

bool Autoscaler::recordSince(TimePoint since, TimePoint now, double load) {
  panic_.recordSince(since, now, load);
  return stable_.recordSince(since, now, load);
}

ScaleWish Autoscaler::decide(std::uint32_t ready, TimePoint now) {
  if (stable_.silent(now)) return noDecision();
  const double stable = stable_.average(now);
  return decideOn({stable, panic_.silent(now) ? stable : panic_.average(now)}, ready, now);
}

ScaleWish Autoscaler::noDecision() const {
  ScaleWish nothing;
  nothing.panicking = panicking();
  return nothing;
}

ScaleWish Autoscaler::decideOn(const Averages& load, std::uint32_t ready, TimePoint now) {
  if (!usable(load.stable) || !usable(load.panic)) return noDecision();
  const double counted = std::max<double>(1, ready);
  const double most = std::min<double>(kMostReplicas, std::ceil(settings_.max_scale_up_rate * counted));
  const double least = settings_.reachable ? std::floor(counted / settings_.max_scale_down_rate) : 0;
  const Limits limits{std::min(least, most), most};
  const double stable_wants = std::ceil(load.stable / settings_.target);
  const double panic_wants = std::ceil(load.panic / settings_.target);

  watchPanic(panic_wants, counted, now);
  Count count = limited(stable_wants, limits, ScaleReason::kStable);
  if (panicking()) count = held(count, limited(panic_wants, limits, ScaleReason::kPanic));
  if (settings_.reachable && settings_.scale_down_delay > Duration::zero()) count = delayed(count, now);
  return {count.replicas, count.reason, panicking(), excessBurst(load.panic, ready), load.stable, load.panic};
}

Autoscaler::Count Autoscaler::limited(double wanted, const Limits& limits, ScaleReason reason) const {
  const double within = std::min(std::max(wanted, limits.least), limits.most);
  Count count{static_cast<std::uint32_t>(within), within == wanted ? reason : ScaleReason::kRateLimited};
  if (wanted > 0 && count.replicas < settings_.activation_scale) {
    count = {settings_.activation_scale, ScaleReason::kActivationScale};
  }
  return count;
}

void Autoscaler::watchPanic(double wanted, double ready, TimePoint now) {
  if (wanted / ready >= settings_.panic_threshold) {
    panic_since_ = now;
  } else if (panic_since_ && *panic_since_ + settings_.stable_window < now) {
    panic_since_.reset();
    most_in_panic_ = 0;
  }
}

Autoscaler::Count Autoscaler::held(const Count& stable, const Count& panic) {
  Count most = panic.replicas > stable.replicas ? panic : stable;
  if (most.reason == ScaleReason::kStable) most.reason = ScaleReason::kPanic;
  if (most.replicas < most_in_panic_) return {most_in_panic_, ScaleReason::kPanic};
  most_in_panic_ = most.replicas;
  return most;
}

Autoscaler::Count Autoscaler::delayed(const Count& count, TimePoint now) {
  delay_.record(std::chrono::floor<std::chrono::seconds>(now.time_since_epoch()) / kTick, count.replicas);
  if (delay_.peak() <= count.replicas) return count;
  return {delay_.peak(), ScaleReason::kScaleDownDelayed};
}

std::int64_t Autoscaler::excessBurst(double panic, std::uint32_t ready) const {
  if (!settings_.target_burst_capacity) return -1;
  const double burst = *settings_.target_burst_capacity;
  if (burst == 0) return 0;
  constexpr double kFar = 1e15;
  return static_cast<std::int64_t>(std::clamp(std::floor(ready * settings_.total - burst - panic), -kFar, kFar));
}

// ---- two metrics ----------------------------------------------------------------------------------------------------

std::string_view toString(Metric metric) {
  switch (metric) {
    case Metric::kMemory:
      return "memory";
    case Metric::kCpu:
      return "cpu";
    case Metric::kRequests:
      return "requests";
  }
  return {};
}

CombinedWish largerOf(const ScaleWish& memory, const ScaleWish& cpu, std::uint32_t ready) {
  const bool by_cpu = cpu.desired && (!memory.desired || *cpu.desired > *memory.desired);
  CombinedWish combined{by_cpu ? cpu : memory, by_cpu ? Metric::kCpu : Metric::kMemory};
  ScaleWish& wish = combined.wish;
  wish.panicking = memory.panicking || cpu.panicking;
  if (memory.desired && cpu.desired) {
    wish.excess_burst = std::min(memory.excess_burst, cpu.excess_burst);
  } else if (wish.desired && *wish.desired < ready) {
    wish.desired = ready;
    wish.reason = ScaleReason::kNoData;
  }
  return combined;
}

// ---- settings -------------------------------------------------------------------------------------------------------

ScalingTarget scalingTarget(std::optional<double> wanted, double usual, std::uint32_t concurrency, double utilization) {
  constexpr double kLeast = 0.01;
  double total = wanted.value_or(concurrency > 0 ? concurrency : usual);
  if (concurrency > 0) total = std::min<double>(total, concurrency);
  return {std::max(kLeast, total * utilization), total};
}

}  // namespace wasabi::policy
