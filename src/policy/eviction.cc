#include "policy/eviction.h"

#include <algorithm>
#include <tuple>
#include <vector>

namespace wasabi::policy {
namespace {

struct Holding {
  TenantId tenant;
  double weight = 1;
  std::uint64_t held = 0;
};

// Of all that hold something, by tenant.
std::vector<Holding> holdings(std::span<const EvictionCandidate> admitted) {
  std::vector<Holding> all;
  for (const EvictionCandidate& candidate : admitted) {
    if (candidate.held.value > 0) all.push_back({candidate.tenant, candidate.weight, candidate.held.value});
  }
  std::sort(all.begin(), all.end(), [](const Holding& a, const Holding& b) { return a.tenant < b.tenant; });
  std::size_t tenants = 0;
  for (const Holding& holding : all) {
    if (tenants > 0 && all[tenants - 1].tenant == holding.tenant) {
      all[tenants - 1].held += holding.held;
    } else {
      all[tenants++] = holding;
    }
  }
  all.resize(tenants);
  return all;
}

double perWeight(const Holding& holding) {
  return static_cast<double>(holding.held) / holding.weight;
}

bool younger(const EvictionCandidate& a, const EvictionCandidate& b) {
  return std::tie(a.started, a.token) > std::tie(b.started, b.token);
}

}  // namespace

std::string_view toString(Eviction::Outcome outcome) {
  switch (outcome) {
    case Eviction::Outcome::kEvict:
      return "evict";
    case Eviction::Outcome::kNobodyWaits:
      return "nobody waits for memory";
    case Eviction::Outcome::kWaitingResolves:
      return "somebody who holds memory goes on and will give it back";
    case Eviction::Outcome::kNobodyHolds:
      return "those who wait for memory hold none";
  }
  return "";
}

Eviction chooseVictim(std::span<const EvictionCandidate> admitted) {
  bool waits = false;
  bool resolves = false;
  std::size_t holders = 0;
  for (const EvictionCandidate& candidate : admitted) {
    const bool holds = candidate.held.value > 0;
    waits |= candidate.waits_for_growth;
    resolves |= holds && !candidate.waits_for_growth;
    holders += holds ? 1 : 0;
  }
  if (!waits) return {.outcome = Eviction::Outcome::kNobodyWaits};
  if (resolves) return {.outcome = Eviction::Outcome::kWaitingResolves};
  if (holders == 0) return {.outcome = Eviction::Outcome::kNobodyHolds};

  // Of equals the first, which has the lower id.
  const auto tenants = holdings(admitted);
  const auto most = std::max_element(tenants.begin(), tenants.end(),
                                     [](const Holding& a, const Holding& b) { return perWeight(a) < perWeight(b); });
  const EvictionCandidate* victim = nullptr;
  for (const EvictionCandidate& candidate : admitted) {
    if (candidate.tenant != most->tenant || candidate.held.value == 0) continue;
    if (victim == nullptr || younger(candidate, *victim)) victim = &candidate;
  }
  return {Eviction::Outcome::kEvict, victim->token, victim->tenant, victim->held, !victim->acted && holders > 1};
}

}  // namespace wasabi::policy
