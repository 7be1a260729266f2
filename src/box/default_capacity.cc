#include "box/default_capacity.h"

#include "policy/memory_reserve.h"

namespace wasabi::box {

Capacity defaultCapacity(const ContainerLimits& limits) {
  return {policy::bookableOf(limits.memory), limits.cpu.value};
}

}  // namespace wasabi::box
