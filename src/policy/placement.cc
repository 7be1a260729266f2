#include "policy/placement.h"

#include <algorithm>

#include "policy/placement_order.h"

namespace wasabi::policy {
namespace {

double part(double used, double of) {
  return of > 0 ? used / of : 1;
}

// The fuller of memory and CPU.
double fullness(const SuperpodView& view, ByteSize more_memory, Cores more_cores) {
  const ByteSize memory = view.booked + more_memory;
  return std::max(part(static_cast<double>(memory.value), static_cast<double>(view.capacity.value)),
                  part(view.cores_used.value + more_cores.value, view.cores.value));
}

}  // namespace

bool stillBusy(const PlacementRules& rules, const SuperpodView& view) {
  const double full = fullness(view, {}, {});
  return full >= (view.busy ? rules.calm : rules.busy);
}

// ---- one superpod ---------------------------------------------------------------------------------------------------

PlacementOrder::PlacementOrder(const PlacementRules& rules, std::span<const SuperpodView> superpods,
                               const PlacementNeed& need, TimePoint now)
    : rules_(rules), superpods_(superpods), need_(need), now_(now), may_host_more_(countsHosts()) {}

bool PlacementOrder::countsHosts() const {
  if (!need_.most_superpods) return true;
  std::uint32_t hosts = 0;
  for (std::size_t i = 0; i < superpods_.size(); ++i) {
    const bool there = on(i).presence != Presence::kAbsent && superpods_[i].state != SuperpodState::kDraining;
    hosts += there ? 1 : 0;
  }
  return hosts < *need_.most_superpods;
}

VersionOn PlacementOrder::on(std::size_t superpod) const {
  return superpod < need_.on.size() ? need_.on[superpod] : VersionOn{};
}

NotThere PlacementOrder::wrongPool(const SuperpodView& view) const {
  if (view.quarantine_of && *view.quarantine_of != need_.version) return NotThere::kOtherQuarantine;
  if (need_.quarantined != view.quarantine_of.has_value()) return NotThere::kNotItsOwn;
  const bool right = need_.dedicated ? view.dedicated_to == need_.tenant : !view.dedicated_to;
  return right ? NotThere::kNothing : NotThere::kOtherPool;
}

// First what will not change soon.
NotThere PlacementOrder::obstacle(std::size_t superpod) const {
  const SuperpodView& view = superpods_[superpod];
  if (const NotThere wrong = wrongPool(view); wrong != NotThere::kNothing) return wrong;
  if (view.state == SuperpodState::kDraining) return NotThere::kDraining;
  if (need_.memory > view.capacity) return NotThere::kTooSmall;
  const VersionOn version = on(superpod);
  if (version.presence == Presence::kAbsent) {
    if (!may_host_more_) return NotThere::kFunctionMax;
    if (view.versions >= rules_.most_versions) return NotThere::kTooManyVersions;
  }
  if (view.state == SuperpodState::kStarting) return NotThere::kStarting;
  if (view.booked > view.capacity - need_.memory) return NotThere::kNoMemory;
  if (now_ < view.turned_away_until && need_.memory >= view.turned_away) return NotThere::kTurnedAway;
  if (now_ < version.turned_away_until) return NotThere::kVersionTurnedAway;
  return view.backlog > rules_.most_backlog ? NotThere::kBacklog : NotThere::kNothing;
}

PlacementRank PlacementOrder::rank(std::size_t superpod) const {
  const SuperpodView& view = superpods_[superpod];
  const double full = fullness(view, need_.memory, need_.cores);
  return {view.busy || full >= rules_.busy, on(superpod).presence, full};
}

NotThere PlacementOrder::worse(const PlacementRank& other, const PlacementRank& best) {
  if (other.busy != best.busy) return other.busy ? NotThere::kBusy : NotThere::kNothing;
  if (other.presence != best.presence) {
    return other.presence < best.presence ? NotThere::kFurtherAway : NotThere::kNothing;
  }
  if (other.fullness == best.fullness) return NotThere::kHigherNumber;
  const bool fuller = other.fullness > best.fullness;
  if (fuller != best.busy) return NotThere::kNothing;
  return fuller ? NotThere::kFuller : NotThere::kEmptier;
}

// ---- all of them ----------------------------------------------------------------------------------------------------

namespace {

// What keeps the request from all of them.
struct Obstacles {
  bool starting = false;
  bool full = false;

  void add(NotThere why) {
    starting |= why == NotThere::kStarting;
    full |= why == NotThere::kTooManyVersions || why == NotThere::kTurnedAway || why == NotThere::kVersionTurnedAway ||
            why == NotThere::kNoMemory || why == NotThere::kBacklog;
  }
};

Placement notNow(const Obstacles& met, bool may_host_more, const PlacementNeed& need, const OneMore& one_more) {
  using Kind = Placement::Kind;
  using Reason = Placement::Reason;
  const auto without = [](Kind kind, Reason reason) { return Placement{kind, reason, 0, Presence::kAbsent}; };
  if (met.starting) return without(Kind::kWaits, Reason::kStarting);
  const bool too_large = need.memory > one_more.capacity;
  if (too_large && !met.full) return without(Kind::kNever, Reason::kTooLarge);
  if (!may_host_more) return without(Kind::kWaits, Reason::kFunctionMax);
  return without(one_more.allowed && !too_large ? Kind::kStartOne : Kind::kWaits,
                 met.full ? Reason::kNoRoom : Reason::kNoSuperpod);
}

Placement::Reason reasonOf(const PlacementRank& best) {
  if (best.busy) return Placement::Reason::kAllBusy;
  switch (best.presence) {
    case Presence::kLoaded:
      return Placement::Reason::kLoaded;
    case Presence::kHosted:
      return Placement::Reason::kHosted;
    case Presence::kAbsent:
      break;
  }
  return Placement::Reason::kNew;
}

Placement placeWhere(const PlacementOrder& order, std::size_t superpods, bool only_absent, const PlacementNeed& need,
                     const OneMore& one_more) {
  std::optional<std::size_t> best;
  PlacementRank best_rank;
  Obstacles met;
  for (std::size_t i = 0; i < superpods; ++i) {
    if (only_absent && order.on(i).presence != Presence::kAbsent) continue;
    const NotThere why = order.obstacle(i);
    if (why != NotThere::kNothing) {
      met.add(why);
      continue;
    }
    const PlacementRank rank = order.rank(i);
    if (best && PlacementOrder::worse(rank, best_rank) != NotThere::kNothing) continue;
    best = i;
    best_rank = rank;
  }
  if (!best) return notNow(met, order.mayHostMore(), need, one_more);
  return {Placement::Kind::kGoes, reasonOf(best_rank), *best, best_rank.presence};
}

}  // namespace

Placement place(const PlacementRules& rules, std::span<const SuperpodView> superpods, const PlacementNeed& need,
                const OneMore& one_more, TimePoint now) {
  return placeWhere({rules, superpods, need, now}, superpods.size(), false, need, one_more);
}

Placement hostOnOneMore(const PlacementRules& rules, std::span<const SuperpodView> superpods, const PlacementNeed& need,
                        const OneMore& one_more, TimePoint now) {
  return placeWhere({rules, superpods, need, now}, superpods.size(), true, need, one_more);
}

}  // namespace wasabi::policy
