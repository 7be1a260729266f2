#include "node/fleet.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/check.h"

namespace wasabi::node {
namespace {

using namespace std::chrono_literals;

constexpr Duration kLook = 50ms;
constexpr Duration kLoads = 1s;
constexpr Duration kFirstRest = 100ms;
constexpr Duration kLongestRest = 30s;
constexpr Duration kYoung = 5s;  // a superpod that dies sooner may be one of many

}  // namespace

Fleet::Fleet(FleetSettings settings, Services services)
    : settings_(std::move(settings)),
      services_(std::move(services)),
      admin_(services_.loop, {}, http::unixConnector(services_.loop)),
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
    for (const SuperpodPtr& superpod : superpods_) superpod->configure();
    levelShares();
    forgetOldDeaths();
  }
  if (now >= next_scale_) {
    next_scale_ = now + policy::Autoscaler::kTick;
    scale();
  }
  keepSpares();
  timer_.arm(now + kLook, [this] { look(); });
}

// ---- superpods come and go
// -------------------------------------------------------------------------------------------

// After so many failures in a row.
Duration Fleet::rest(std::uint32_t failures) {
  return std::min<Duration>(kFirstRest * (1 << std::min(failures, 20u)), kLongestRest);
}

Superpod& Fleet::start() {
  ++counters_.started;
  services_.room.takeSuperpod(settings_.superpod.memory);
  const Superpod::Services lent{services_.loop,    admin_, services_.desk,  services_.egress,
                                services_.backend, work_,  services_.blobs, services_.get_secret,
                                settings_.superpod};
  SuperpodOwner& owner = *this;
  superpods_.push_back(std::make_unique<Superpod>(++last_number_, services_.targets.take(), lent, owner));
  return *superpods_.back();
}

bool Fleet::mayStart() const {
  return !draining_ && superpods_.size() < settings_.most && services_.loop.now() >= start_not_before_ &&
         services_.room.fitsSuperpod(settings_.superpod.memory);
}

// Once all its requests have ended it is known under which versions it died.
void Fleet::buryDrained() {
  const std::vector<ClosedTarget> closed = std::exchange(closed_targets_, {});
  for (const ClosedTarget& target : closed) {
    if (!services_.desk.drained(target.id)) {
      closed_targets_.push_back(target);
      continue;
    }
    if (target.died) blame(target);
    services_.targets.giveBack(target.id);
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
  const TimePoint now = services_.loop.now();
  if (why && !superpod.readyAt()) start_not_before_ = now + rest(failed_starts_++);
  // Whoever kills them under load shall not keep the machine from working, nor busy with starts.
  if (why && superpod.readyAt() && now - *superpod.readyAt() < kYoung) start_not_before_ = now + kFirstRest;
  if (superpod.readyAt()) {
    closed_targets_.push_back({superpod.target(), why.has_value(), superpod.untaken()});
  } else {
    services_.targets.giveBack(superpod.target());
  }
  services_.room.giveBackSuperpod(settings_.superpod.memory);
  services_.loop.defer([gone = std::shared_ptr<Superpod>(std::move(*place))] {});
  superpods_.erase(place);
  hostWanted();
  keepSpares();
}

void Fleet::forgetOldDeaths() {
  const TimePoint now = services_.loop.now();
  for (auto& entry : quarantines_) entry.second.look(now);
  std::erase_if(quarantines_, [&](const auto& entry) { return entry.second.forgettable(now); });
}

// Those that ran there, and those that were just being loaded.
void Fleet::blame(const ClosedTarget& target) {
  std::vector<policy::VersionId> ran = services_.desk.diedUnder(target.id);
  std::set<policy::VersionId> versions(ran.begin(), ran.end());
  versions.insert(target.untaken.begin(), target.untaken.end());
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
