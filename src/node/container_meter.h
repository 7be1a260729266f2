// What one container used, from readings of its control groups: what came to it between two of them. Between readings
// it has had what the earlier one showed, and before the first what that one showed.
//
// Lives on the control loop.
#pragma once

#include <optional>

#include "base/units.h"
#include "sandbox/group_use.h"

namespace wasabi::node {

class ContainerMeter {
 public:
  // `begun`: when it was started.
  explicit ContainerMeter(TimePoint begun) : read_at_(begun) {}

  struct Growth {
    double cpu_seconds = 0;
    double memory_byte_seconds = 0;
  };
  // What a reading does not tell counts as it was before.
  Growth take(const sandbox::GroupUse& use, TimePoint now);

  TimePoint readAt() const { return read_at_; }
  // Between the last two readings.
  struct Rate {
    TimePoint since;
    Cores cores;
  };
  const std::optional<Rate>& rate() const { return rate_; }
  // As read last, as far as it is told.
  Duration cpu() const { return cpu_; }
  ByteSize memory() const { return memory_.value_or(ByteSize{}); }
  ByteSize peak() const { return peak_; }

 private:
  TimePoint read_at_;
  Duration cpu_{};
  std::optional<Rate> rate_;
  std::optional<ByteSize> memory_;
  ByteSize peak_;
};

}  // namespace wasabi::node
