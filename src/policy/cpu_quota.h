// The CPU quota of a function: a token bucket of CPU time.
//
// It fills at `cores` seconds of CPU per second, up to what one period brings. What ran is charged afterwards, so it
// may fall below zero: then the function is in debt, and waits until it is filled up again. Late refills lose nothing
// (up to one period), so over time a function that always wants to run gets exactly its quota.
#pragma once

#include "base/units.h"

namespace wasabi::policy {

class CpuQuota {
 public:
  static constexpr Duration kPeriod = std::chrono::milliseconds(100);

  // Full at `now`. `cores` > 0.
  CpuQuota(double cores, TimePoint now);

  double cores() const { return cores_; }
  // Another quota from now on; a debt stays.
  void setCores(double cores, TimePoint now);

  void charge(Duration cpu, TimePoint now);
  bool inDebt(TimePoint now) const { return levelAt(now) < 0; }
  // When the debt is paid; `now` or earlier if there is none.
  TimePoint paidAt() const;

 private:
  double levelAt(TimePoint now) const;  // in nanoseconds of CPU

  double cores_;
  double level_;
  TimePoint as_of_;
};

}  // namespace wasabi::policy
