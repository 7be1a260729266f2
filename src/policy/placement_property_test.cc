#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <ostream>
#include <vector>

#include "policy/drain_candidate.h"
#include "policy/placement.h"

namespace wasabi::policy {

void showValue(const SuperpodView& view, std::ostream& out) {
  out << "{state " << static_cast<int>(view.state) << (view.busy ? ", busy" : "") << ", for "
      << (view.dedicated_to ? static_cast<int>(view.dedicated_to->value) : -1) << ", of "
      << (view.quarantine_of ? static_cast<int>(view.quarantine_of->value) : -1) << ", " << view.booked.value << " of "
      << view.capacity.value << " B, " << view.versions << " versions, backlog " << view.backlog.count()
      << ", turned away " << view.turned_away.value << "}";
}

namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using Kind = Placement::Kind;

const TimePoint kNow{seconds(1000)};

struct Case {
  PlacementRules rules;
  std::vector<SuperpodView> superpods;
  std::vector<VersionOn> on;
  PlacementNeed need;
  OneMore one_more;
};

template <typename Id>
Id oneOfTwo() {
  return {*rc::gen::element<std::uint32_t>(0, 1)};
}

// Mostly of the pool that the need wants, and of others now and then.
SuperpodView anySuperpod(const PlacementNeed& need) {
  SuperpodView view;
  if (*rc::gen::element(0, 1, 2, 3) > 0) {
    if (need.dedicated) view.dedicated_to = need.tenant;
    if (need.quarantined) view.quarantine_of = need.version;
  } else {
    if (*rc::gen::arbitrary<bool>()) view.dedicated_to = oneOfTwo<TenantId>();
    if (*rc::gen::arbitrary<bool>()) view.quarantine_of = oneOfTwo<VersionId>();
  }
  view.state = *rc::gen::weightedElement<SuperpodState>(
      {{5, SuperpodState::kReady}, {1, SuperpodState::kStarting}, {1, SuperpodState::kDraining}});
  view.busy = *rc::gen::arbitrary<bool>();
  view.capacity = {*rc::gen::inRange<std::uint64_t>(50, 120)};
  view.booked = {*rc::gen::inRange<std::uint64_t>(0, view.capacity.value + 1)};
  view.cores = {2};
  view.cores_used = {*rc::gen::inRange(0, 20) / 10.0};
  view.backlog = milliseconds(*rc::gen::element(0, 20, 50, 70));
  view.versions = *rc::gen::element<std::uint32_t>(0, 1, 2, 3, 4);
  view.turned_away = {*rc::gen::inRange<std::uint64_t>(0, 60)};
  view.turned_away_until = kNow + milliseconds(*rc::gen::element(-5, 0, 5));
  return view;
}

Case anyCase() {
  Case made;
  made.rules.most_versions = 4;
  made.need.tenant = oneOfTwo<TenantId>();
  made.need.version = oneOfTwo<VersionId>();
  made.need.dedicated = *rc::gen::weightedElement<bool>({{2, false}, {1, true}});
  made.need.quarantined = *rc::gen::weightedElement<bool>({{3, false}, {1, true}});
  made.need.memory = {*rc::gen::weightedOneOf<std::uint64_t>(
      {{8, rc::gen::inRange<std::uint64_t>(1, 60)}, {1, rc::gen::inRange<std::uint64_t>(60, 140)}})};
  made.need.cores = {*rc::gen::inRange(0, 5) / 10.0};
  if (*rc::gen::arbitrary<bool>()) made.need.most_superpods = *rc::gen::element<std::uint32_t>(1, 2, 5);
  made.one_more = {*rc::gen::arbitrary<bool>(), ByteSize{120}};
  const int superpods = *rc::gen::element(0, 1, 2, 4, 8, 16);
  for (int i = 0; i < superpods; ++i) {
    made.superpods.push_back(anySuperpod(made.need));
    VersionOn version;
    version.presence = *rc::gen::element(Presence::kAbsent, Presence::kHosted, Presence::kLoaded);
    version.turned_away_until = kNow + milliseconds(*rc::gen::weightedElement<int>({{4, -5}, {1, 5}}));
    made.on.push_back(version);
  }
  return made;
}

std::uint32_t hostsOf(const Case& made) {
  std::uint32_t hosts = 0;
  for (std::size_t i = 0; i < made.superpods.size(); ++i) {
    if (made.superpods[i].state == SuperpodState::kDraining) continue;
    hosts += made.on[i].presence != Presence::kAbsent ? 1 : 0;
  }
  return hosts;
}

// The rules once more, said the long way.
bool belongs(const Case& made, const SuperpodView& view) {
  if (made.need.dedicated && view.dedicated_to != made.need.tenant) return false;
  if (!made.need.dedicated && view.dedicated_to) return false;
  if (made.need.quarantined) return view.quarantine_of == made.need.version;
  return !view.quarantine_of;
}

bool hasRoom(const Case& made, std::size_t i) {
  const SuperpodView& view = made.superpods[i];
  const VersionOn& version = made.on[i];
  if (view.booked.value + made.need.memory.value > view.capacity.value) return false;
  if (view.backlog > milliseconds(50)) return false;
  if (view.turned_away_until > kNow && made.need.memory >= view.turned_away) return false;
  if (version.turned_away_until > kNow) return false;
  if (version.presence != Presence::kAbsent) return true;
  if (view.versions >= made.rules.most_versions) return false;
  return !made.need.most_superpods || hostsOf(made) < *made.need.most_superpods;
}

bool mayTake(const Case& made, std::size_t i) {
  return made.superpods[i].state == SuperpodState::kReady && belongs(made, made.superpods[i]) && hasRoom(made, i);
}

RC_GTEST_PROP(PlacementProperty, OnlyWhereItMayGoAndAlwaysIfItMayGoAnywhere, ()) {
  Case made = anyCase();
  made.need.on = made.on;
  const Placement placed = place(made.rules, made.superpods, made.need, made.one_more, kNow);
  bool anywhere = false;
  for (std::size_t i = 0; i < made.superpods.size(); ++i) anywhere |= mayTake(made, i);
  RC_ASSERT((placed.kind == Kind::kGoes) == anywhere);
  RC_CLASSIFY(anywhere, "goes");
  if (!anywhere) return;
  RC_ASSERT(mayTake(made, placed.superpod));
  RC_ASSERT(placed.presence == made.on[placed.superpod].presence);
}

RC_GTEST_PROP(PlacementProperty, NobodyBetterIsPassedOver, ()) {
  Case made = anyCase();
  made.need.on = made.on;
  const Placement placed = place(made.rules, made.superpods, made.need, made.one_more, kNow);
  RC_PRE(placed.kind == Kind::kGoes);
  const auto full = [&](std::size_t i) {
    const SuperpodView& view = made.superpods[i];
    return std::max(static_cast<double>(view.booked.value + made.need.memory.value) / double(view.capacity.value),
                    (view.cores_used.value + made.need.cores.value) / view.cores.value);
  };
  const auto busy = [&](std::size_t i) { return made.superpods[i].busy || full(i) >= made.rules.busy; };
  const std::size_t chosen = placed.superpod;
  for (std::size_t i = 0; i < made.superpods.size(); ++i) {
    if (!mayTake(made, i) || i == chosen) continue;
    RC_ASSERT(busy(i) || !busy(chosen));
    if (busy(i) != busy(chosen)) continue;
    RC_ASSERT(made.on[i].presence <= made.on[chosen].presence);
    if (made.on[i].presence != made.on[chosen].presence) continue;
    RC_ASSERT((busy(chosen) ? full(i) >= full(chosen) : full(i) <= full(chosen)));
    if (full(i) == full(chosen)) RC_ASSERT(i > chosen);
  }
}

RC_GTEST_PROP(PlacementProperty, TheSameInputsTheSameDecisionAndTheExplanationAgrees, ()) {
  Case made = anyCase();
  made.need.on = made.on;
  const Placement placed = place(made.rules, made.superpods, made.need, made.one_more, kNow);
  const Placement again = place(made.rules, made.superpods, made.need, made.one_more, kNow);
  RC_ASSERT(placed.kind == again.kind);
  RC_ASSERT(placed.superpod == again.superpod);
  const auto lines = explain(made.rules, made.superpods, made.need, kNow);
  RC_ASSERT(lines.size() == made.superpods.size());
  for (std::size_t i = 0; i < lines.size(); ++i) {
    RC_ASSERT((lines[i].why == NotThere::kNothing) == (placed.kind == Kind::kGoes && placed.superpod == i));
    RC_ASSERT(!lines[i].words.empty());
    const bool could = lines[i].why == NotThere::kNothing || lines[i].why >= NotThere::kBusy;
    RC_ASSERT(could == mayTake(made, i));
  }
}

RC_GTEST_PROP(PlacementProperty, StartsOneOnlyWhereThatHelps, ()) {
  Case made = anyCase();
  made.need.on = made.on;
  const Placement placed = place(made.rules, made.superpods, made.need, made.one_more, kNow);
  RC_PRE(placed.kind == Kind::kStartOne);
  RC_ASSERT(made.one_more.allowed);
  RC_ASSERT(made.need.memory <= made.one_more.capacity);
  RC_ASSERT(!made.need.most_superpods || hostsOf(made) < *made.need.most_superpods);
  for (const SuperpodView& view : made.superpods) {
    const bool will_do = view.state == SuperpodState::kStarting && belongs(made, view) &&
                         made.need.memory <= view.capacity && view.versions < made.rules.most_versions;
    RC_ASSERT(!will_do);
  }
}

RC_GTEST_PROP(PlacementProperty, ABusySuperpodBecomesCalmOnlyBelowTheLowerMark, ()) {
  const PlacementRules rules;
  const SuperpodView view = anySuperpod({});
  const double full = std::max(static_cast<double>(view.booked.value) / static_cast<double>(view.capacity.value),
                               view.cores_used.value / view.cores.value);
  const bool busy = stillBusy(rules, view);
  if (full >= rules.busy) RC_ASSERT(busy);
  if (full < rules.calm) RC_ASSERT(!busy);
  if (full < rules.busy && full >= rules.calm) RC_ASSERT(busy == view.busy);
}

RC_GTEST_PROP(DrainProperty, NeverOneThatAFunctionNeedsAndAlwaysTheEmptiestOfTheOthers, ()) {
  const Case made = anyCase();
  std::optional<TenantId> pool;
  if (made.need.dedicated) pool = made.need.tenant;
  std::vector<std::vector<std::uint32_t>> hosts(*rc::gen::element<std::size_t>(0, 1, 3));
  std::vector<HostedFunction> functions;
  for (auto& on : hosts) {
    for (std::uint32_t i = 0; i < made.superpods.size(); ++i) {
      if (*rc::gen::arbitrary<bool>()) on.push_back(i);
    }
    functions.push_back({*rc::gen::element<std::uint32_t>(0, 1, 2, 4), on});
  }
  // Ready ones that host it, without this one.
  const auto left = [&](const HostedFunction& function, std::size_t without) {
    return std::count_if(function.on.begin(), function.on.end(), [&](std::uint32_t i) {
      return i != without && made.superpods[i].state == SuperpodState::kReady;
    });
  };
  const auto mayGo = [&](std::size_t i) {
    const SuperpodView& view = made.superpods[i];
    if (view.state == SuperpodState::kDraining || view.dedicated_to != pool || view.quarantine_of) return false;
    return std::all_of(functions.begin(), functions.end(), [&](const HostedFunction& function) {
      const bool there = view.state == SuperpodState::kReady &&
                         std::find(function.on.begin(), function.on.end(), i) != function.on.end();
      return !there || left(function, i) >= function.least;
    });
  };
  const DrainChoice choice = drainCandidate(made.superpods, pool, functions);
  bool any = false;
  for (std::size_t i = 0; i < made.superpods.size(); ++i) any |= mayGo(i);
  RC_ASSERT((choice.reason == DrainChoice::Reason::kEmptiest) == any);
  RC_CLASSIFY(any, "goes");
  if (!any) return;
  RC_ASSERT(mayGo(choice.superpod));
  for (std::size_t i = 0; i < made.superpods.size(); ++i) {
    if (mayGo(i)) RC_ASSERT(made.superpods[choice.superpod].booked <= made.superpods[i].booked);
  }
}

}  // namespace
}  // namespace wasabi::policy
