// A log-linear histogram of non-negative integers: every power of two is cut into 16 equal buckets, so a value is
// known within 1/16 of itself over the whole range of 64 bits. Not thread-safe: one per thread, merged by readers.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace wasabi {

class Histogram {
 public:
  void record(std::uint64_t value);
  void merge(const Histogram& other);

  std::uint64_t count() const { return count_; }
  std::uint64_t sum() const { return sum_; }
  // The smallest recordable value that at least `fraction` (0..1) of the recorded values do not exceed,
  // rounded up to its bucket's end; 0 when nothing was recorded.
  std::uint64_t quantile(double fraction) const;
  // How many recorded values lie in buckets that end at or below `bound`.
  std::uint64_t countAtMost(std::uint64_t bound) const;

 private:
  static constexpr int kSubBits = 4;
  static constexpr std::size_t kBuckets = (64 - kSubBits + 1) << kSubBits;

  static std::size_t bucketOf(std::uint64_t value);
  static std::uint64_t lastValueOf(std::size_t bucket);

  std::array<std::uint64_t, kBuckets> buckets_{};
  std::uint64_t count_ = 0;
  std::uint64_t sum_ = 0;
};

}  // namespace wasabi
