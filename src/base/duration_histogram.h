// How long things took, in a few fixed buckets.
#pragma once

#include <array>
#include <cstdint>

#include "base/units.h"

namespace wasabi {

// A histogram with few fixed buckets, small enough to have one per function.
class DurationHistogram {
 public:
  static constexpr std::array<double, 13> kBoundsSeconds = {0.0001, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025,
                                                            0.05,   0.1,    0.25,  1,      5,     30};
  void record(Duration value);
  void merge(const DurationHistogram& other);

  // Not cumulative; the last one holds what is beyond all bounds.
  const std::array<std::uint64_t, kBoundsSeconds.size() + 1>& buckets() const { return buckets_; }
  Duration sum() const { return sum_; }

 private:
  std::array<std::uint64_t, kBoundsSeconds.size() + 1> buckets_{};
  Duration sum_{};
};

}  // namespace wasabi
