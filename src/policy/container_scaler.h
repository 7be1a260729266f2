// How many containers of a version its load wants: so many as its requests want, or as its processors want, whichever
// is more. Both by an Autoscaler of their own:
//
//   requests that run and wait, against how many each is to have ------------> ScaleWish --+
//                                                                                          +--> the larger -->
//                                                                                          ScaleControl
//   processor time that all use, against the quota of each * utilization ----> ScaleWish --+
//
// Processors never keep a version that has no requests: what computes for itself would run for ever. Without a quota,
// and where the machine does not tell what is used, requests alone decide.
//
// Without clock, thread or lock; the same calls lead to the same answers.
#pragma once

#include <cstdint>
#include <optional>

#include "base/units.h"
#include "policy/autoscaler.h"

namespace wasabi::policy {

class ContainerScaler {
 public:
  struct Settings {
    Autoscaler::Settings by_requests;
    std::optional<Cores> quota;  // of each container
    double utilization = 0.7;    // of its quota, that a container is to have
  };

  ContainerScaler(const Settings& settings, TimePoint now);

  // Of all containers together. False if it was not taken, as Autoscaler has it.
  bool recordRequests(TimePoint at, double running_and_waiting) { return by_requests_.record(at, running_and_waiting); }
  bool recordCpu(TimePoint at, Cores used);

  CombinedWish decide(std::uint32_t ready, TimePoint now);

 private:
  std::optional<Cores> quota_;
  Autoscaler by_requests_;
  Autoscaler by_cpu_;
};

}  // namespace wasabi::policy
