// What placement says of its decisions.
#include <fmt/format.h>

#include "policy/placement_order.h"

namespace wasabi::policy {
namespace {

std::string wordsOf(NotThere why, const SuperpodView& view, const PlacementNeed& need, const PlacementRules& rules) {
  switch (why) {
    case NotThere::kNothing:
      return "the request goes here";
    case NotThere::kStarting:
      return "is not ready yet";
    case NotThere::kDraining:
      return "is draining";
    case NotThere::kOtherPool:
      return need.dedicated ? "does not belong to the tenant, which has superpods of its own"
                            : "is dedicated to another tenant";
    case NotThere::kOtherQuarantine:
      return "is kept for another version, which is in quarantine";
    case NotThere::kNotItsOwn:
      return need.quarantined ? "is not the version's own, and the version is in quarantine"
                              : "was kept for the version while it was in quarantine";
    case NotThere::kTooSmall:
      return fmt::format("has a capacity of {}, and {} are needed", toString(view.capacity), toString(need.memory));
    case NotThere::kTooManyVersions:
      return fmt::format("hosts {} versions already, as many as may be", view.versions);
    case NotThere::kFunctionMax:
      return fmt::format("does not host the version, and {} superpods do, as many as may",
                         need.most_superpods.value_or(0));
    case NotThere::kTurnedAway:
      return fmt::format("had no room for {} a moment ago", toString(view.turned_away));
    case NotThere::kVersionTurnedAway:
      return "turned the version away a moment ago, for limits of its own";
    case NotThere::kNoMemory:
      return fmt::format("has {} of {} booked, and {} are needed", toString(view.booked), toString(view.capacity),
                         toString(need.memory));
    case NotThere::kBacklog:
      return fmt::format("would let it wait {} for the CPU, and {} are allowed", wasabi::toString(view.backlog),
                         wasabi::toString(rules.most_backlog));
    case NotThere::kBusy:
      return "is busy, and the one chosen is not";
    case NotThere::kFurtherAway:
      return "has not loaded the program, or does not host the version, as the one chosen does";
    case NotThere::kEmptier:
      return "is emptier than the one chosen, and may run dry";
    case NotThere::kFuller:
      return "is fuller than the one chosen, and all are busy";
    case NotThere::kHigherNumber:
      return "is as good as the one chosen, which has the lower number";
  }
  return {};
}

struct Words {
  std::string_view token;
  std::string_view sentence;
};

Words wordsOf(Placement::Reason reason) {
  switch (reason) {
    case Placement::Reason::kLoaded:
      return {"loaded", "the fullest of the calm superpods that have the program loaded"};
    case Placement::Reason::kHosted:
      return {"hosted", "the fullest of the calm superpods that host the version"};
    case Placement::Reason::kNew:
      return {"new", "the fullest of the calm superpods; none that host the version is calm and has room"};
    case Placement::Reason::kAllBusy:
      return {"all_busy", "no calm superpod has room: the emptiest of those that are busy"};
    case Placement::Reason::kStarting:
      return {"starting", "a superpod is being started"};
    case Placement::Reason::kNoSuperpod:
      return {"no_superpod", "there is no superpod that may take it"};
    case Placement::Reason::kNoRoom:
      return {"no_room", "no superpod that may take it has room"};
    case Placement::Reason::kFunctionMax:
      return {"function_max", "the superpods that host the function have no room, and no more may host it"};
    case Placement::Reason::kTooLarge:
      return {"too_large", "it needs more memory than any superpod has"};
  }
  return {};
}

}  // namespace

std::string_view toString(Placement::Kind kind) {
  switch (kind) {
    case Placement::Kind::kGoes:
      return "goes";
    case Placement::Kind::kWaits:
      return "waits";
    case Placement::Kind::kStartOne:
      return "start_one";
    case Placement::Kind::kNever:
      return "never";
  }
  return "";
}

std::string_view toString(NotThere why) {
  switch (why) {
    case NotThere::kNothing:
      return "chosen";
    case NotThere::kStarting:
      return "starting";
    case NotThere::kDraining:
      return "draining";
    case NotThere::kOtherPool:
      return "other_pool";
    case NotThere::kOtherQuarantine:
      return "other_quarantine";
    case NotThere::kNotItsOwn:
      return "not_its_own";
    case NotThere::kTooSmall:
      return "too_small";
    case NotThere::kTooManyVersions:
      return "too_many_versions";
    case NotThere::kFunctionMax:
      return "function_max";
    case NotThere::kTurnedAway:
      return "turned_away";
    case NotThere::kVersionTurnedAway:
      return "version_turned_away";
    case NotThere::kNoMemory:
      return "no_memory";
    case NotThere::kBacklog:
      return "cpu_backlog";
    case NotThere::kBusy:
      return "busy";
    case NotThere::kFurtherAway:
      return "not_loaded";
    case NotThere::kEmptier:
      return "emptier";
    case NotThere::kFuller:
      return "fuller";
    case NotThere::kHigherNumber:
      return "higher_number";
  }
  return "";
}

std::string_view toString(Placement::Reason reason) {
  return wordsOf(reason).token;
}

std::string_view explain(Placement::Reason reason) {
  return wordsOf(reason).sentence;
}

std::vector<PlacementLine> explain(const PlacementRules& rules, std::span<const SuperpodView> superpods,
                                   const PlacementNeed& need, TimePoint now) {
  const PlacementOrder order(rules, superpods, need, now);
  const Placement placed = place(rules, superpods, need, {}, now);
  std::vector<PlacementLine> lines;
  lines.reserve(superpods.size());
  for (std::size_t i = 0; i < superpods.size(); ++i) {
    NotThere why = order.obstacle(i);
    if (why == NotThere::kNothing && i != placed.superpod) {
      why = PlacementOrder::worse(order.rank(i), order.rank(placed.superpod));
    }
    lines.push_back({why, wordsOf(why, superpods[i], need, rules)});
  }
  return lines;
}

}  // namespace wasabi::policy
