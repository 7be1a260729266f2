// Fleet: how many superpods there are.
#include <algorithm>
#include <utility>

#include "node/fleet.h"
#include "policy/drain_candidate.h"

namespace wasabi::node {

void Fleet::askLoads() {
  const TimePoint now = services_.loop.now();
  double memory = 0;
  double cores = 0;
  for (const SuperpodPtr& superpod : superpods_) {
    superpod->askLoad();
    if (superpod->state() != Superpod::State::kReady || isFree(*superpod)) continue;
    memory += static_cast<double>(superpod->load().booked.value);
    cores += superpod->coresUsed();
    policy::SuperpodView view;
    view.busy = superpod->busy;
    view.capacity = settings_.superpod.memory;
    view.booked = superpod->load().booked;
    view.cores = {settings_.superpod.cores};
    view.cores_used = {superpod->coresUsed()};
    superpod->busy = policy::stillBusy(rules_, view);
  }
  for (const auto& last_used : last_used_) {
    const VersionRegistry::Known known = services_.registry.find(last_used.first);
    if (!known.version) continue;
    memory += static_cast<double>(services_.desk.figures(last_used.first).waiting) *
              static_cast<double>(known.version->spec->limits.memory.value);
  }
  by_memory_.record(now, memory / static_cast<double>(settings_.superpod.memory.value));
  by_cpu_.record(now, cores / settings_.superpod.cores);
}

std::uint32_t Fleet::active() const {
  return static_cast<std::uint32_t>(std::count_if(superpods_.begin(), superpods_.end(), [&](const SuperpodPtr& one) {
    return one->state() == Superpod::State::kReady && !isFree(*one);
  }));
}

void Fleet::scale() {
  if (draining_) return;
  const TimePoint now = services_.loop.now();
  const std::uint32_t ready = active();
  const policy::CombinedWish wish = policy::largerOf(by_memory_.decide(ready, now), by_cpu_.decide(ready, now), ready);
  const policy::ScaleControl::Step step = scale_control_.apply(wish.wish, ready, {}, now);
  for (const SuperpodPtr& superpod : superpods_) {
    if (superpod->quarantine_of && !isQuarantined(*superpod->quarantine_of)) superpod->drain();
  }
  counters_.scale_reason = policy::toString(step.reason);
  counters_.desired = step.replicas.value_or(ready);
  missing_ = counters_.desired > ready ? counters_.desired - ready : 0;
  if (counters_.desired < ready) drainOne();
}

void Fleet::drainOne() {
  std::vector<policy::SuperpodView> views = viewsFor({}, {}).all;
  std::map<policy::VersionId, std::vector<std::uint32_t>> on;
  for (std::uint32_t i = 0; i < superpods_.size(); ++i) {
    // A spare is no candidate: it is not among those that are counted.
    if (isFree(*superpods_[i])) views[i].state = policy::SuperpodState::kDraining;
    for (const auto& hosting : superpods_[i]->versions()) on[hosting.first].push_back(i);
  }
  std::vector<policy::HostedFunction> functions;
  for (const auto& [version, hosts] : on) {
    const auto least = least_hosts_.find(version);
    functions.push_back({least == least_hosts_.end() ? 0 : least->second, hosts});
  }
  for (const std::optional<policy::TenantId>& pool : pools()) {
    const policy::DrainChoice choice = policy::drainCandidate(views, pool, functions);
    if (choice.reason != policy::DrainChoice::Reason::kEmptiest) continue;
    Superpod& superpod = *superpods_[choice.superpod];
    const bool idle = services_.loop.now() - superpod.lastBusy() >= settings_.idle_period;
    // Somebody came meanwhile, or its work could go nowhere but to a new one: other pools' superpods take none of it.
    const bool last =
        std::count_if(views.begin(), views.end(), [&](const policy::SuperpodView& view) {
          return view.state == policy::SuperpodState::kReady && view.dedicated_to == pool && !view.quarantine_of;
        }) == 1;
    if (!idle && (last || counters_.desired == 0)) continue;
    services_.log.info("superpod is given up", {{"superpod", superpod.name()}, {"reason", counters_.scale_reason}});
    ++counters_.drained;
    return superpod.drain();
  }
}

std::set<std::optional<policy::TenantId>> Fleet::pools() const {
  std::set<std::optional<policy::TenantId>> pools;
  for (const SuperpodPtr& superpod : superpods_) {
    if (!isFree(*superpod)) pools.insert(superpod->dedicated_to);
  }
  return pools;
}

void Fleet::keepSpares() {
  if (draining_) return;
  const TimePoint now = services_.loop.now();
  std::uint32_t spares = 0;
  for (const SuperpodPtr& superpod : superpods_) {
    const bool lives = superpod->state() == Superpod::State::kStarting || superpod->state() == Superpod::State::kReady;
    if (!lives || !isFree(*superpod)) continue;
    ++spares;
    const bool wanted_soon = spares <= settings_.spares + missing_;
    if (!wanted_soon && now - superpod->lastBusy() >= settings_.idle_period) superpod->drain();
  }
  // Those that the load wants become hosts when somebody finds no room elsewhere.
  for (; spares < settings_.spares + missing_ && mayStart(); ++spares) start();
}

}  // namespace wasabi::node
