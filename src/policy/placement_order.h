// Inside of placement: what is in the way of one superpod, and which of two that may take a request is better. Shared
// by place() and explain(), so that there is one copy of the rules.
#pragma once

#include <cstddef>
#include <span>

#include "policy/placement.h"

namespace wasabi::policy {

// A superpod that may take the request.
struct PlacementRank {
  bool busy = false;
  Presence presence = Presence::kAbsent;
  double fullness = 0;  // with the request
};

class PlacementOrder {
 public:
  // All outlive it.
  PlacementOrder(const PlacementRules& rules, std::span<const SuperpodView> superpods, const PlacementNeed& need,
                 TimePoint now);

  VersionOn on(std::size_t superpod) const;
  NotThere obstacle(std::size_t superpod) const;
  PlacementRank rank(std::size_t superpod) const;
  // Whether `other`, of a higher number, is better than `best`; kNothing: it is. Otherwise why not.
  static NotThere worse(const PlacementRank& other, const PlacementRank& best);
  bool mayHostMore() const { return may_host_more_; }

 private:
  NotThere wrongPool(const SuperpodView& view) const;
  bool countsHosts() const;

  const PlacementRules& rules_;
  const std::span<const SuperpodView> superpods_;
  const PlacementNeed& need_;
  const TimePoint now_;
  const bool may_host_more_;
};

}  // namespace wasabi::policy
