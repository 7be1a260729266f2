#include "policy/admission_rate.h"

#include <algorithm>
#include <cmath>

namespace wasabi::policy {

void AdmissionRate::waitingBegins(TimePoint now) {
  advance(now);
  waiting_ = true;
  began_ = now;
}

void AdmissionRate::waitingEnds(TimePoint now) {
  advance(now);
  waiting_ = false;
}

void AdmissionRate::admitted(TimePoint now) {
  advance(now);
  if (waiting_ && now > began_) sums_.admitted += 1;
}

std::optional<double> AdmissionRate::perSecond(TimePoint now) const {
  const Sums sums = sumsAt(now);
  if (sums.waited < toSeconds(kEnough)) return std::nullopt;
  return (sums.admitted + 1) / sums.waited;
}

// Workers read the clock before they take the lock, so `now` may lie a little before the last event.
AdmissionRate::Sums AdmissionRate::sumsAt(TimePoint now) const {
  if (now <= as_of_) return sums_;
  const double memory = toSeconds(kMemory);
  const double kept = std::exp(-toSeconds(now - as_of_) / memory);
  Sums sums{sums_.admitted * kept, sums_.waited * kept};
  if (waiting_) sums.waited += memory * (1 - kept);
  return sums;
}

void AdmissionRate::advance(TimePoint now) {
  sums_ = sumsAt(now);
  as_of_ = std::max(as_of_, now);
}

}  // namespace wasabi::policy
