#include "base/histogram.h"

#include <bit>
#include <cmath>

namespace wasabi {

std::size_t Histogram::bucketOf(std::uint64_t value) {
  constexpr std::uint64_t kSub = 1u << kSubBits;
  if (value < kSub) return static_cast<std::size_t>(value);
  const int shift = 63 - std::countl_zero(value) - kSubBits;
  return ((static_cast<std::size_t>(shift) + 1) << kSubBits) + static_cast<std::size_t>((value >> shift) - kSub);
}

std::uint64_t Histogram::lastValueOf(std::size_t bucket) {
  constexpr std::uint64_t kSub = 1u << kSubBits;
  if (bucket < kSub) return bucket;
  const std::size_t shift = (bucket >> kSubBits) - 1;
  const std::uint64_t first = (kSub + (bucket & (kSub - 1))) << shift;
  return first + ((std::uint64_t{1} << shift) - 1);
}

void Histogram::record(std::uint64_t value) {
  ++buckets_[bucketOf(value)];
  ++count_;
  sum_ += value;
}

void Histogram::merge(const Histogram& other) {
  for (std::size_t i = 0; i < kBuckets; ++i) buckets_[i] += other.buckets_[i];
  count_ += other.count_;
  sum_ += other.sum_;
}

std::uint64_t Histogram::quantile(double fraction) const {
  if (count_ == 0) return 0;
  auto wanted = static_cast<std::uint64_t>(std::ceil(fraction * static_cast<double>(count_)));
  if (wanted == 0) wanted = 1;
  std::uint64_t seen = 0;
  for (std::size_t i = 0; i < kBuckets; ++i) {
    seen += buckets_[i];
    if (seen >= wanted) return lastValueOf(i);
  }
  return lastValueOf(kBuckets - 1);
}

std::uint64_t Histogram::countAtMost(std::uint64_t bound) const {
  std::uint64_t seen = 0;
  for (std::size_t i = 0; i < kBuckets && lastValueOf(i) <= bound; ++i) seen += buckets_[i];
  return seen;
}

}  // namespace wasabi
