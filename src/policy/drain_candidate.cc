#include "policy/drain_candidate.h"

#include <algorithm>
#include <tuple>
#include <vector>

#include "base/check.h"

namespace wasabi::policy {
namespace {

bool mayGo(const SuperpodView& view, std::optional<TenantId> pool) {
  return view.state != SuperpodState::kDraining && view.dedicated_to == pool && !view.quarantine_of;
}

bool lessToMove(const SuperpodView& a, const SuperpodView& b) {
  const auto key = [](const SuperpodView& view) {
    return std::tuple(view.booked.value, view.versions, view.state != SuperpodState::kStarting);
  };
  return key(a) < key(b);
}

// By number: superpods without which some function would be hosted by too few.
std::vector<bool> needed(std::span<const SuperpodView> superpods, std::span<const HostedFunction> functions) {
  std::vector<bool> needed(superpods.size(), false);
  const auto serves = [&](std::uint32_t number) {
    WASABI_CHECK(number < superpods.size());
    return superpods[number].state == SuperpodState::kReady;
  };
  for (const HostedFunction& function : functions) {
    if (std::count_if(function.on.begin(), function.on.end(), serves) > function.least) continue;
    if (function.least == 0) continue;
    for (const std::uint32_t number : function.on) needed[number] = needed[number] || serves(number);
  }
  return needed;
}

}  // namespace

DrainChoice drainCandidate(std::span<const SuperpodView> superpods, std::optional<TenantId> pool,
                           std::span<const HostedFunction> functions) {
  const std::vector<bool> kept = needed(superpods, functions);
  std::optional<std::size_t> best;
  bool any = false;
  for (std::size_t i = superpods.size(); i-- > 0;) {
    if (!mayGo(superpods[i], pool)) continue;
    any = true;
    if (kept[i]) continue;
    if (!best || lessToMove(superpods[i], superpods[*best])) best = i;
  }
  if (best) return {DrainChoice::Reason::kEmptiest, *best};
  return {any ? DrainChoice::Reason::kAllNeeded : DrainChoice::Reason::kNoSuperpod, 0};
}

std::string_view toString(DrainChoice::Reason reason) {
  switch (reason) {
    case DrainChoice::Reason::kEmptiest:
      return "emptiest";
    case DrainChoice::Reason::kNoSuperpod:
      return "no_superpod";
    case DrainChoice::Reason::kAllNeeded:
      return "all_needed";
  }
  return "";
}

std::string_view explain(DrainChoice::Reason reason) {
  switch (reason) {
    case DrainChoice::Reason::kEmptiest:
      return "the least has to move from it";
    case DrainChoice::Reason::kNoSuperpod:
      return "the pool has no superpod that could go";
    case DrainChoice::Reason::kAllNeeded:
      return "each is needed by a function that too few superpods would host without it";
  }
  return "";
}

}  // namespace wasabi::policy
