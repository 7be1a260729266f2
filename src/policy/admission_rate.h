// How fast waiters are admitted from a line: admissions over the time in which somebody waited in it, older ones
// counting ever less.
//
// Only the time with waiters counts, so a line with little to do does not look slow; and an admission at the very
// moment the line began counts nothing, so a line that is mostly empty does not look fast.
//
// The rate is that of the last admission: time in which nobody is admitted is held against a line only when the next
// one is, and then no more of it than kMemory. For what stops a line (who holds all the room does not end) says nothing
// of how it moves afterwards: when room appears, it appears for many. So a line that stands still is expected to go on
// as it went, and after kWindow nobody knows.
#pragma once

#include <optional>

#include "base/units.h"

namespace wasabi::policy {

class AdmissionRate {
 public:
  // What happened before this much time of waiting counts 1/e.
  static constexpr Duration kMemory = std::chrono::seconds(10);
  // With less (decayed) time of waiting than this there is no history to judge by.
  static constexpr Duration kEnough = std::chrono::milliseconds(500);
  // What happened before so long a time without admissions is forgotten.
  static constexpr Duration kWindow = std::chrono::seconds(30);
  // So much counts at most of the time before the first admission: one alone says little, and should not be taken for
  // the slowest line there is.
  static constexpr Duration kBeforeTheFirst = std::chrono::seconds(1);

  void waitingBegins(TimePoint now);
  void waitingEnds(TimePoint now);
  void admitted(TimePoint now);

  // Admissions per second, at least one in kMemory. Nothing where there is no history.
  std::optional<double> perSecond(TimePoint now) const;

 private:
  void countWaiting(TimePoint now);

  // As of the last admission; both decayed.
  double admitted_ = 0;
  double waited_ = 0;  // seconds
  std::optional<TimePoint> last_admission_;
  Duration waited_since_{};
  std::optional<TimePoint> waiting_from_;  // while somebody waits: up to there it is in `waited_since_`
  TimePoint began_{};
};

}  // namespace wasabi::policy
