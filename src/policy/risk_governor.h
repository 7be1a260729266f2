// How much of the risk that the operator accepts is taken now: less as soon as memory gets short, and slowly more
// again.
//
// Each level doubles ln(1/e), by which the bound of memory_book.h lies above the mean (e, e^2, e^4, e^8; a ratio comes
// half as near to 1), and the last one books the declared limits. Any sign of pressure raises the level at once; each
// kQuiet without one lowers it by one. It changes what is admitted from now on, not what is admitted already.
#pragma once

#include <cstdint>

#include "base/units.h"
#include "policy/memory_book.h"

namespace wasabi::policy {

class RiskGovernor {
 public:
  static constexpr int kLevels = 5;  // 0: as the operator says; kLevels - 1: declared
  static constexpr Duration kQuiet = std::chrono::seconds(30);
  // Growth that still waits after so long raises the level again.
  static constexpr Duration kStillWaiting = std::chrono::milliseconds(250);
  // Parts of the capacity: above the first the level is at least 1, above the second at least 2; quiet is only below
  // kEasy, so that the level does not go to and fro.
  static constexpr double kEasy = 0.85;
  static constexpr double kHigh = 0.9;
  static constexpr double kVeryHigh = 0.97;

  struct Signs {
    ByteSize held{};  // by the ledger
    ByteSize capacity{};
    std::uint64_t growth_waits = 0;  // invocations that wait for room now
    std::uint64_t evictions = 0;     // so far; what was counted at the last observation is no sign again
  };

  explicit RiskGovernor(BookingMode accepted) : accepted_(accepted) {}

  // The mode to book by from now on. At every change of the signs for the worse, and every second or so.
  BookingMode observe(const Signs& signs, TimePoint now);

  void setAccepted(BookingMode accepted) { accepted_ = accepted; }
  BookingMode mode() const;
  int level() const { return level_; }

 private:
  int levelAskedFor(const Signs& signs, TimePoint now);

  BookingMode accepted_;
  int level_ = 0;
  bool waiting_ = false;  // growth waited at the last observation
  TimePoint raised_at_;   // by waiting growth
  TimePoint quiet_since_;
  std::uint64_t evictions_ = 0;
};

}  // namespace wasabi::policy
