// Which superpod to give up when fewer are wanted: the one from which the least has to move. One that is being started
// hosts nothing yet, so it goes first; then the least memory booked, the fewest versions, the highest number (so that
// the low ones, which placement prefers, stay).
//
// Never one by which a function would come below the number of superpods that are to host it; where every one is needed
// so, the caller first hosts those functions elsewhere (hostOnOneMore in placement.h). Superpods of a version in
// quarantine are never chosen: they go with the quarantine.
//
// Called by the control loop. Without clock, thread or lock; the same inputs lead to the same answer.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "policy/placement.h"

namespace wasabi::policy {

// A function, and the superpods that host it, by number; each once.
struct HostedFunction {
  std::uint32_t least = 0;  // superpods that are to host it
  std::span<const std::uint32_t> on;
};

struct DrainChoice {
  enum class Reason : std::uint8_t {
    kEmptiest,
    kNoSuperpod,  // the pool has none that could go
    kAllNeeded,   // each is needed by some function that no more than the least host
  };
  Reason reason = Reason::kNoSuperpod;
  std::size_t superpod = 0;  // of kEmptiest
};
std::string_view toString(DrainChoice::Reason reason);  // "emptiest", "all_needed"
std::string_view explain(DrainChoice::Reason reason);   // for people

// Of one pool: the superpods dedicated to this tenant, or (nothing) the shared ones.
DrainChoice drainCandidate(std::span<const SuperpodView> superpods, std::optional<TenantId> pool,
                           std::span<const HostedFunction> functions);

}  // namespace wasabi::policy
