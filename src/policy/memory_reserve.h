// What a box leaves of its container's memory for itself.
#pragma once

#include <algorithm>

#include "base/units.h"

namespace wasabi::policy {

// For the process: its code and buffers, loaded programs, and compilers beside it. An eighth, at least 64 MiB and at
// most 1 GiB, but never more than half.
inline ByteSize reserveOf(ByteSize container_memory) {
  using namespace literals;
  const std::uint64_t eighth = std::clamp(container_memory.value / 8, (64_MiB).value, (1_GiB).value);
  return {std::min(eighth, container_memory.value / 2)};
}

// What functions may book of it: whole MiB.
inline ByteSize bookableOf(ByteSize container_memory) {
  using namespace literals;
  const ByteSize rest = container_memory - reserveOf(container_memory);
  return {rest.value / (1_MiB).value * (1_MiB).value};
}

}  // namespace wasabi::policy
