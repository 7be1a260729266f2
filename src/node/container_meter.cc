#include "node/container_meter.h"

#include <algorithm>

namespace wasabi::node {

ContainerMeter::Growth ContainerMeter::take(const sandbox::GroupUse& use, TimePoint now) {
  const double seconds = toSeconds(now - read_at_);
  Growth growth;
  if (use.cpu) {
    const Duration by = std::max(*use.cpu - cpu_, Duration::zero());
    cpu_ += by;
    growth.cpu_seconds = toSeconds(by);
    if (seconds > 0) rate_ = {read_at_, Cores{growth.cpu_seconds / seconds}};
  } else {
    rate_.reset();
  }
  if (!memory_) memory_ = use.memory;
  growth.memory_byte_seconds = static_cast<double>(memory().value) * std::max(seconds, 0.0);
  if (use.memory) memory_ = use.memory;
  peak_ = std::max({peak_, memory(), use.peak.value_or(ByteSize{})});
  read_at_ = now;
  return growth;
}

}  // namespace wasabi::node
