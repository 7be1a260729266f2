// Numbers that look random and are cheap: SplitMix64 (Steele, Lea, Flood, "Fast splittable pseudorandom number
// generators", 2014). Every state occurs once in 2^64 steps. Not secret: who sees one number knows the next.
#pragma once

#include <cstdint>

namespace wasabi {

// One per thread.
class SplitMix64 {
 public:
  // Different seeds give different sequences; the same seed the same one.
  explicit SplitMix64(std::uint64_t seed) : state_(seed) {}

  std::uint64_t next() {
    state_ += 0x9e3779b97f4a7c15;
    std::uint64_t word = state_;
    word = (word ^ (word >> 30)) * 0xbf58476d1ce4e5b9;
    word = (word ^ (word >> 27)) * 0x94d049bb133111eb;
    return word ^ (word >> 31);
  }

 private:
  std::uint64_t state_;
};

}  // namespace wasabi
