#include "node/superpod.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <utility>

#include "node/superpod_config.h"
#include "node/superpod_shared.h"

namespace wasabi::node {
namespace {

namespace fs = std::filesystem;

constexpr Duration kLookAgain = std::chrono::milliseconds(20);

Result<void> takenByBox(const platform::VersionName& version, const Result<std::vector<ManifestProblem>>& problems) {
  if (!problems) return fail(problems.error());
  const std::string file = "/" + version.toString() + ".toml";
  for (const ManifestProblem& problem : *problems) {
    if (problem.file.ends_with(file)) return fail(ErrorCode::kInvalid, problem.reason);
  }
  return {};
}

}  // namespace

Superpod::Superpod(std::uint32_t number, policy::TargetId target, const Services& services, SuperpodOwner& owner)
    : number_(number),
      target_(target),
      name_(fmt::format("superpod-{}", number)),
      services_(services),
      owner_(owner),
      directory_(services.settings.directory + "/" + name_),
      runtime_(fmt::format("{}/{}", services.settings.runtime, number)),
      since_(services.loop.now()),
      admin_(services.loop, services.admin, runtime_ + "/admin.sock", services.settings.patience),
      timer_(services.loop),
      leaving_timer_(services.loop),
      shared_(std::make_shared<Shared>()),
      last_busy_(since_),
      alive_(std::make_shared<bool>(true)) {
  startOnWorkThread();
}

// Its directories go with it, after what the work thread has still to do there.
Superpod::~Superpod() {
  services_.egress.disconnect(target_);
  if (is_target_) services_.desk.closeTarget(target_);
  services_.work.post([shared = shared_, directory = directory_, runtime = runtime_] {
    shared->arriving.reset();
    shared->sandbox.reset();
    shared->catalog.reset();
    std::error_code ignored;
    fs::remove_all(directory, ignored);
    fs::remove_all(runtime, ignored);
  });
}

pid_t Superpod::pid() const {
  return shared_->sandbox ? shared_->sandbox->pid() : 0;
}

void Superpod::enter(State next) {
  state_ = next;
  since_ = services_.loop.now();
}

// ---- versions -------------------------------------------------------------------------------------------------------

bool Superpod::serves(policy::VersionId version) const {
  const auto found = versions_.find(version);
  return found != versions_.end() && found->second.state == Hosting::kServed;
}

void Superpod::host(policy::VersionId number, platform::VersionPtr version, const platform::SuperpodShare& share) {
  const auto [hosted, added] =
      versions_.try_emplace(number, Hosted{Hosting::kComing, {version->name(), version->number}, {}});
  hosted->second.share = share;
  leaving_.erase(number);
  services_.egress.admit(target_, version);
  usage_.hosts(hosted->second.name.function.tenant);
  services_.work.post([this, alive = std::weak_ptr<bool>(alive_), shared = shared_, &loop = services_.loop, number,
                       version = std::move(version), share, directory = directory_, config = newConfig()] {
    if (!shared->catalog) return;
    Result<void> put = config ? writeBoxConfig(directory, *config) : Result<void>();
    if (put) put = shared->catalog->place(*version, share);
    loop.post([this, alive, number, put = std::move(put)]() mutable {
      if (alive.lock()) placed(number, std::move(put));
    });
  });
}

void Superpod::placed(policy::VersionId version, Result<void> put) {
  if (!versions_.contains(version) || state_ == State::kGone) return;
  if (!put) {
    told_weights_.reset();  // they may not have come to the disk
    return notHosted(version, std::move(put));
  }
  to_reload_.push_back(version);
  reloadSoon();
}

void Superpod::notHosted(policy::VersionId version, Result<void> why) {
  unhost(version);
  owner_.hosted(*this, version, std::move(why));
}

// Those that are there, or on their way, finish on it: a box that was not asked for it yet loads it for them.
void Superpod::unhost(policy::VersionId number) {
  const auto found = versions_.find(number);
  if (found == versions_.end()) return;
  if (is_target_) services_.desk.servesNoMore(target_, number);
  leaving_[number] = {found->second.name, services_.loop.now() + services_.settings.drain_timeout};
  versions_.erase(found);
  removeLeaving();
}

// What is to be written; nothing where the box has the weights of all that it hosts, or is about to get them. That it
// has more is nobody's hurry.
std::optional<std::string> Superpod::newConfig() {
  CpuWeights weights;
  for (const auto& hosting : versions_) weights.try_emplace(hosting.second.name.function.tenant);
  for (const auto& entry : leaving_) weights.try_emplace(entry.second.name.function.tenant);
  for (auto& [tenant, weight] : weights) weight = owner_.cpuWeightOf(tenant);
  const bool is_told = told_weights_ && std::ranges::includes(*told_weights_, weights);
  if (is_told) return std::nullopt;
  told_weights_ = weights;
  return boxConfigText(services_.settings, weights);
}

void Superpod::configure() {
  if (state_ == State::kGone) return;
  auto config = newConfig();
  if (!config) return;
  services_.work.post([this, alive = std::weak_ptr<bool>(alive_), shared = shared_, &loop = services_.loop,
                       directory = directory_, config = std::move(*config)] {
    if (!shared->catalog) return;
    loop.post([this, alive, written = writeBoxConfig(directory, config)] {
      if (alive.lock()) configured(written);
    });
  });
}

void Superpod::configured(const Result<void>& written) {
  if (written) return reloadSoon();
  told_weights_.reset();  // they are written again the next time
}

// That their files go is nobody's hurry.
void Superpod::removeLeaving() {
  const TimePoint now = services_.loop.now();
  std::erase_if(leaving_, [&](const auto& entry) {
    const auto& [number, leaving] = entry;
    const bool is_used = is_target_ && services_.desk.figures(number).running > 0;
    if (is_used && now < leaving.until) return false;
    services_.egress.dismiss(target_, leaving.name);
    services_.work.post(
        [this, alive = std::weak_ptr<bool>(alive_), shared = shared_, &loop = services_.loop, name = leaving.name] {
          if (!shared->catalog || !shared->catalog->remove(name)) return;
          loop.post([this, alive] {
            if (alive.lock()) reloadSoon();
          });
        });
    return true;
  });
  if (!leaving_.empty()) leaving_timer_.arm(now + kLookAgain, [this] { removeLeaving(); });
}

// One at a time, for all that came meanwhile.
void Superpod::reloadSoon() {
  reload_wanted_ = true;
  if (reload_runs_ || state_ == State::kGone) return;
  reload_wanted_ = false;
  reload_runs_ = true;
  reloading_ = std::exchange(to_reload_, {});
  admin_.reload([this](Result<std::vector<ManifestProblem>> problems) { reloaded(problems); });
}

void Superpod::reloaded(const Result<std::vector<ManifestProblem>>& problems) {
  reload_runs_ = false;
  const std::vector<policy::VersionId> told = reloading_;
  if (problems) reloading_.clear();
  for (const policy::VersionId version : told) {
    const auto found = versions_.find(version);
    if (found == versions_.end()) continue;
    // A box that does not answer goes on with what it has.
    if (!problems && found->second.state == Hosting::kServed) continue;
    Result<void> served = takenByBox(found->second.name, problems);
    if (!served) {
      notHosted(version, std::move(served));
      continue;
    }
    found->second.state = Hosting::kServed;
    if (state_ == State::kReady) services_.desk.serves(target_, version, services_.loop.now());
    owner_.hosted(*this, version, std::move(served));
  }
  if (reload_wanted_) reloadSoon();
}

// ---- load -----------------------------------------------------------------------------------------------------------

void Superpod::askLoad() {
  if (state_ != State::kReady) return;
  admin_.load([this](Result<BoxLoad> load) {
    if (state_ != State::kReady) return;
    const TimePoint now = services_.loop.now();
    if (!load) {
      if (now - load_at_ >= services_.settings.longest_silence) giveUp("it does not answer: " + load.error().message());
      return;
    }
    const double seconds = toSeconds(now - load_at_);
    if (seconds > 0) cores_used_ = std::max(0.0, load->cpu_seconds - load_.cpu_seconds) / seconds;
    if (load->invocations > 0 || load->requests != load_.requests) last_busy_ = now;
    take(std::move(*load));
  });
}

void Superpod::take(BoxLoad load) {
  load_ = std::move(load);
  load_at_ = services_.loop.now();
  const double lived = toSeconds(load_at_ - ready_at_.value_or(load_at_));
  const double cores = std::max(services_.settings.cores, static_cast<double>(services_.settings.workers));
  const auto memory = static_cast<double>(services_.settings.memory.value);
  const auto used = usage_.grownBy(load_.tenants, {cores * lived, memory * lived});
  if (!used.empty()) owner_.tenantsUsed(used);
}

// ---- its end --------------------------------------------------------------------------------------------------------

void Superpod::drain() {
  if (state_ == State::kDraining || state_ == State::kGone) return;
  meant_to_end_ = true;
  const State before = state_;
  enter(State::kDraining);
  if (is_target_) services_.desk.closeTarget(target_);
  before == State::kReady ? watchDrain() : kill();
}

void Superpod::watchDrain() {
  const bool in_time = services_.loop.now() - since_ < services_.settings.drain_timeout;
  if (in_time && !services_.desk.drained(target_)) {
    timer_.arm(services_.loop.now() + kLookAgain, [this] { watchDrain(); });
    return;
  }
  askALastTime();  // nothing runs there, or has run for too long
}

// What was used since it told last is charged still.
void Superpod::askALastTime() {
  admin_.load([this](Result<BoxLoad> load) {
    if (state_ != State::kDraining) return;
    if (load) take(std::move(*load));
    kill();
  });
}

// Its requests end as those of one that died: nobody knows whether it still does anything.
void Superpod::giveUp(std::string fault) {
  fault_ = std::move(fault);
  if (std::exchange(is_target_, false)) services_.desk.closeTarget(target_);
  enter(State::kDraining);
  kill();
}

void Superpod::kill() {
  if (shared_->sandbox) shared_->sandbox->kill();
}

void Superpod::ended(const sandbox::Exit& exit) {
  if (fault_) return gone(fault_);
  gone(meant_to_end_ ? std::nullopt : std::optional(exit.words()));
}

void Superpod::gone(std::optional<std::string> why) {
  if (state_ == State::kGone) return;
  timer_.cancel();
  if (std::exchange(is_target_, false)) services_.desk.closeTarget(target_);
  enter(State::kGone);
  owner_.superpodGone(*this, why);
}

}  // namespace wasabi::node
