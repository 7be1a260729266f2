#include "box/default_capacity.h"

#include <algorithm>

namespace wasabi::box {

using namespace literals;

ByteSize reserveOf(ByteSize container_memory) {
  const std::uint64_t eighth = std::clamp(container_memory.value / 8, (64_MiB).value, (1_GiB).value);
  return {std::min(eighth, container_memory.value / 2)};
}

Capacity defaultCapacity(const ContainerLimits& limits) {
  const ByteSize rest = limits.memory - reserveOf(limits.memory);
  return {{rest.value / (1_MiB).value * (1_MiB).value}, limits.cpu.value};
}

}  // namespace wasabi::box
