// The cumulative area under a curve: readers take differences, so that no interval is lost (design section 14).
#pragma once

#include <cstdint>

#include "base/units.h"

namespace wasabi::box {

class LoadIntegral {
 public:
  void set(std::uint64_t level, TimePoint now) {
    settle(now);
    level_ = level;
  }
  void settle(TimePoint now) {
    if (since_ != TimePoint()) area_ += static_cast<double>(level_) * toSeconds(now - since_);
    since_ = now;
  }
  std::uint64_t level() const { return level_; }
  double area() const { return area_; }  // level times seconds

 private:
  std::uint64_t level_ = 0;
  TimePoint since_;
  double area_ = 0;
};

}  // namespace wasabi::box
