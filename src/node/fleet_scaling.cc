// Fleet: how many superpods there are.
#include <algorithm>
#include <iterator>
#include <map>
#include <utility>

#include "node/fleet.h"
#include "policy/drain_candidate.h"

namespace wasabi::node {

void Fleet::askLoads() {
  const TimePoint now = services_.loop.now();
  for (const SuperpodPtr& superpod : superpods_) superpod->askLoad();
  noteWhoIsBusy();
  const std::map<Pool, PoolScaling::Load> loads = this->loads();
  const PoolScaling::Settings scaling{settings_.utilization, settings_.most, settings_.idle_period};
  for (const auto& load : loads) pools_.try_emplace(load.first, scaling, now);
  for (auto pool = pools_.begin(); pool != pools_.end();) {
    const auto load = loads.find(pool->first);
    const bool gone = load == loads.end() && pool->second.desired() == 0;
    if (!gone) pool->second.record(load == loads.end() ? PoolScaling::Load{} : load->second, now);
    pool = gone ? pools_.erase(pool) : std::next(pool);
  }
}

bool Fleet::isInUse(const Superpod& superpod) const {
  return superpod.state() == Superpod::State::kReady && !isFree(superpod);
}

// By the loads that they told last.
void Fleet::noteWhoIsBusy() {
  for (const SuperpodPtr& superpod : superpods_) {
    if (!isInUse(*superpod)) continue;
    policy::SuperpodView view;
    view.busy = superpod->busy;
    view.capacity = settings_.superpod.memory;
    view.booked = superpod->load().booked;
    view.cores = {settings_.superpod.cores};
    view.cores_used = {superpod->coresUsed()};
    superpod->busy = policy::stillBusy(rules_, view);
  }
}

// Of all pools that have a superpod, or somebody who waits for one.
std::map<Fleet::Pool, PoolScaling::Load> Fleet::loads() {
  const auto memory = static_cast<double>(settings_.superpod.memory.value);
  std::map<Pool, PoolScaling::Load> loads;
  for (const SuperpodPtr& superpod : superpods_) {
    if (!isInUse(*superpod)) continue;
    PoolScaling::Load& load = loads[superpod->dedicated_to];
    load.memory += static_cast<double>(superpod->load().booked.value) / memory;
    load.cores += superpod->coresUsed() / settings_.superpod.cores;
  }
  for (const auto& last_used : last_used_) {
    const VersionRegistry::Known known = services_.registry.find(last_used.first);
    const auto figures = services_.desk.figures(last_used.first);
    const auto waiting = static_cast<double>(figures.waiting);
    if (!known.version || waiting == 0 || figures.waitsForTenantMemory()) continue;
    const Pool pool = needOf(last_used.first, known).dedicated ? Pool(known.tenant) : std::nullopt;
    loads[pool].memory += waiting * static_cast<double>(known.version->spec->limits.memory.value) / memory;
  }
  return loads;
}

std::uint32_t Fleet::active(const Pool& pool) const {
  return static_cast<std::uint32_t>(std::count_if(superpods_.begin(), superpods_.end(), [&](const SuperpodPtr& one) {
    return isInUse(*one) && one->dedicated_to == pool;
  }));
}

void Fleet::scale() {
  if (draining_) return;
  for (const SuperpodPtr& superpod : superpods_) {
    if (superpod->quarantine_of && !isQuarantined(*superpod->quarantine_of)) superpod->drain();
  }
  counters_.desired = 0;
  missing_ = 0;
  for (auto& [pool, scaling] : pools_) {
    scaling.decide(active(pool), services_.loop.now());
    counters_.desired += scaling.desired();
    missing_ += scaling.missing();
    // The pool that all share comes first.
    if (counters_.scale_reason.empty() || !pool || scaling.missing() > 0) counters_.scale_reason = scaling.reason();
    if (scaling.tooMany()) drainOne(pool, scaling);
  }
}

void Fleet::drainOne(const Pool& pool, const PoolScaling& scaling) {
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
  const policy::DrainChoice choice = policy::drainCandidate(views, pool, functions);
  if (choice.reason != policy::DrainChoice::Reason::kEmptiest) return;
  Superpod& superpod = *superpods_[choice.superpod];
  // Somebody came meanwhile, or its work could go nowhere but to a new one: other pools' superpods take none of it.
  const bool idle = services_.loop.now() - superpod.lastBusy() >= settings_.idle_period;
  const bool last =
      std::count_if(views.begin(), views.end(), [&](const policy::SuperpodView& view) {
        return view.state == policy::SuperpodState::kReady && view.dedicated_to == pool && !view.quarantine_of;
      }) == 1;
  if (!idle && (last || scaling.desired() == 0)) return;
  services_.log.info("superpod is given up", {{"superpod", superpod.name()}, {"reason", scaling.reason()}});
  ++counters_.drained;
  superpod.drain();
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
