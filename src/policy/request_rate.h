// How many new requests per second somebody may send: a token bucket, full at first, that holds what one second brings.
#pragma once

#include <algorithm>

#include "base/units.h"

namespace wasabi::policy {

class RequestRate {
 public:
  // `per_second` > 0.
  RequestRate(double per_second, TimePoint now) : per_second_(per_second), level_(mostHeld()), as_of_(now) {}

  double perSecond() const { return per_second_; }
  // Another rate from now on.
  void setPerSecond(double per_second, TimePoint now) {
    level_ = levelAt(now);
    as_of_ = now;
    per_second_ = per_second;
    level_ = std::min(level_, mostHeld());
  }

  // Whether one more may come now; then it counts.
  bool take(TimePoint now) {
    const double level = levelAt(now);
    if (level < 1) return false;
    level_ = level - 1;
    as_of_ = std::max(as_of_, now);
    return true;
  }

  // When take() will say yes, if nobody asks before.
  TimePoint freeAt(TimePoint now) const {
    const double lacking = 1 - levelAt(now);
    if (lacking <= 0) return now;
    return now + std::chrono::ceil<Duration>(std::chrono::duration<double>(lacking / per_second_));
  }

 private:
  // A rate below one per second still lets single requests through.
  double mostHeld() const { return std::max(per_second_, 1.0); }
  double levelAt(TimePoint now) const {
    return std::min(mostHeld(), level_ + toSeconds(std::max(now - as_of_, Duration::zero())) * per_second_);
  }

  double per_second_;
  double level_;
  TimePoint as_of_;
};

}  // namespace wasabi::policy
