#include "policy/admission_rate.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace wasabi::policy {

void AdmissionRate::waitingBegins(TimePoint now) {
  began_ = now;
  waiting_from_ = now;
}

void AdmissionRate::waitingEnds(TimePoint now) {
  countWaiting(now);
  waiting_from_.reset();
}

void AdmissionRate::admitted(TimePoint now) {
  if (!waiting_from_ || now <= began_) return;
  countWaiting(now);
  const bool first = !last_admission_ || now - *last_admission_ > kWindow;
  if (first) admitted_ = waited_ = 0;
  const double memory = toSeconds(kMemory);
  const double gap = toSeconds(std::min(std::exchange(waited_since_, Duration{}), first ? kBeforeTheFirst : kMemory));
  const double kept = std::exp(-gap / memory);
  admitted_ = admitted_ * kept + 1;
  waited_ = waited_ * kept + memory * (1 - kept);
  last_admission_ = std::max(now, last_admission_.value_or(now));
}

std::optional<double> AdmissionRate::perSecond(TimePoint now) const {
  if (!last_admission_ || now - *last_admission_ > kWindow || waited_ < toSeconds(kEnough)) return std::nullopt;
  return admitted_ / waited_;
}

// Workers read the clock before they take the lock, so `now` may lie a little before the last event.
void AdmissionRate::countWaiting(TimePoint now) {
  if (!waiting_from_ || now <= *waiting_from_) return;
  waited_since_ += now - *waiting_from_;
  waiting_from_ = now;
}

}  // namespace wasabi::policy
