// How the requests of a function are divided over its versions.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/error.h"

namespace wasabi::platform {

struct TrafficShare {
  std::uint32_t version = 0;
  std::uint32_t percent = 0;  // 1 to 100
  bool operator==(const TrafficShare&) const = default;
};

// Either empty (the function has no version that may be called yet) or shares of different versions that sum to 100.
class TrafficSplit {
 public:
  static constexpr std::size_t kMaxShares = 10;

  TrafficSplit() = default;
  static TrafficSplit all(std::uint32_t version) { return TrafficSplit({{version, 100}}); }
  // In any order; shares of 0 are left out.
  static Result<TrafficSplit> of(std::vector<TrafficShare> shares);

  bool empty() const { return shares_.empty(); }
  // By version, ascending.
  const std::vector<TrafficShare>& shares() const { return shares_; }
  bool has(std::uint32_t version) const;
  // The highest number that has a share. Not of an empty split.
  std::uint32_t newest() const;
  // `random` is evenly distributed over all 64 bits: each version is chosen by its percentage. Not of an empty split.
  std::uint32_t choose(std::uint64_t random) const;
  // "v3=90 v4=10"
  std::string toString() const;

  bool operator==(const TrafficSplit&) const = default;

 private:
  explicit TrafficSplit(std::vector<TrafficShare> shares) : shares_(std::move(shares)) {}
  std::vector<TrafficShare> shares_;
};

}  // namespace wasabi::platform
