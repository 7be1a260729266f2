// The capacity of a box whose operator names none.
#pragma once

#include "base/container_limits.h"
#include "box/box_config.h"

namespace wasabi::box {

// What is left of a container's memory for the process itself: its code and buffers, loaded programs, and compilers
// beside it. An eighth, at least 64 MiB and at most 1 GiB, but never more than half.
ByteSize reserveOf(ByteSize container_memory);

// All of its processors, and its memory without the reserve.
Capacity defaultCapacity(const ContainerLimits& limits);

}  // namespace wasabi::box
