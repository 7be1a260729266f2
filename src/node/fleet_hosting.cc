// Fleet: which superpod hosts a version.
#include <algorithm>
#include <utility>

#include "node/fleet.h"

namespace wasabi::node {
namespace {

policy::SuperpodState stateOf(Superpod::State state) {
  switch (state) {
    case Superpod::State::kStarting:
      return policy::SuperpodState::kStarting;
    case Superpod::State::kReady:
      return policy::SuperpodState::kReady;
    default:
      return policy::SuperpodState::kDraining;
  }
}

policy::Presence presenceOn(const Superpod& superpod, policy::VersionId number) {
  return superpod.versions().contains(number) ? policy::Presence::kHosted : policy::Presence::kAbsent;
}

}  // namespace

void Fleet::wanted(policy::VersionId version) {
  services_.loop.post([this, version, alive = std::weak_ptr<bool>(alive_)] {
    if (!alive.lock() || isContainer(version) || isHosted(version) || !wanted_.try_emplace(version).second) return;
    hostSomewhere(version, HowMany::kEnough);
  });
}

// Those that lost their superpod, those that wait for one, and those that are to be hosted whether anybody calls or
// not.
void Fleet::hostWanted() {
  if (draining_) return;
  if (services_.desk.anyWaits()) {
    for (const policy::VersionId version : services_.desk.unserved()) {
      if (!isHosted(version) && !isContainer(version)) wanted_.try_emplace(version);
    }
  }
  std::erase_if(wanted_, [&](const auto& entry) { return services_.desk.figures(entry.first).waiting == 0; });
  const TimePoint now = services_.loop.now();
  std::vector<policy::VersionId> due;
  for (const auto& [version, state] : wanted_) {
    if (now >= state.not_before && !isHosted(version)) due.push_back(version);
  }
  for (const policy::VersionId version : due) hostSomewhere(version, HowMany::kEnough);
  for (const auto& [version, least] : least_hosts_) {
    const auto failed = held_.find(version);
    if (failed != held_.end() && now < failed->second.not_before) continue;
    if (hostsOfVersion(version) < least) hostSomewhere(version, HowMany::kOneMore);
  }
}

// They wait though somebody serves them: all of those are full. Where the function itself may have no more at once, or
// its tenant no more memory, another superpod is of no use.
void Fleet::helpThoseWithoutRoom() {
  if (draining_ || !services_.desk.anyWaits()) return;
  std::set<policy::VersionId> versions;
  for (const SuperpodPtr& superpod : superpods_) {
    for (const auto& hosting : superpod->versions()) versions.insert(hosting.first);
  }
  for (const policy::VersionId version : versions) {
    const auto figures = services_.desk.figures(version);
    const VersionRegistry::Known known = services_.registry.find(version);
    if (figures.waiting == 0 || figures.targets == 0 || !known.version || figures.waitsForTenantMemory()) continue;
    if (figures.running < known.version->spec->limits.concurrency) hostSomewhere(version, HowMany::kOneMore);
  }
}

void Fleet::hostSomewhere(policy::VersionId number, HowMany how_many) {
  const VersionRegistry::Known known = services_.registry.find(number);
  if (!known.version) return giveUp(number, "it is not deployed any more");
  const policy::Placement placement = placementOf(number, known, how_many);
  using Kind = policy::Placement::Kind;
  if (placement.kind == Kind::kNever) {
    restBeforeHolding(number);
    return giveUp(number, std::string(policy::explain(placement.reason)));
  }
  if (placement.kind == Kind::kStartOne) {
    start();
    return;
  }
  if (placement.kind != Kind::kGoes) return;
  Superpod& superpod = *superpods_[placement.superpod];
  if (superpod.versions().contains(number)) return;
  if (isFree(superpod)) {
    const policy::PlacementNeed need = needOf(number, known);
    if (need.dedicated) superpod.dedicated_to = need.tenant;
    if (need.quarantined) superpod.quarantine_of = number;
  }
  services_.log.info("version is hosted",
                     {{"version", platform::VersionName{known.version->name(), known.version->number}.toString()},
                      {"superpod", superpod.name()},
                      {"reason", policy::toString(placement.reason)}});
  last_used_[number] = services_.loop.now();
  superpod.host(number, known.version, shareOf(*known.version, superpod));
}

policy::Placement Fleet::placementOf(policy::VersionId number, const VersionRegistry::Known& known, HowMany how_many) {
  policy::PlacementNeed need = needOf(number, known);
  const Views views = viewsFor(number, need);
  need.on = views.of_version;
  const TimePoint now = services_.loop.now();
  const policy::OneMore one_more{mayStart(), settings_.superpod.memory};
  if (how_many == HowMany::kOneMore) return policy::hostOnOneMore(rules_, views.all, need, one_more, now);
  return policy::place(rules_, views.all, need, one_more, now);
}

policy::PlacementNeed Fleet::needOf(policy::VersionId number, const VersionRegistry::Known& known) {
  policy::PlacementNeed need;
  need.tenant = known.tenant;
  need.version = number;
  need.memory = known.version->spec->limits.memory;
  const FunctionName& name = known.version->name();
  const platform::TenantRecord* tenant = snapshot_ ? snapshot_->tenant(name.tenant) : nullptr;
  const platform::FunctionRecord* function = snapshot_ ? snapshot_->function(name.tenant, name.function) : nullptr;
  need.dedicated = (tenant && tenant->isolation == catalog::Isolation::kDedicated) ||
                   (function && function->isolation() == catalog::Isolation::kDedicated);
  if (function) need.most_superpods = std::max(function->scale().max, 1u);
  need.quarantined = isQuarantined(number);
  return need;
}

bool Fleet::isQuarantined(policy::VersionId version) {
  const auto quarantine = quarantines_.find(version);
  if (quarantine == quarantines_.end()) return false;
  quarantine->second.look(services_.loop.now());
  return quarantine->second.on();
}

// One that nobody uses yet counts for whoever asks.
Fleet::Views Fleet::viewsFor(policy::VersionId number, const policy::PlacementNeed& need) const {
  Views views;
  for (const SuperpodPtr& superpod : superpods_) {
    policy::SuperpodView view;
    view.state = stateOf(superpod->state());
    view.busy = superpod->busy;
    view.dedicated_to = superpod->dedicated_to;
    view.quarantine_of = superpod->quarantine_of;
    if (isFree(*superpod)) {
      if (need.dedicated) view.dedicated_to = need.tenant;
      if (need.quarantined) view.quarantine_of = number;
    }
    view.capacity = settings_.superpod.memory;
    view.booked = std::min(superpod->load().booked, view.capacity);
    view.cores = {settings_.superpod.cores};
    view.cores_used = {superpod->coresUsed()};
    view.versions = static_cast<std::uint32_t>(superpod->versions().size());
    views.all.push_back(view);
    views.of_version.push_back({presenceOn(*superpod, number), {}});
  }
  return views;
}

// What a function may have over the whole machine is divided by how often it is hosted, all versions together.
platform::SuperpodShare Fleet::shareOf(const platform::Version& version, const Superpod& on) const {
  platform::SuperpodShare share;
  share.concurrency = version.spec->limits.concurrency;  // counted over all superpods at the desk
  if (!version.spec->limits.cpu) return share;
  std::uint32_t others = 0;
  for (const SuperpodPtr& superpod : superpods_) {
    for (const auto& [number, hosting] : superpod->versions()) {
      const bool itself = superpod.get() == &on && hosting.name.number == version.number;
      if (hosting.name.function == version.name() && !itself) ++others;
    }
  }
  share.cpu = *version.spec->limits.cpu / (1 + others);
  return share;
}

bool Fleet::isHosted(policy::VersionId number) const {
  return hostsOfVersion(number) > 0;
}

bool Fleet::isContainer(policy::VersionId number) const {
  const platform::VersionPtr version = services_.registry.find(number).version;
  return version && version->isContainer();
}

std::uint32_t Fleet::hostsOfVersion(policy::VersionId number) const {
  std::uint32_t hosts = 0;
  for (const SuperpodPtr& superpod : superpods_) {
    const bool stays = superpod->state() == Superpod::State::kReady;
    if (stays && superpod->versions().contains(number)) ++hosts;
  }
  return hosts;
}

bool Fleet::isFree(const Superpod& superpod) const {
  return superpod.versions().empty() && !superpod.dedicated_to && !superpod.quarantine_of;
}

void Fleet::hosted(Superpod& superpod, policy::VersionId version, Result<void> placed) {
  if (placed) {
    wanted_.erase(version);
    held_.erase(version);
    return;
  }
  services_.log.warn("version cannot be hosted", {{"superpod", superpod.name()}, {"reason", placed.error().message()}});
  restBeforeHolding(version);
  if (isHosted(version)) return;
  Tries& state = wanted_[version];
  ++state.attempts;
  if (state.attempts >= settings_.most_attempts) return giveUp(version, placed.error().message());
  state.not_before = services_.loop.now() + rest(state.attempts);
}

// One that is to be hosted whether anybody calls or not.
void Fleet::restBeforeHolding(policy::VersionId number) {
  if (!least_hosts_.contains(number)) return;
  Tries& tries = held_[number];
  tries.not_before = services_.loop.now() + rest(++tries.attempts);
}

// Where a function is hosted more often or less often than before, each superpod gives it another part of what it may
// have.
void Fleet::levelShares() {
  if (draining_) return;
  std::unordered_map<FunctionName, std::uint32_t> hosts;
  for (const SuperpodPtr& superpod : superpods_) {
    for (const auto& hosting : superpod->versions()) ++hosts[hosting.second.name.function];
  }
  for (const SuperpodPtr& superpod : superpods_) {
    if (superpod->state() != Superpod::State::kReady) continue;
    for (const auto& [number, hosting] : superpod->versions()) {
      if (hosting.state != Superpod::Hosting::kServed || !hosting.share.cpu) continue;
      const platform::VersionPtr version = services_.registry.find(number).version;
      if (!version) continue;
      platform::SuperpodShare share = hosting.share;
      share.cpu = *version->spec->limits.cpu / hosts.at(version->name());
      if (share.cpu != hosting.share.cpu) superpod->host(number, version, share);
    }
  }
}

void Fleet::giveUp(policy::VersionId number, const std::string& why) {
  // Those that are told leave the desk a little later; until then they are no reason to begin anew.
  wanted_[number] = {0, services_.loop.now() + rest(1)};
  services_.refuse(number, Reason::kNotStarted, why);
}

void Fleet::use(platform::SnapshotPtr snapshot) {
  snapshot_ = std::move(snapshot);
  for (const SuperpodPtr& superpod : superpods_) {
    std::vector<policy::VersionId> gone;
    for (const auto& hosting : superpod->versions()) {
      if (!snapshot_->version(hosting.second.name)) gone.push_back(hosting.first);
    }
    for (const policy::VersionId version : gone) superpod->unhost(version);
  }
  for (const SuperpodPtr& superpod : superpods_) superpod->configure();
  std::erase_if(last_used_, [&](const auto& entry) { return !services_.registry.find(entry.first).version; });
  std::erase_if(quarantines_, [&](const auto& entry) { return !services_.registry.find(entry.first).version; });
  least_hosts_.clear();
  held_.clear();
  for (const platform::TenantRecordPtr& tenant : snapshot_->tenants()) {
    for (const platform::FunctionRecordPtr& function : snapshot_->functionsOf(tenant->name)) {
      const std::uint32_t least = std::min(function->scale().min, settings_.most);
      if (least == 0) continue;
      for (const platform::TrafficShare& share : function->traffic.shares()) {
        const platform::VersionPtr& version = function->find(share.version)->version;
        if (!version->isContainer()) least_hosts_[services_.registry.numberOf(*tenant, *function, version)] = least;
      }
    }
  }
}

double Fleet::cpuWeightOf(const std::string& tenant) const {
  const platform::TenantRecord* record = snapshot_ ? snapshot_->tenant(tenant) : nullptr;
  return record ? record->quotas.cpu_weight : 1;
}

void Fleet::placeAgain(const std::string& tenant) {
  for (const SuperpodPtr& superpod : superpods_) {
    std::vector<policy::VersionId> with_secrets;
    for (const auto& [number, hosting] : superpod->versions()) {
      const auto version = services_.registry.find(number).version;
      if (version && version->name().tenant == tenant && !version->spec->secrets.empty())
        with_secrets.push_back(number);
    }
    for (const policy::VersionId number : with_secrets) {
      const auto version = services_.registry.find(number).version;
      superpod->host(number, version, shareOf(*version, *superpod));
    }
  }
}

void Fleet::giveUpIdleVersions() {
  const TimePoint now = services_.loop.now();
  for (auto& [version, used] : last_used_) {
    const auto figures = services_.desk.figures(version);
    std::uint64_t& began = began_[version];
    if (figures.running > 0 || figures.waiting > 0 || figures.began != std::exchange(began, figures.began)) used = now;
    if (now - used < settings_.version_idle || least_hosts_.contains(version)) continue;
    for (const SuperpodPtr& superpod : superpods_) superpod->unhost(version);
  }
  std::erase_if(began_, [&](const auto& entry) { return !last_used_.contains(entry.first); });
}

}  // namespace wasabi::node
