#include "policy/risk_governor.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace wasabi::policy {
namespace {

constexpr int kDeclaredLevel = RiskGovernor::kLevels - 1;

}  // namespace

BookingMode RiskGovernor::observe(const Signs& signs, TimePoint now) {
  const int asked = levelAskedFor(signs, now);
  const bool easy = static_cast<double>(signs.held.value) < kEasy * static_cast<double>(signs.capacity.value);
  if (asked > 0 || !easy || level_ == 0) quiet_since_ = now;
  level_ = std::max(level_, asked);
  // One level for each kQuiet, also if nobody looked meanwhile.
  while (level_ > 0 && now - quiet_since_ >= kQuiet) {
    quiet_since_ += kQuiet;
    --level_;
  }
  return mode();
}

int RiskGovernor::levelAskedFor(const Signs& signs, TimePoint now) {
  int asked = 0;
  const auto held = static_cast<double>(signs.held.value);
  const auto capacity = static_cast<double>(signs.capacity.value);
  if (held >= kVeryHigh * capacity) {
    asked = 2;
  } else if (held >= kHigh * capacity) {
    asked = 1;
  }
  if (signs.growth_waits == 0) {
    waiting_ = false;
  } else if (!waiting_ || now - raised_at_ >= kStillWaiting) {
    waiting_ = true;
    raised_at_ = now;
    asked = std::min(level_ + 1, kDeclaredLevel);
  } else {
    asked = std::max(asked, level_);
  }
  if (signs.evictions > evictions_) asked = kDeclaredLevel;
  evictions_ = signs.evictions;
  return asked;
}

BookingMode RiskGovernor::mode() const {
  if (level_ == 0 || accepted_.kind == BookingMode::Kind::kDeclared) return accepted_;
  if (level_ == kDeclaredLevel) return BookingMode::declared();
  const double times = std::ldexp(1, level_);
  if (accepted_.kind == BookingMode::Kind::kRatio) return BookingMode::ratioOf(1 + (accepted_.ratio - 1) / times);
  return BookingMode::riskOf(std::max(std::pow(accepted_.risk, times), std::numeric_limits<double>::min()));
}

}  // namespace wasabi::policy
