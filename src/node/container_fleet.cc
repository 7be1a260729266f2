#include "node/container_fleet.h"

#include <algorithm>
#include <set>
#include <utility>

namespace wasabi::node {
namespace {

using namespace std::chrono_literals;

constexpr Duration kLook = 50ms;

}  // namespace

ContainerFleet::ContainerFleet(PoolRules rules, Services services)
    : rules_(rules),
      services_(std::move(services)),
      for_replicas_{services_.loop,
                    services_.desk,
                    services_.runner,
                    starts_,
                    ends_,
                    services_.sockets,
                    services_.egress,
                    services_.find_image,
                    services_.ask_until_ready,
                    services_.get_secret,
                    services_.log_line,
                    [this](const TenantUse& use) {
                      cpu_seconds_ += use.cpu_seconds;
                      services_.used({use});
                    },
                    rules_.patience},
      timer_(services_.loop),
      alive_(std::make_shared<bool>(true)) {
  look();
}

ContainerFleet::~ContainerFleet() = default;

void ContainerFleet::look() {
  wakeUnserved();
  measure();
  for (const auto& entry : pools_) entry.second->look();
  for (const PoolPtr& pool : closing_) pool->look();
  std::erase_if(pools_, [this](const auto& entry) { return isOver(*entry.second); });
  std::erase_if(closing_, [this](const PoolPtr& pool) { return isOver(*pool); });
  makeRoom();
  timer_.arm(services_.loop.now() + kLook, [this] { look(); });
}

// Whose turn was longest ago comes first, so that nobody is left out where there are more than a look may read.
void ContainerFleet::measure() {
  const TimePoint before = services_.loop.now() - rules_.measured_each;
  std::vector<ContainerReplica*> replicas;
  for (const auto& entry : pools_) entry.second->addUnmeasured(before, replicas);
  for (const PoolPtr& pool : closing_) pool->addUnmeasured(before, replicas);
  const std::size_t count = std::min(replicas.size(), rules_.most_measured);
  std::ranges::partial_sort(replicas, replicas.begin() + static_cast<std::ptrdiff_t>(count), {},
                            &ContainerReplica::measuredAt);
  for (std::size_t i = 0; i < count; ++i) replicas[i]->measure();
}

bool ContainerFleet::isOver(const ContainerPool& pool) {
  if (!pool.over()) return false;
  const PoolFigures figures = pool.figures();
  started_before_ += figures.started;
  died_before_ += figures.died;
  return true;
}

void ContainerFleet::wanted(policy::VersionId version) {
  services_.loop.post([this, version, alive = std::weak_ptr<bool>(alive_)] {
    if (!alive.lock()) return;
    if (ContainerPool* pool = poolOf(version)) pool->wanted();
  });
}

// Those that lost their last container while somebody waited.
void ContainerFleet::wakeUnserved() {
  if (draining_ || !services_.desk.anyWaits()) return;
  for (const policy::VersionId version : services_.desk.unserved()) {
    if (ContainerPool* pool = poolOf(version)) pool->wanted();
  }
}

// Null for what is no container function, or gone.
ContainerPool* ContainerFleet::poolOf(policy::VersionId number) {
  if (draining_) return nullptr;
  if (const auto found = pools_.find(number); found != pools_.end()) return found->second.get();
  const VersionRegistry::Known known = services_.registry.find(number);
  if (!known.version || !known.version->isContainer()) return nullptr;
  auto pool = std::make_unique<ContainerPool>(
      number, known.version,
      ContainerPool::Services{for_replicas_, services_.targets, services_.room, tenants_, services_.refuse, rules_,
                              services_.log, last_name_});
  const FunctionName& name = known.version->name();
  const platform::FunctionRecord* function = snapshot_ ? snapshot_->function(name.tenant, name.function) : nullptr;
  ContainerPool* made = pool.get();
  pools_.emplace(number, std::move(pool));
  if (function) useScale(number, *function, *known.version);
  return made;
}

// What has no traffic is kept by nobody's wish.
void ContainerFleet::useScale(policy::VersionId number, const platform::FunctionRecord& function,
                              const platform::Version& version) {
  catalog::Scale scale = function.scale();
  const auto& shares = function.traffic.shares();
  const bool has_traffic = std::ranges::find(shares, version.number, &platform::TrafficShare::version) != shares.end();
  if (!has_traffic) scale.min = 0;
  pools_.at(number)->setScale(scale);
}

void ContainerFleet::close(policy::VersionId number) {
  const auto found = pools_.find(number);
  if (found == pools_.end()) return;
  closing_.push_back(std::move(found->second));
  pools_.erase(found);
  closing_.back()->close();
}

void ContainerFleet::use(platform::SnapshotPtr snapshot) {
  snapshot_ = std::move(snapshot);
  std::map<std::string, ByteSize> limits;
  for (const platform::TenantRecordPtr& tenant : snapshot_->tenants()) {
    if (tenant->quotas.memory) limits.emplace(tenant->name, *tenant->quotas.memory);
  }
  tenants_.setLimits(std::move(limits));
  std::vector<policy::VersionId> gone;
  for (const auto& [number, pool] : pools_) {
    const FunctionName& name = pool->version().name();
    const platform::FunctionRecord* function = snapshot_->function(name.tenant, name.function);
    const bool is_there = function && services_.registry.find(number).version != nullptr;
    if (!is_there) {
      gone.push_back(number);
    } else {
      useScale(number, *function, pool->version());
    }
  }
  for (const policy::VersionId number : gone) close(number);
  for (const platform::TenantRecordPtr& tenant : snapshot_->tenants()) {
    for (const platform::FunctionRecordPtr& function : snapshot_->functionsOf(tenant->name)) {
      if (function->scale().min == 0) continue;
      for (const platform::TrafficShare& share : function->traffic.shares()) {
        const platform::VersionPtr& version = function->find(share.version)->version;
        if (version->isContainer()) poolOf(services_.registry.numberOf(*tenant, *function, version));
      }
    }
  }
}

void ContainerFleet::secretsChanged(const std::string& tenant) {
  for (const auto& entry : pools_) {
    const platform::Version& version = entry.second->version();
    if (version.name().tenant == tenant && !version.spec->secrets.empty()) entry.second->replaceAll();
  }
}

void ContainerFleet::bringUp(const platform::VersionName& version, UniqueFunction<void(Result<void>)> done) {
  services_.loop.post([this, version, done = std::move(done), alive = std::weak_ptr<bool>(alive_)]() mutable {
    if (!alive.lock()) return done(fail(ErrorCode::kUnavailable, "the server stops"));
    tryOut(version, std::move(done));
  });
}

// What failed is not tried again by itself.
void ContainerFleet::tryOut(const platform::VersionName& name, ContainerPool::Ready done) {
  const platform::VersionPtr version = snapshot_ ? snapshot_->version(name) : nullptr;
  if (!version || draining_) return done(fail(ErrorCode::kNotFound, "it is not deployed any more"));
  const platform::FunctionRecord& function = *snapshot_->function(name.function.tenant, name.function.function);
  const policy::VersionId number =
      services_.registry.numberOf(*snapshot_->tenant(name.function.tenant), function, version);
  ContainerPool* pool = poolOf(number);
  if (!pool) return done(fail(ErrorCode::kInvalid, "it is no container function"));
  pool->bringUp([this, number, done = std::move(done)](Result<void> ready) mutable {
    if (!ready) {
      services_.loop.post([this, number, alive = std::weak_ptr<bool>(alive_)] {
        if (alive.lock()) close(number);
      });
    }
    done(std::move(ready));
  });
}

// Who is idle longest makes room for who serves nobody yet; of a tenant beyond its quota, in any case.
void ContainerFleet::makeRoom() {
  bool on_the_machine = false;
  std::set<std::string> tenants;
  for (const auto& entry : pools_) {
    const ContainerPool& pool = *entry.second;
    const std::string& tenant = pool.version().name().tenant;
    on_the_machine = on_the_machine || pool.waitsFor(RoomLack::kMachine);
    if (pool.waitsFor(RoomLack::kTenant) || tenants_.isOver(tenant)) tenants.insert(tenant);
  }
  if (on_the_machine) makeRoomAmong([](const ContainerPool&) { return true; });
  for (const std::string& tenant : tenants) {
    makeRoomAmong([&](const ContainerPool& pool) { return pool.version().name().tenant == tenant; });
  }
}

// One at a time: it takes a while until its room is there.
void ContainerFleet::makeRoomAmong(const std::function<bool(const ContainerPool&)>& concerned) {
  const auto gives_back = [&](const ContainerPool& pool) { return concerned(pool) && pool.givesBackRoom(); };
  const bool is_on_its_way =
      std::any_of(pools_.begin(), pools_.end(), [&](const auto& entry) { return gives_back(*entry.second); }) ||
      std::any_of(closing_.begin(), closing_.end(), [&](const PoolPtr& pool) { return gives_back(*pool); });
  if (is_on_its_way) return;
  ContainerPool* idlest = nullptr;
  Duration longest{};
  for (const auto& entry : pools_) {
    if (!concerned(*entry.second)) continue;
    const std::optional<Duration> idle = entry.second->idleFor();
    if (!idle || (idlest && *idle <= longest)) continue;
    idlest = entry.second.get();
    longest = *idle;
  }
  if (idlest) idlest->giveUpOne();
}

// ---- what it tells, and its end -------------------------------------------------------------------------------------

ContainerFleetFigures ContainerFleet::figures() const {
  ContainerFleetFigures figures;
  const auto add = [&](const ContainerPool& pool) {
    const platform::Version& version = pool.version();
    figures.versions.push_back({{version.name(), version.number}, version.image, pool.figures()});
  };
  for (const auto& entry : pools_) add(*entry.second);
  for (const PoolPtr& pool : closing_) add(*pool);
  figures.started = started_before_;
  figures.died = died_before_;
  figures.cpu_seconds = cpu_seconds_;
  for (const ContainerFleetFigures::OfVersion& version : figures.versions) {
    figures.started += version.pool.started;
    figures.died += version.pool.died;
  }
  figures.room = services_.room.capacity();
  figures.taken = services_.room.taken();
  return figures;
}

std::optional<PoolFigures> ContainerFleet::figuresOf(policy::VersionId version) const {
  const auto found = pools_.find(version);
  if (found == pools_.end()) return std::nullopt;
  return found->second->figures();
}

std::vector<platform::VersionPtr> ContainerFleet::versionsInUse() const {
  std::vector<platform::VersionPtr> versions;
  for (const auto& entry : pools_) versions.push_back(entry.second->versionPtr());
  for (const PoolPtr& pool : closing_) versions.push_back(pool->versionPtr());
  return versions;
}

void ContainerFleet::drain() {
  draining_ = true;
  std::vector<policy::VersionId> all;
  for (const auto& entry : pools_) all.push_back(entry.first);
  for (const policy::VersionId number : all) close(number);
}

}  // namespace wasabi::node
