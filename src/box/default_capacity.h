// The capacity of a box whose operator names none.
#pragma once

#include "base/container_limits.h"
#include "box/box_config.h"

namespace wasabi::box {

// All of the container's processors, and its memory without the reserve (policy/memory_reserve.h).
Capacity defaultCapacity(const ContainerLimits& limits);

}  // namespace wasabi::box
