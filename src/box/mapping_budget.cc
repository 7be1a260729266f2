#include "box/mapping_budget.h"

#include <fmt/format.h>

#include <algorithm>

namespace wasabi::box {
namespace {

// A live invocation splits its stack's and its memory's reservation (measured: five mappings, two of which every
// stack slot has from the start); a loaded program is mapped by segments with different protections.
constexpr std::uint64_t kPerInvocation = 5;
constexpr std::uint64_t kPerProgram = 3;
// Threads, the program's own libraries, the allocator's arenas.
constexpr std::uint64_t kForTheProcess = 2'000;
// Two for each loaded program, one for connections.
constexpr std::uint64_t kDescriptorShares = 3;
constexpr std::uint64_t kFewestPrograms = 16;

}  // namespace

Result<std::uint32_t> programsWithin(const MappingNeeds& needs) {
  const std::uint64_t invocations = needs.max_invocations * kPerInvocation;
  const std::uint64_t taken = invocations + kForTheProcess;
  const std::uint64_t left = needs.max_mappings > taken ? (needs.max_mappings - taken) / kPerProgram : 0;
  if (left < kFewestPrograms) {
    return fail(
        ErrorCode::kExhausted,
        fmt::format("{} invocations at once need {} memory mappings, but vm.max_map_count is {}: lower "
                    "--max-invocations, or raise the limit (sysctl vm.max_map_count={})",
                    needs.max_invocations, invocations, needs.max_mappings, taken + needs.max_programs * kPerProgram));
  }
  const std::uint64_t by_descriptors = std::max(needs.max_descriptors / kDescriptorShares, kFewestPrograms);
  return static_cast<std::uint32_t>(std::min<std::uint64_t>({left, by_descriptors, needs.max_programs}));
}

}  // namespace wasabi::box
