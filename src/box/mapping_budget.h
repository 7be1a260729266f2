// How many invocations and programs fit under the kernel's limit on mappings. Past that limit the kernel refuses to
// protect stacks and memories, and in the end malloc: the box stays away from it by design, not by luck.
#pragma once

#include <cstdint>

#include "base/error.h"

namespace wasabi::box {

struct MappingNeeds {
  std::uint64_t max_mappings;
  std::uint64_t max_descriptors;  // every loaded program keeps two; a third is left for connections
  std::uint32_t max_invocations;
  std::uint32_t max_programs;
};

// How many programs may be loaded, at most what was asked for. kExhausted when not even a few are left beside the
// invocations; the message says which number to lower or raise.
Result<std::uint32_t> programsWithin(const MappingNeeds& needs);

}  // namespace wasabi::box
