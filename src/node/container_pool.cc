#include "node/container_pool.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/check.h"

namespace wasabi::node {
namespace {

using namespace std::chrono_literals;

constexpr Duration kOneSample = 1s;

policy::ContainerScaler::Settings scalingOf(const platform::Version& version, const PoolRules& rules) {
  const catalog::FunctionLimits& limits = version.spec->limits;
  const policy::ScalingTarget target = policy::scalingTarget(std::min<double>(rules.most_target, limits.concurrency),
                                                             rules.most_target, limits.concurrency, rules.utilization);
  policy::ContainerScaler::Settings settings;
  settings.by_requests.target = target.target;
  settings.by_requests.total = target.total;
  settings.by_requests.target_burst_capacity = 0;  // the gateway holds every burst
  settings.by_requests.stable_window = rules.window;
  if (limits.cpu) settings.quota = Cores{*limits.cpu};
  settings.utilization = rules.utilization;
  return settings;
}

policy::ScaleControl::Settings controlOf(const platform::Version& version, const catalog::Scale& scale,
                                         const PoolRules& rules) {
  policy::ScaleControl::Settings settings;
  settings.min = std::min(scale.min, std::max(scale.max, 1U));
  settings.max = std::max(scale.max, 1U);
  settings.idle_period = rules.window;
  settings.grace = rules.grace;
  settings.progress_deadline = version.container->start_timeout;
  return settings;
}

}  // namespace

ContainerPool::ContainerPool(policy::VersionId number, platform::VersionPtr version, const Services& services)
    : number_(number),
      version_(std::move(version)),
      services_(services),
      scaler_(scalingOf(*version_, services_.rules), services_.replica.loop.now()),
      scale_control_(
          controlOf(*version_, scale_, services_.rules),
          policy::ScaleControl::beginning(controlOf(*version_, scale_, services_.rules), services_.replica.loop.now())),
      next_decision_(services_.replica.loop.now()),
      measured_since_(next_decision_),
      last_used_(next_decision_) {}

ContainerPool::~ContainerPool() = default;

std::string ContainerPool::name() const {
  return platform::VersionName{version_->name(), version_->number}.toString();
}

void ContainerPool::setScale(const catalog::Scale& scale) {
  if (scale == scale_) return;
  scale_ = scale;
  scale_control_.setSettings(controlOf(*version_, scale_, services_.rules));
}

// ---- how many -------------------------------------------------------------------------------------------------------

void ContainerPool::look() {
  const TimePoint now = services_.replica.loop.now();
  gone_.clear();
  buryDrained();
  measure();
  if (now >= next_decision_) decide();
  keepDesired();
  giveUpTrialsWithoutRoom();
  tellThoseWhoWait();
}

// Many samples make one figure for each second, so that short requests count with the time that they take.
void ContainerPool::measure() {
  const TimePoint now = services_.replica.loop.now();
  const auto figures = services_.replica.desk.figures(number_);
  load_sum_ += static_cast<double>(figures.running);
  if (!figures.waitsForTenantMemory()) load_sum_ += static_cast<double>(figures.waiting);
  ++samples_;
  if (figures.running > 0 || figures.waiting > 0) {
    last_used_ = now;
    left_with_.reset();
  }
  for (const auto& replica : replicas_) {
    if (replica->state() == ContainerReplica::State::kReady) backoff_.serves(*replica->readyAt(), now);
  }
  if (now - measured_since_ < kOneSample) return;
  scaler_.recordRequests(now, load_sum_ / samples_);
  recordCpu();
  load_sum_ = 0;
  samples_ = 0;
  measured_since_ = now;
}

// Where none tells anything, nothing is known.
void ContainerPool::recordCpu() {
  std::optional<Cores> used;
  for (const auto& replica : replicas_) {
    if (const auto cores = replica->coresServing()) used = Cores{used.value_or(Cores{}).value + cores->value};
  }
  if (used) scaler_.recordCpu(services_.replica.loop.now(), *used);
}

void ContainerPool::addUnmeasured(TimePoint before, std::vector<ContainerReplica*>& replicas) {
  for (const auto& replica : replicas_) {
    if (const auto measured = replica->measuredAt(); measured && *measured <= before) replicas.push_back(replica.get());
  }
}

void ContainerPool::decide() {
  const TimePoint now = services_.replica.loop.now();
  next_decision_ = now + policy::Autoscaler::kTick;
  const policy::CombinedWish wish = scaler_.decide(ready(), now);
  const policy::ScaleControl::Step step = scale_control_.apply(wish.wish, ready(), {}, now);
  if (step.replicas) desired_ = *step.replicas;
  if (left_with_) desired_ = std::min(desired_, *left_with_);
  counters_.scale_reason = policy::toString(step.reason);
  counters_.scaled_by = wish.binding;
}

void ContainerPool::wanted() {
  if (closed_ || desired_ > 0) return;
  left_with_.reset();
  const TimePoint now = services_.replica.loop.now();
  scaler_.recordRequests(now, static_cast<double>(services_.replica.desk.figures(number_).waiting));
  decide();
  desired_ = std::max(desired_, 1U);
  last_used_ = now;
  keepDesired();
  tellThoseWhoWait();
}

void ContainerPool::bringUp(Ready done) {
  if (closed_) return done(fail(ErrorCode::kUnavailable, "the server stops"));
  if (ready() > 0) return done({});
  trials_.push_back(std::move(done));
  left_with_.reset();
  desired_ = std::max(desired_, 1U);
  keepDesired();
}

bool ContainerPool::isPresent(const ContainerReplica& replica) const {
  return replica.generation == generation_;
}

std::uint32_t ContainerPool::ready() const {
  return static_cast<std::uint32_t>(std::count_if(replicas_.begin(), replicas_.end(), [](const auto& one) {
    return one->state() == ContainerReplica::State::kReady;
  }));
}

std::uint32_t ContainerPool::alive() const {
  return static_cast<std::uint32_t>(std::count_if(replicas_.begin(), replicas_.end(), [&](const auto& one) {
    using State = ContainerReplica::State;
    return isPresent(*one) && (one->state() == State::kStarting || one->state() == State::kReady);
  }));
}

void ContainerPool::keepDesired() {
  const std::optional<RoomLack> lacked = std::exchange(lacks_, std::nullopt);
  if (closed_) return;
  std::uint32_t present = alive();
  for (; present < desired_ && backoff_.mayStart(services_.replica.loop.now()); ++present) {
    if (!startOne()) break;
  }
  if (lacks_ && !lacked) lacks_since_ = services_.replica.loop.now();
  for (; present > desired_; --present) drainOne();
  drainReplaced();
}

std::optional<RoomLack> ContainerPool::whatLacks() const {
  const ByteSize memory = version_->spec->limits.memory;
  if (!services_.tenants.fits(version_->name().tenant, memory)) return RoomLack::kTenant;
  if (!services_.room.fitsContainer(memory)) return RoomLack::kMachine;
  return std::nullopt;
}

bool ContainerPool::startOne() {
  lacks_ = whatLacks();
  if (lacks_) return false;
  const ByteSize memory = version_->spec->limits.memory;
  services_.room.takeContainer(memory);
  services_.tenants.take(version_->name().tenant, memory);
  ++counters_.started;
  ReplicaOwner& owner = *this;
  replicas_.push_back(std::make_unique<ContainerReplica>(++services_.last_name, number_, services_.targets.take(),
                                                         version_, services_.replica, owner));
  replicas_.back()->generation = generation_;
  return true;
}

// One that serves nobody yet, else the one with the highest number: the desk prefers the lower ones.
void ContainerPool::drainOne() {
  ContainerReplica* chosen = nullptr;
  for (const auto& replica : replicas_) {
    using State = ContainerReplica::State;
    if (!isPresent(*replica) || (replica->state() != State::kStarting && replica->state() != State::kReady)) continue;
    const bool better = chosen == nullptr || replica->state() == State::kStarting ||
                        (chosen->state() == State::kReady && replica->target() > chosen->target());
    if (better) chosen = replica.get();
  }
  WASABI_CHECK(chosen != nullptr);
  services_.log.info("container is given up", {{"container", chosen->name()}, {"reason", counters_.scale_reason}});
  chosen->drain();
}

void ContainerPool::replaceAll() {
  ++generation_;
}

// Once those in their place serve; where there is no room for both, one goes first.
void ContainerPool::drainReplaced() {
  std::uint32_t serving = 0;
  for (const auto& replica : replicas_) {
    serving += isPresent(*replica) && replica->state() == ContainerReplica::State::kReady ? 1 : 0;
  }
  const bool may_go = serving >= desired_ || lacks_;
  if (!may_go) return;
  for (const auto& replica : replicas_) {
    using State = ContainerReplica::State;
    if (isPresent(*replica) || (replica->state() != State::kStarting && replica->state() != State::kReady)) continue;
    replica->drain();
    if (lacks_) return;
  }
}

std::optional<Duration> ContainerPool::idleFor() const {
  const auto figures = services_.replica.desk.figures(number_);
  const bool is_kept = !trials_.empty() || ready() <= scale_.min || figures.running > 0 || figures.waiting > 0;
  if (is_kept) return std::nullopt;
  return services_.replica.loop.now() - last_used_;
}

void ContainerPool::giveUpOne() {
  left_with_ = std::max(ready(), 1U) - 1;
  desired_ = *left_with_;
  counters_.scale_reason = "room_for_others";
  counters_.scaled_by = policy::Metric::kRequests;
  keepDesired();
}

bool ContainerPool::givesBackRoom() const {
  return std::any_of(replicas_.begin(), replicas_.end(),
                     [](const auto& one) { return one->state() == ContainerReplica::State::kDraining; });
}

void ContainerPool::close() {
  closed_ = true;
  desired_ = 0;
  tellTrials(fail(ErrorCode::kUnavailable, "it is not deployed any more, or the server stops"));
  for (const auto& replica : replicas_) replica->drain();
}

// ---- they come and go -----------------------------------------------------------------------------------------------

void ContainerPool::replicaReady(ContainerReplica& replica) {
  services_.log.info("container is ready", {{"container", replica.name()}, {"version", name()}});
  tellTrials({});
}

void ContainerPool::replicaGone(ContainerReplica& replica, const ReplicaEnd& end) {
  const auto place =
      std::find_if(replicas_.begin(), replicas_.end(), [&](const auto& one) { return one.get() == &replica; });
  WASABI_CHECK(place != replicas_.end());
  if (replica.readyAt()) {
    closed_targets_.push_back(replica.target());
  } else {
    services_.targets.giveBack(replica.target());
  }
  services_.room.giveBackContainer(version_->spec->limits.memory);
  services_.tenants.giveBack(version_->name().tenant, version_->spec->limits.memory);
  gone_.push_back(std::move(*place));
  replicas_.erase(place);
  if (!end.meant) noteEnd(replica, end);
  keepDesired();
}

void ContainerPool::noteEnd(const ContainerReplica& replica, const ReplicaEnd& end) {
  const TimePoint now = services_.replica.loop.now();
  ++counters_.died;
  backoff_.ended(replica.readyAt(), now);
  counters_.last_end = PoolFigures::End{now, end.why, backoff_.inARow(), backoff_.notBefore()};
  services_.log.warn("container ended", {{"container", replica.name()}, {"version", name()}, {"reason", end.why}});
  tellTrials(fail(end.not_in_time ? ErrorCode::kTimeout : ErrorCode::kInvalid, "its container " + end.why));
  if (end.not_in_time && ready() == 0) services_.refuse(number_, Reason::kStartTimeout, "its container " + end.why);
}

// In a loop nobody is left to wait for a start that will most likely fail.
void ContainerPool::tellThoseWhoWait() {
  if (closed_ || !backoff_.looping() || alive() > 0 || ready() > 0) return;
  if (services_.replica.desk.figures(number_).waiting == 0) return;
  services_.refuse(number_, Reason::kNotStarted,
                   fmt::format("its container ended {} times in a row, and is started again later; the last one {}",
                               backoff_.inARow(), counters_.last_end->why));
}

// Those who wait for a request's sake have its deadline.
void ContainerPool::giveUpTrialsWithoutRoom() {
  const bool is_late = lacks_ && services_.replica.loop.now() - lacks_since_ >= version_->container->start_timeout;
  if (trials_.empty() || !is_late || alive() > 0) return;
  const std::string_view where = *lacks_ == RoomLack::kTenant ? "its tenant's memory quota" : "the machine";
  tellTrials(fail(ErrorCode::kTimeout,
                  fmt::format("there was no room for a container of {} (limits.memory) in {} within {} (start_timeout)",
                              wasabi::toString(version_->spec->limits.memory), where,
                              wasabi::toString(version_->container->start_timeout))));
}

void ContainerPool::tellTrials(const Result<void>& result) {
  std::vector<Ready> trials = std::exchange(trials_, {});
  for (Ready& done : trials) done(result);
}

void ContainerPool::buryDrained() {
  std::erase_if(closed_targets_, [&](policy::TargetId target) {
    if (!services_.replica.desk.drained(target)) return false;
    services_.targets.giveBack(target);
    return true;
  });
}

bool ContainerPool::over() const {
  if (!empty() || !trials_.empty()) return false;
  if (closed_) return true;
  const TimePoint now = services_.replica.loop.now();
  const bool remembers = counters_.last_end && now - counters_.last_end->when < services_.rules.forgotten_after;
  return desired_ == 0 && scale_.min == 0 && !remembers && now - last_used_ >= services_.rules.window &&
         services_.replica.desk.figures(number_).waiting == 0;
}

PoolFigures ContainerPool::figures() const {
  PoolFigures figures = counters_;
  figures.desired = desired_;
  figures.lacks = lacks_;
  for (const auto& replica : replicas_) {
    PoolFigures::OfContainer one;
    one.name = replica->name();
    one.state = replica->state();
    one.since = replica->since();
    one.pid = replica->pid();
    if (replica->readyAt()) one.running = services_.replica.desk.running(replica->target());
    if (const auto& meter = replica->meter()) {
      if (meter->rate()) one.cores = meter->rate()->cores;
      one.memory = meter->memory();
      one.peak = meter->peak();
    }
    figures.containers.push_back(std::move(one));
  }
  return figures;
}

}  // namespace wasabi::node
