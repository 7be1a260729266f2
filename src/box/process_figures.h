// What the kernel says about this process's memory.
#pragma once

#include <cstdint>

#include "base/units.h"

namespace wasabi::box {

// Mappings of the process. Reads /proc/self/maps: milliseconds for a full box, so not on a worker.
std::uint64_t countMappings();
// How many it may have (vm.max_map_count); 65,530 where that cannot be read.
std::uint64_t maxMappings();
// Raises the soft limit on descriptors to the hard one, and returns it.
std::uint64_t raiseDescriptorLimit();
struct ProcessMemory {
  ByteSize anonymous;    // resident
  ByteSize page_tables;  // the kernel's, for our mappings; it keeps those of slots that were ever used
};
ProcessMemory memoryOfProcess();

}  // namespace wasabi::box
