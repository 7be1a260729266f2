// When the requests of an open loop are due, whatever becomes of those before.
#pragma once

#include <cstdint>
#include <random>

#include "base/units.h"
#include "load/options.h"

namespace wasabi::bench {

class Schedule {
 public:
  // The first is due at `begin`, or, with Poisson arrivals, after a first random pause. `rate` > 0, per second.
  Schedule(double rate, Arrivals arrivals, std::uint64_t seed, TimePoint begin);

  TimePoint next() const { return next_; }
  void advance();

 private:
  const double rate_;
  const Arrivals arrivals_;
  std::mt19937_64 random_;
  TimePoint begin_;
  double passed_ = 0;  // even: requests; Poisson: seconds
  TimePoint next_;
};

}  // namespace wasabi::bench
