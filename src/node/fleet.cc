#include "node/fleet.h"

#include <algorithm>
#include <array>
#include <set>
#include <utility>

#include "base/check.h"
#include "policy/drain_candidate.h"

namespace wasabi::node {
namespace {

using namespace std::chrono_literals;

constexpr Duration kLook = 50ms;
constexpr Duration kLoads = 1s;
constexpr Duration kTryAgain = 100ms;
constexpr Duration kLongestRest = 30s;

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

Duration rest(std::uint32_t failures) {
  return std::min<Duration>(kTryAgain * (1 << std::min(failures, 20u)), kLongestRest);
}

// In superpods: 1 fills one.
policy::Autoscaler::Settings inSuperpods(double utilization) {
  policy::Autoscaler::Settings settings;
  settings.target = utilization;
  settings.total = 1;
  settings.target_burst_capacity = 0;
  return settings;
}

policy::ScaleControl::Settings controlOf(const FleetSettings& settings) {
  policy::ScaleControl::Settings control;
  control.max = settings.most;
  control.idle_period = settings.idle_period;
  control.grace = {};
  control.initial = 0;
  return control;
}

}  // namespace

Fleet::Fleet(FleetSettings settings, Services services)
    : settings_(std::move(settings)),
      services_(std::move(services)),
      admin_(services_.loop, {}, http::unixConnector(services_.loop)),
      by_memory_(inSuperpods(settings_.utilization), 0, services_.loop.now()),
      by_cpu_(inSuperpods(settings_.utilization), 0, services_.loop.now()),
      scale_control_(controlOf(settings_), policy::ScaleControl::beginning(controlOf(settings_), services_.loop.now())),
      timer_(services_.loop),
      alive_(std::make_shared<bool>(true)) {
  keepSpares();
  look();
}

Fleet::~Fleet() = default;

void Fleet::look() {
  const TimePoint now = services_.loop.now();
  buryDrained();
  hostWanted();
  if (now >= next_load_) {
    next_load_ = now + kLoads;
    helpThoseWithoutRoom();
    askLoads();
    giveUpIdleVersions();
  }
  if (now >= next_scale_) {
    next_scale_ = now + policy::Autoscaler::kTick;
    scale();
  }
  keepSpares();
  timer_.arm(now + kLook, [this] { look(); });
}

// ---- which superpod hosts a version ---------------------------------------------------------------------------------

void Fleet::wanted(policy::VersionId version) {
  services_.loop.post([this, version, alive = std::weak_ptr<bool>(alive_)] {
    if (!alive.lock() || isHosted(version) || !wanted_.try_emplace(version).second) return;
    hostSomewhere(version, HowMany::kEnough);
  });
}

// Those that lost their superpod, those that wait for one, and those that are to be hosted whether anybody calls or not.
void Fleet::hostWanted() {
  if (draining_) return;
  if (services_.desk.anyWaits()) {
    for (const policy::VersionId version : services_.desk.unserved()) {
      if (!isHosted(version)) wanted_.try_emplace(version);
    }
  }
  const TimePoint now = services_.loop.now();
  std::vector<policy::VersionId> due;
  for (const auto& [version, state] : wanted_) {
    if (now >= state.not_before && !isHosted(version)) due.push_back(version);
  }
  for (const policy::VersionId version : due) hostSomewhere(version, HowMany::kEnough);
  for (const auto& [version, least] : least_hosts_) {
    if (hostsOfVersion(version) < least) hostSomewhere(version, HowMany::kOneMore);
  }
}

// They wait though somebody serves them: all of those are full. Where the function itself may have no more at once,
// another superpod is of no use.
void Fleet::helpThoseWithoutRoom() {
  if (draining_ || !services_.desk.anyWaits()) return;
  std::set<policy::VersionId> versions;
  for (const SuperpodPtr& superpod : superpods_) {
    for (const auto& hosting : superpod->versions()) versions.insert(hosting.first);
  }
  for (const policy::VersionId version : versions) {
    const auto figures = services_.desk.figures(version);
    const VersionRegistry::Known known = services_.registry.find(version);
    if (figures.waiting == 0 || figures.targets == 0 || !known.version) continue;
    if (figures.running < known.version->spec->limits.concurrency) hostSomewhere(version, HowMany::kOneMore);
  }
}

void Fleet::hostSomewhere(policy::VersionId number, HowMany how_many) {
  const VersionRegistry::Known known = services_.registry.find(number);
  if (!known.version) return giveUp(number, "it is not deployed any more");
  if (known.version->isContainer()) return giveUp(number, "this server runs no containers");
  const policy::Placement placement = placementOf(number, known, how_many);
  using Kind = policy::Placement::Kind;
  if (placement.kind == Kind::kNever) return giveUp(number, std::string(policy::explain(placement.reason)));
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
  services_.log.info("version is hosted", {{"version", platform::VersionName{known.version->name(), known.version->number}.toString()},
                                           {"superpod", superpod.name()},
                                           {"reason", policy::toString(placement.reason)}});
  last_used_[number] = services_.loop.now();
  superpod.host(number, known.version, shareOf(*known.version, superpod));
}

policy::Placement Fleet::placementOf(policy::VersionId number, const VersionRegistry::Known& known,
                                     HowMany how_many) {
  policy::PlacementNeed need = needOf(number, known);
  const Views views = viewsFor(number, need);
  need.on = views.of_version;
  const TimePoint now = services_.loop.now();
  const bool may_start = !draining_ && superpods_.size() < settings_.most && now >= start_not_before_;
  const policy::OneMore one_more{may_start, settings_.superpod.memory};
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
    return shareAgain(superpod, version);
  }
  Wanted& state = wanted_[version];
  ++state.attempts;
  services_.log.warn("version cannot be hosted",
                     {{"superpod", superpod.name()}, {"reason", placed.error().message()}});
  if (state.attempts >= settings_.most_attempts) return giveUp(version, placed.error().message());
  state.not_before = services_.loop.now() + rest(state.attempts);
}

// Where the function was hosted before, it has less from now on.
void Fleet::shareAgain(const Superpod& new_one, policy::VersionId version) {
  const VersionRegistry::Known known = services_.registry.find(version);
  if (!known.version || !known.version->spec->limits.cpu) return;
  for (const SuperpodPtr& superpod : superpods_) {
    if (superpod.get() == &new_one || superpod->state() != Superpod::State::kReady) continue;
    if (superpod->serves(version)) superpod->host(version, known.version, shareOf(*known.version, *superpod));
  }
}

void Fleet::giveUp(policy::VersionId number, const std::string& why) {
  wanted_.erase(number);
  services_.refuse(number, why);
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
  std::erase_if(last_used_, [&](const auto& entry) { return !services_.registry.find(entry.first).version; });
  std::erase_if(quarantines_, [&](const auto& entry) { return !services_.registry.find(entry.first).version; });
  least_hosts_.clear();
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

void Fleet::placeAgain(const std::string& tenant) {
  for (const SuperpodPtr& superpod : superpods_) {
    std::vector<policy::VersionId> with_secrets;
    for (const auto& [number, hosting] : superpod->versions()) {
      const auto version = services_.registry.find(number).version;
      if (version && version->name().tenant == tenant && !version->spec->secrets.empty()) with_secrets.push_back(number);
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

// ---- how many superpods ---------------------------------------------------------------------------------------------

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
  const policy::CombinedWish wish =
      policy::largerOf(by_memory_.decide(ready, now), by_cpu_.decide(ready, now), ready);
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
    if (!idle && counters_.desired == 0) continue;  // somebody came meanwhile
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
  for (; spares < settings_.spares + missing_ && superpods_.size() < settings_.most; ++spares) {
    if (now < start_not_before_) return;
    start();
  }
}

Superpod& Fleet::start() {
  ++counters_.started;
  const Superpod::Services lent{services_.loop,  admin_,          services_.desk,       services_.backend, work_,
                                services_.blobs, services_.get_secret, settings_.superpod};
  SuperpodOwner& owner = *this;
  superpods_.push_back(std::make_unique<Superpod>(++last_number_, freeTarget(), lent, owner));
  return *superpods_.back();
}

policy::TargetId Fleet::freeTarget() {
  if (free_targets_.empty()) return {++last_target_};
  const policy::TargetId free = free_targets_.back();
  free_targets_.pop_back();
  return free;
}

// Once all its requests have ended it is known under which versions it died.
void Fleet::buryDrained() {
  const std::vector<ClosedTarget> closed = std::exchange(closed_targets_, {});
  for (const ClosedTarget& target : closed) {
    if (!services_.desk.drained(target.id)) {
      closed_targets_.push_back(target);
      continue;
    }
    if (target.died) blame(services_.desk.diedUnder(target.id));
    free_targets_.push_back(target.id);
  }
}

void Fleet::superpodReady(Superpod& superpod) {
  failed_starts_ = 0;
  services_.log.info("superpod is ready", {{"superpod", superpod.name()}});
  hostWanted();
}

void Fleet::superpodGone(Superpod& superpod, const std::optional<std::string>& why) {
  const auto place = std::find_if(superpods_.begin(), superpods_.end(),
                                  [&](const SuperpodPtr& one) { return one.get() == &superpod; });
  WASABI_CHECK(place != superpods_.end());
  if (why) {
    ++counters_.died;
    services_.log.warn("superpod died", {{"superpod", superpod.name()}, {"reason", *why}});
  }
  if (superpod.wasTarget()) {
    closed_targets_.push_back({superpod.target(), why.has_value()});
  } else {
    start_not_before_ = services_.loop.now() + rest(failed_starts_++);
    free_targets_.push_back(superpod.target());
  }
  services_.loop.defer([gone = std::shared_ptr<Superpod>(std::move(*place))] {});
  superpods_.erase(place);
  hostWanted();
  keepSpares();
}

void Fleet::blame(const std::vector<policy::VersionId>& versions) {
  for (const policy::VersionId version : versions) {
    const auto state = quarantines_[version].killed(versions.size(), services_.loop.now());
    const auto known = services_.registry.find(version);
    if (!known.version) continue;
    services_.log.warn("a superpod died under the version",
                       {{"version", platform::VersionName{known.version->name(), known.version->number}.toString()},
                        {"state", policy::toString(state)}});
    if (state != policy::Quarantine::State::kEntered) continue;
    for (const SuperpodPtr& superpod : superpods_) superpod->unhost(version);
  }
}

// ---- what it tells, and its end -------------------------------------------------------------------------------------

FleetFigures Fleet::figures() const {
  FleetFigures figures = counters_;
  for (const SuperpodPtr& superpod : superpods_) {
    FleetFigures::OfSuperpod one;
    one.name = superpod->name();
    one.state = superpod->state();
    one.since = superpod->since();
    one.pid = superpod->pid();
    one.versions = superpod->versions().size();
    one.capacity = settings_.superpod.memory;
    one.booked = superpod->load().booked;
    one.invocations = superpod->load().invocations;
    one.cores_used = superpod->coresUsed();
    one.made_for = superpod->quarantine_of  ? "quarantine"
                   : superpod->dedicated_to ? "dedicated"
                   : isFree(*superpod)      ? "spare"
                                            : "shared";
    figures.superpods.push_back(std::move(one));
  }
  return figures;
}

std::set<platform::VersionName> Fleet::hostedVersions() const {
  std::set<platform::VersionName> versions;
  for (const SuperpodPtr& superpod : superpods_) {
    for (const auto& hosting : superpod->versions()) versions.insert(hosting.second.name);
  }
  return versions;
}

void Fleet::whyOfBox(policy::VersionId number, UniqueFunction<void(Result<std::optional<std::string>>)> take) {
  for (const SuperpodPtr& superpod : superpods_) {
    if (superpod->state() != Superpod::State::kReady || !superpod->serves(number)) continue;
    const std::string name = superpod->versions().at(number).name.toString();
    return superpod->admin().why(name, [take = std::move(take)](Result<std::string> told) mutable {
      if (!told) return take(fail(std::move(told.error())));
      take(std::optional(std::move(*told)));
    });
  }
  take(std::optional<std::string>());
}

std::string Fleet::explainPlacement(policy::VersionId number) {
  const VersionRegistry::Known known = services_.registry.find(number);
  if (!known.version) return "it is not deployed any more";
  return std::string(policy::explain(placementOf(number, known, HowMany::kEnough).reason));
}

void Fleet::drain() {
  draining_ = true;
  for (const SuperpodPtr& superpod : superpods_) superpod->drain();
}

}  // namespace wasabi::node
