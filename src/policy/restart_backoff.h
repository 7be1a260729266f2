// When a container that ended may be started again: at once after a long life, else later and later.
//
//   ended soon, 1st time    2nd      3rd: a loop    ...    at the most
//   wait 0.1 s              0.2 s    0.4 s                 30 s
//
// A life counts as long from kLongLife after it was ready. In a loop nobody is made to wait for the next start. What
// became ready and stays so ends the row.
//
// One for each version. Without clock, thread or lock; the same calls lead to the same answers.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

#include "base/units.h"

namespace wasabi::policy {

class RestartBackoff {
 public:
  static constexpr Duration kLongLife = std::chrono::seconds(10);
  static constexpr Duration kFirstWait = std::chrono::milliseconds(100);
  static constexpr Duration kLongestWait = std::chrono::seconds(30);
  static constexpr std::uint32_t kLoop = 3;

  // One ended, and nobody wanted that. `ready`: since when it served; nothing: it never did.
  void ended(std::optional<TimePoint> ready, TimePoint now);
  // The one that serves longest has been ready since then.
  void serves(TimePoint ready, TimePoint now);

  bool mayStart(TimePoint now) const { return now >= not_before_; }
  TimePoint notBefore() const { return not_before_; }
  std::uint32_t inARow() const { return in_a_row_; }
  bool looping() const { return in_a_row_ >= kLoop; }

 private:
  std::uint32_t in_a_row_ = 0;
  TimePoint not_before_{};
};

}  // namespace wasabi::policy
