// How many replicas a load wants: Knative's KPA as a pure class. A *replica* is a superpod, or a container of a
// function.
//
//   record(metric) each second --> stable and panic window --> decide(), every 2 s and when somebody waits at zero
//        --> ScaleWish --> [largerOf(memory, cpu)] --> ScaleControl (scale_control.h): bounds and the way to zero
//
// The metric is a load that adds up over replicas: for superpods memory units, (booked + waiting demand) / unit, and in
// a second Autoscaler CPU units; for containers their concurrency, and likewise CPU (container_scaler.h). `decide`,
// with R ready replicas, 1 at least:
//   S = ceil(stable average / target), P = ceil(panic average / target), each within floor(R / down rate) and
//       ceil(R * up rate); an unreachable version may fall to nothing at once. Anything but 0 is raised to the
//       activation scale, whatever the rate.
//   Panic begins, and begins anew, while the unlimited P is at least `panic_threshold` * R, and ends a stable window
//       after that. The wish is S, and in panic the greatest of S and P since it began: it never falls.
//   With a scale-down delay it is the greatest wish of so long, in steps of 2 s, unless unreachable.
//   Excess burst capacity: floor(ready * total - target burst capacity - panic average); below 0 a burst of that size
//       would find no room.
// A history that was lost must not shrink anything: who begins with more than one replica begins in panic.
//
// It differs from the KPA in what silence means. There a silent panic window is load zero, and so is a stable window
// that is silent for exactly its length; here the stable average stands in for the panic window, and a silent stable
// window is no data: no decision, all stays as it is.
//
// Memory: see metric_window.h and peak_window.h; 0.6 kB with the default windows. Without clock, thread or lock; the
// same calls lead to the same answers.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string_view>

#include "base/error.h"
#include "base/units.h"
#include "policy/metric_window.h"
#include "policy/peak_window.h"
#include "policy/scale_reason.h"

namespace wasabi::policy {

struct ScaleWish {
  std::optional<std::uint32_t> desired;  // nothing: no decision
  ScaleReason reason = ScaleReason::kNoData;
  bool panicking = false;
  // -1 where the target burst capacity is unlimited, 0 where it is 0.
  std::int64_t excess_burst = 0;
  double stable = 0;  // averages
  double panic = 0;
};

class Autoscaler {
 public:
  // Between two calls of decide(); steps of the scale-down delay.
  static constexpr Duration kTick = std::chrono::seconds(2);
  // Nobody wants more, whatever the load.
  static constexpr std::uint32_t kMostReplicas = 100'000;

  // Knative's defaults.
  struct Settings {
    double target = 70;                                 // load that a replica is to have
    double total = 100;                                 // load that a replica can have
    std::optional<double> target_burst_capacity = 211;  // nothing: unlimited (Knative's -1)
    Duration stable_window = std::chrono::seconds(60);
    double panic_window_percentage = 10;  // of the stable one; a second at least
    double panic_threshold = 2;           // in replicas wanted per ready one
    double max_scale_up_rate = 1000;
    double max_scale_down_rate = 2;
    std::uint32_t activation_scale = 1;
    Duration scale_down_delay{};
    bool reachable = true;  // some route leads to it
    MetricWindow::Average average = MetricWindow::Average::kLinear;
  };
  // In the ranges that Knative accepts, and never NaN or infinite (which it takes for targets).
  static Result<void> check(const Settings& settings);

  // `settings` are those that check() takes; of others the target and rates must at least be above 0. `ready`: now.
  Autoscaler(const Settings& settings, std::uint32_t ready, TimePoint now);

  // Windows keep what fits; `average` stays as it was.
  void setSettings(const Settings& settings);

  // As in MetricWindow; false if it was not taken.
  bool record(TimePoint at, double load);
  bool recordSince(TimePoint since, TimePoint now, double load);

  ScaleWish decide(std::uint32_t ready, TimePoint now);

  struct Averages {
    double stable = 0;
    double panic = 0;
  };
  // The same for who takes the averages himself. No decision where one is no number or negative.
  ScaleWish decideOn(const Averages& load, std::uint32_t ready, TimePoint now);

  bool panicking() const { return panic_since_.has_value(); }
  std::optional<TimePoint> panicSince() const { return panic_since_; }

 private:
  struct Limits {
    double least = 0;
    double most = 0;
  };
  struct Count {
    std::uint32_t replicas = 0;
    ScaleReason reason = ScaleReason::kStable;
  };
  ScaleWish noDecision() const;
  Count limited(double wanted, const Limits& limits, ScaleReason reason) const;
  void watchPanic(double wanted, double ready, TimePoint now);
  Count held(const Count& stable, const Count& panic);
  Count delayed(const Count& count, TimePoint now);
  std::int64_t excessBurst(double panic, std::uint32_t ready) const;

  Settings settings_;
  MetricWindow stable_;
  MetricWindow panic_;
  PeakWindow delay_;
  std::optional<TimePoint> panic_since_;
  std::uint32_t most_in_panic_ = 0;
};

// One decision out of two metrics of the same replicas: the larger count; of equal ones the memory's. Where one metric
// has no data, the other may raise the count but not lower it below `ready`.
enum class Metric : std::uint8_t { kMemory, kCpu, kRequests };
std::string_view toString(Metric metric);

struct CombinedWish {
  ScaleWish wish;  // of the binding metric; panicking if either is; the smaller excess burst capacity
  Metric binding = Metric::kMemory;
};
CombinedWish largerOf(const ScaleWish& memory, const ScaleWish& cpu, std::uint32_t ready);

// Target and total of a replica, as Knative finds them: `wanted` is what the user asks for (nothing: `usual`), never
// above the concurrency a replica admits (0: any); `utilization` (0 to 1) of that is the target.
struct ScalingTarget {
  double target = 0;
  double total = 0;
};
ScalingTarget scalingTarget(std::optional<double> wanted, double usual, std::uint32_t concurrency, double utilization);

}  // namespace wasabi::policy
