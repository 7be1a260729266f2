// How many superpods one pool wants: the pool that all share, or that of a tenant that is apart. Pools have scales of
// their own, since what one has left serves no other.
//
// Lives on the control loop.
#pragma once

#include <cstdint>
#include <string>

#include "base/units.h"
#include "policy/autoscaler.h"
#include "policy/scale_control.h"

namespace wasabi::node {

class PoolScaling {
 public:
  struct Settings {
    double utilization = 0;  // that a superpod is to have
    std::uint32_t most = 1;
    Duration idle_period{};
  };
  // In superpods: 1 fills one.
  struct Load {
    double memory = 0;
    double cores = 0;
  };

  PoolScaling(const Settings& settings, TimePoint now);

  void record(const Load& load, TimePoint now);
  // `ready`: of this pool.
  void decide(std::uint32_t ready, TimePoint now);

  // As decided last.
  std::uint32_t desired() const { return desired_; }
  std::uint32_t missing() const { return desired_ > ready_ ? desired_ - ready_ : 0; }
  bool tooMany() const { return desired_ < ready_; }
  const std::string& reason() const { return reason_; }

 private:
  policy::Autoscaler by_memory_;
  policy::Autoscaler by_cpu_;
  policy::ScaleControl control_;
  std::uint32_t desired_ = 0;
  std::uint32_t ready_ = 0;
  std::string reason_;
};

}  // namespace wasabi::node
