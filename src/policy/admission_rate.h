// How fast waiters are admitted from a line: a decayed count of admissions over the decayed time in which somebody
// waited in it.
//
// Only the time with waiters counts, so a line with little to do does not look slow; and an admission at the very
// moment the line began counts nothing, so a line that is mostly empty does not look fast.
#pragma once

#include <optional>

#include "base/units.h"

namespace wasabi::policy {

class AdmissionRate {
 public:
  // What happened this long ago counts 1/e.
  static constexpr Duration kMemory = std::chrono::seconds(10);
  // With less (decayed) time of waiting than this there is no history to judge by.
  static constexpr Duration kEnough = std::chrono::milliseconds(500);

  void waitingBegins(TimePoint now);
  void waitingEnds(TimePoint now);
  void admitted(TimePoint now);

  // Admissions per second, more than 0. One more than there were is counted, so that a line that stands still has a
  // small rate and not none.
  std::optional<double> perSecond(TimePoint now) const;

 private:
  struct Sums {
    double admitted = 0;
    double waited = 0;  // seconds
  };
  Sums sumsAt(TimePoint now) const;
  void advance(TimePoint now);

  Sums sums_;
  TimePoint as_of_{};
  TimePoint began_{};
  bool waiting_ = false;
};

}  // namespace wasabi::policy
