// Who has to go when growth waits and waiting cannot resolve it: the youngest invocation of the tenant most over its
// share. A tenant's share of the memory that is held goes by its weight; most over it is who holds most per weight.
//
// Waiting resolves as long as somebody who holds memory does not wait for growth: it will end, by its timeout at the
// latest, and give its memory back. So nobody is evicted then.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "base/units.h"
#include "policy/ids.h"

namespace wasabi::policy {

struct EvictionCandidate {
  std::uint64_t token = 0;  // of the caller; distinct
  TenantId tenant{};
  double weight = 1;  // of the tenant, above 0, the same in all its candidates
  ByteSize held{};
  // When it was first admitted. A request that was re-queued keeps its first time: so it grows older than those that
  // come after it, and is not evicted over and over.
  TimePoint started;
  bool acted = false;  // has sent something to the client or called somebody: running it again would show
  bool waits_for_growth = false;
};

struct Eviction {
  enum class Outcome : std::uint8_t {
    kEvict,
    kNobodyWaits,      // no growth waits
    kWaitingResolves,  // somebody who holds memory runs or is parked for another reason
    kNobodyHolds,      // those who wait hold nothing: evicting them would free nothing
  };
  Outcome outcome = Outcome::kNobodyWaits;
  // The rest only of kEvict.
  std::uint64_t token = 0;
  TenantId tenant{};
  ByteSize frees{};
  // Whether the request may run again from the start: it has not acted, and it was not the only one that held memory.
  // (Then nothing of others was in its way, and it would only end here again.)
  bool requeue = false;
};

std::string_view toString(Eviction::Outcome outcome);

// All invocations that are admitted. The order does not matter.
Eviction chooseVictim(std::span<const EvictionCandidate> admitted);

}  // namespace wasabi::policy
