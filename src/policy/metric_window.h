// The average of a metric over the last seconds, from buckets of one second, as Knative's KPA takes it
// (pkg/autoscaler/aggregation, bucketing.go), so that its tables of figures hold here too.
//
// What is recorded in one second adds up: several writers give the sum of their values. Averages are
//   kLinear    the sum, divided by the seconds from the first record to the last, the window's length at most.
//   kWeighted  exponentially weighted, newest first, by a = max(0.2, 1 - 0.0001^(1/n)) for n buckets; not normalised.
// Missing seconds:
//   the last ones (nobody recorded lately)   kLinear leaves them out: silence is not load zero.
//   all of the window                        `silent`; average() says 0, which means nothing then.
//   holes between records                    count as 0, as in the KPA. Who reads sums that run on (seconds of load so
//                                            far) leaves no hole by recordSince().
//
// Values are kept as whole numbers of 2^-20, so sums are exact and nothing drifts; averages are cut to six decimals.
// Memory: eight bytes for each second of the window, 28.8 kB at most. No clock: times come from the caller, and may
// come a little out of order.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/units.h"

namespace wasabi::policy {

class MetricWindow {
 public:
  static constexpr Duration kBucket = std::chrono::seconds(1);
  static constexpr Duration kLongest = std::chrono::hours(1);
  // What is more counts as so much, also the sum of one second; so no sum overflows.
  static constexpr double kMostValue = 1 << 30;

  enum class Average : std::uint8_t { kLinear, kWeighted };

  // Whole seconds are kept, at least one: `length` is rounded up, and cut at kLongest.
  explicit MetricWindow(Duration length, Average average = Average::kLinear);

  // False if it was not taken: no number, negative, or older than the window.
  bool record(TimePoint at, double value);
  // The metric was `value` on average since `since`: each second after that one, up to the one of `now`, counts so
  // much. Nothing if both lie in one second: then the caller goes on from `since` the next time.
  bool recordSince(TimePoint since, TimePoint now, double value);

  double average(TimePoint now) const;
  // Nothing was recorded for the whole window.
  bool silent(TimePoint now) const;

  // Keeps the latest records, as many as fit.
  void resize(Duration length);
  std::size_t buckets() const { return buckets_.size(); }

 private:
  using Second = std::int64_t;

  static Second secondOf(TimePoint at);
  static std::size_t placeOf(Second second, std::size_t buckets);
  std::uint64_t& bucket(Second second) { return buckets_[placeOf(second, buckets_.size())]; }
  std::uint64_t bucket(Second second) const { return buckets_[placeOf(second, buckets_.size())]; }
  Second length() const { return static_cast<Second>(buckets_.size()); }
  void advanceTo(Second second);
  bool add(Second second, double value);
  double linear(Second silence) const;
  double weighted(Second silence) const;

  const Average average_;
  std::vector<std::uint64_t> buckets_;  // by second, modulo their number; in 2^-20
  std::uint64_t total_ = 0;             // of all buckets
  bool written_ = false;
  Second first_ = 0;  // of the records since the last silence
  Second last_ = 0;
};

}  // namespace wasabi::policy
