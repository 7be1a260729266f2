#include "base/duration_histogram.h"

#include <algorithm>
#include <cstddef>

namespace wasabi {

void DurationHistogram::record(Duration value) {
  const double seconds = toSeconds(value);
  const auto bucket = std::lower_bound(kBoundsSeconds.begin(), kBoundsSeconds.end(), seconds);
  ++buckets_[static_cast<std::size_t>(bucket - kBoundsSeconds.begin())];
  sum_ += value;
}

void DurationHistogram::merge(const DurationHistogram& other) {
  for (std::size_t i = 0; i < buckets_.size(); ++i) buckets_[i] += other.buckets_[i];
  sum_ += other.sum_;
}

}  // namespace wasabi
